import { BalconyError, type ErrorCode } from "@balcony/channel";

/** What the process ends with; documented in the README. */
export const exitCodes = {
  ok: 0,
  internal: 1,
  usage: 2,
  server: 3,
  peer: 4,
  negotiation: 5,
  security: 6,
  broken: 7,
  store: 8,
  interrupted: 130,
} as const;

type Exit = keyof typeof exitCodes;

/** Every code that there is, each once; a test holds this against @balcony/channel's list. */
export const exits: Readonly<Record<Exit, readonly ErrorCode[]>> = {
  ok: [],
  internal: ["internal"],
  usage: ["invalid-argument", "invalid-jid", "code-invalid"],
  server: ["client-offline", "resource-conflict"],
  peer: [
    "unknown-resource",
    "peer-unavailable",
    "unsupported-peer",
    "room-occupant",
    "declined",
    "logging-differs",
    "busy",
    "cancelled",
    "verification-busy",
    "verification-cancelled",
    "verification-unsupported",
    "code-unknown",
  ],
  negotiation: [
    "timeout",
    "expired",
    "code-expired",
    "stanza-error",
    "failed-transport",
    "ice-failed",
    "webrtc-failed",
    "unsupported-transports",
    "unsupported-applications",
    "unsupported-info",
    "bad-request",
    "out-of-order",
    "tie-break",
    "unknown-session",
    "esession-form",
    "esession-options",
  ],
  security: [
    "downgrade-suspected",
    "signalling-tampered",
    "security-error",
    "starttls-missing",
    "starttls-refused",
    "starttls-injection",
    "tls-version",
    "tls-failed",
    "tls-rejected",
    "no-certificate",
    "certificate-invalid",
    "certificate-expired",
    "certificate-not-yet-valid",
    "certificate-usage",
    "certificate-no-address",
    "certificate-authority-unknown",
    "certificate-weak",
    "certificate-chain",
    "openpgp-statement",
    "openpgp-other-device",
    "openpgp-expired",
    "openpgp-key-unknown",
    "openpgp-key-revoked",
    "openpgp-key-expired",
    "openpgp-key-address",
    "openpgp-weak",
    "key-unacceptable",
    "reflection",
    "resumption",
    "alpn-mismatch",
    "address-mismatch",
    "fingerprint-mismatch",
    "key-changed",
    "key-revoked",
    "not-trusted",
    "statement-invalid",
    "too-many-devices",
    "verification-differs",
    "verification-violation",
    "verification-required",
    "verification-open",
    "commitment-mismatch",
    "guesses-spent",
    "code-wrong",
    "code-spent",
    "invalid-from",
    "improper-addressing",
    "esession-check",
    "ice-integrity",
    "stanza-unverified",
    "rekey-invalid",
    "ended-unverified",
    "tampered",
  ],
  broken: [
    "connection-lost",
    "truncated",
    "peer-dead",
    "stream-error",
    "session-ended",
    "closed",
    "ibb-unknown-sid",
    "ibb-block-size",
    "ibb-sequence",
    "ibb-base64",
    "ibb-lost",
    "ice-framing",
    "ice-stun",
    "webrtc-channel",
    "resource-constraint",
    "bad-format",
    "bad-namespace-prefix",
    "invalid-namespace",
    "invalid-xml",
    "not-well-formed",
    "policy-violation",
    "restricted-xml",
    "unsupported-encoding",
    "unsupported-version",
    "unsupported-feature",
    "unsupported-stanza-type",
    "not-authorized",
    "stanza-malformed",
  ],
  store: ["store-corrupt", "store-tampered", "store-inaccessible", "store-locked", "store-passphrase", "store-version"],
  interrupted: ["aborted"],
};

/** The exit code that an error leads to. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof ServerError) return exitCodes.server;
  if (!(error instanceof BalconyError)) return exitCodes.internal;
  const exit = (Object.keys(exits) as Exit[]).find((name) => exits[name].includes(error.code)) ?? "internal";
  // Outside of a session it is the server that broke off, or sends what is no XMPP.
  return exitCodes[exit === "broken" && error.phase === "client" ? "server" : exit];
}

/** The command was called in a way that cannot be meant. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The account's server could not be reached, or does not let us in. */
export class ServerError extends Error {
  override readonly name = "ServerError";
  constructor(
    message: string,
    readonly hint: string | undefined,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
