import { BalconyError, type ErrorCode, type StanzaCondition } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import { type Compatibility, deployed, strict } from "./compatibility.js";
import type { Crypto, Power, RsaKey } from "./crypto.js";
import type { Form } from "./form.js";
import { type SessionKeys, sessionKeys } from "./keys.js";
import type { Chosen, Messages, Parameters, Setting } from "./parameters.js";
import type { RetainedSecret } from "./retained-secrets.js";
import type { Established } from "./stanza-cipher.js";

/** What a negotiation is given before it starts: everything random in it, and everything remembered. */
export interface Given {
  readonly crypto: Crypto;
  readonly parameters: Parameters;
  /** The p of each group that may come up. */
  readonly prime: (group: number) => Uint8Array;
  /** Our ESession ID. */
  readonly nonce: Uint8Array;
  /** Our secret exponents, by group: at least 257 bits, each used once. */
  readonly exponents: ReadonlyMap<number, Uint8Array>;
  /** C_A, if we are the responder. */
  readonly counter: Uint8Array;
  /** Random values that stand where there is no retained secret: 32 octets each. */
  readonly decoys: readonly [Uint8Array, Uint8Array, Uint8Array];
  readonly secrets: readonly RetainedSecret[];
  /** XEP-0116's "Other Shared Secret", agreed outside. */
  readonly otherSecret?: Uint8Array | undefined;
  /** Our own, where we may have to show one. */
  readonly publicKey?: RsaKey | undefined;
  /** Is the session over with the stanza in the last form's? Three messages, and the initiator. */
  readonly terminates?: boolean | undefined;
}

/** What happens to a negotiation. */
export type NegotiationEvent =
  | { readonly kind: "start"; readonly messages: Messages }
  | { readonly kind: "computed"; readonly results: readonly Uint8Array[] }
  | { readonly kind: "received"; readonly form: Form; readonly wrapper: "feature" | "init" }
  | { readonly kind: "signed"; readonly signature: Uint8Array }
  | { readonly kind: "found"; readonly key: RsaKey | undefined }
  | { readonly kind: "verified"; readonly verdict: "trusted" | "forged" }
  | { readonly kind: "verified"; readonly verdict: "distrusted"; readonly reason: BalconyError };

/** What it wants done, in this order. */
export type Effect =
  | { readonly kind: "compute"; readonly powers: readonly Power[] }
  | { readonly kind: "send"; readonly form: Element; readonly wrapper: "feature" | "init" }
  /** With our own key; then `signed`. */
  | { readonly kind: "sign"; readonly data: Uint8Array }
  /** The peer's key with this fingerprint; then `found`. */
  | { readonly kind: "find"; readonly fingerprint: Uint8Array }
  /** Is the signature by this key, and is the key the peer's? Then `verified`. */
  | { readonly kind: "verify"; readonly key: RsaKey; readonly data: Uint8Array; readonly signature: Uint8Array }
  /** Answers the peer's last form with an error. */
  | { readonly kind: "refuse"; readonly condition: StanzaCondition; readonly fields: readonly string[] }
  | { readonly kind: "established"; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly error: BalconyError };

export interface Step<State> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** What both sides hold once it is complete. */
export interface Outcome {
  readonly chosen: Chosen;
  readonly established: Established;
  /** Four messages only. */
  readonly sas: string | undefined;
  /** The key that the peer was identified by. */
  readonly peerKey: RsaKey | undefined;
  /** `matched`: the same secret as last time. `missing`: there were some, and this peer has none of them. In three messages nobody asks for them: `none`. */
  readonly retained: "matched" | "missing" | "none";
  /** What was shared, and what is to be kept from now on: four messages only. */
  readonly shared: Uint8Array | undefined;
  readonly fresh: Uint8Array | undefined;
  /** K before any re-key, for the binding; to be wiped. */
  readonly finalSecret: Uint8Array;
  readonly transcript: Transcript;
  /** The initiator's last form says that the session is over with what is encrypted beside it (XEP-0116, "Sending Alice's Identity"): three messages only. */
  readonly terminates?: boolean;
}

/** What was said, as both sides have hashed it. */
export interface Transcript {
  /** In three messages there is no b2: it is empty. */
  readonly forms: readonly [a: string, b: string, a2: string, b2: string];
  readonly e: Uint8Array;
  readonly d: Uint8Array;
  readonly nonceA: Uint8Array;
  readonly nonceB: Uint8Array;
  readonly counterA: Uint8Array;
}

export const compatibilityOf = (setting: Setting): Compatibility => (setting === "deployed" ? deployed : strict);

export function retainedState(secrets: readonly RetainedSecret[], shared: Uint8Array | undefined): Outcome["retained"] {
  if (shared) return "matched";
  return secrets.length > 0 ? "missing" : "none";
}

/** The keys of both directions. */
export interface BothKeys {
  readonly initiator: SessionKeys;
  readonly responder: SessionKeys;
}

export function bothKeys(crypto: Crypto, k: Uint8Array, { cipher, setting }: Chosen): BothKeys {
  const lengths = { cipher, compatibility: compatibilityOf(setting) };
  return { initiator: sessionKeys(crypto, k, "Initiator", lengths), responder: sessionKeys(crypto, k, "Responder", lengths) };
}

const failure = (code: ErrorCode, message: string, more: { readonly hint?: string } = {}): Effect => ({
  kind: "failed",
  error: new BalconyError(code, message, { phase: "negotiate", ...more }),
});

/** What the peer is told of the form that it sent last. */
export const answer = (condition: StanzaCondition, fields: readonly string[] = []): readonly Effect[] => [{ kind: "refuse", condition, fields }];

/** XEP-0116 answers each check that fails with feature-not-implemented. */
export const refusedBy = (code: ErrorCode, message: string, more: { readonly hint?: string } = {}): readonly Effect[] => [
  ...answer("feature-not-implemented"),
  failure(code, message, more),
];

/** A check that failed. */
export const checkFailed = (what: string, condition: StanzaCondition = "feature-not-implemented", fields: readonly string[] = []): readonly Effect[] => [
  ...answer(condition, fields),
  failure("esession-check", `The ESession's negotiation failed a check: ${what}.`),
];

export const optionsRefused = (fields: readonly string[]): readonly Effect[] => [
  ...answer("not-acceptable", fields),
  failure("esession-options", `No option in common for: ${fields.join(", ")}.`),
];

/** XEP-0155 §4.3: fields that are required, and that we do not know. */
export const fieldsUnknown = (fields: readonly string[]): readonly Effect[] => [
  ...answer("feature-not-implemented", fields),
  failure("esession-options", `The other side requires what is not known here: ${fields.join(", ")}.`),
];

export const reflected = (): readonly Effect[] => refusedBy("reflection", "The other side sent our own value back.");

export const declined = (by: "declined" | "cancelled"): readonly Effect[] => [failure(by, `The other side ${by} the ESession.`)];

export const unexpected = (message: string): readonly Effect[] => [...answer("not-acceptable"), failure("esession-form", message)];
