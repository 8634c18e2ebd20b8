import type { Element } from "@balcony/xml";
import type { ErrorCode } from "./codes.js";

/** The step of `open()` or `accept()` in which something failed. */
export type Phase = "discover" | "negotiate" | "starttls" | "trust" | "stream" | "compare" | "session" | "store" | "client";

/** What a stanza of type error says (RFC 6120 §8.3). */
export interface StanzaErrorDetail {
  readonly type: "auth" | "cancel" | "continue" | "modify" | "wait";
  /** The defined condition: `item-not-found`, `service-unavailable`, … */
  readonly condition: string;
  readonly text?: string | undefined;
  /** The application's own condition: `<unknown-session xmlns='urn:xmpp:jingle:errors:1'/>` */
  readonly application?: Element | undefined;
}

/** A key that was refused, and those that are known for the same address: what a dialog shows. */
export interface RefusedKey {
  /** SHA-256 of the SubjectPublicKeyInfo that the peer has shown: 64 lower-case hex digits. */
  readonly shown: string;
  readonly known: readonly {
    readonly fingerprint: string;
    readonly status: "unverified" | "verified" | "revoked";
    readonly label?: string | undefined;
    /** By what name and when (ISO 8601) it was verified. */
    readonly how?: string | undefined;
    readonly at?: string | undefined;
    /** ISO 8601. */
    readonly lastSeen: string;
  }[];
}

/** Something that was tried on the way, and why it did not work. */
export interface Tried {
  /** Namespace of the Jingle transport. */
  readonly transport: string;
  /** In words: "s5b: 192.0.2.7:51234 (direct) cannot be reached". */
  readonly step: string;
  readonly reason: string;
  readonly code: ErrorCode | undefined;
}

export interface ErrorDetail {
  readonly phase?: Phase | undefined;
  /** The address it is about. */
  readonly peer?: string | undefined;
  /** What a person can do about it. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Set where `code` is `stanza-error`. */
  readonly stanza?: StanzaErrorDetail | undefined;
  /** The stream error condition (RFC 6120 §4.9.3) or Jingle reason (XEP-0166 §7.4) that goes with it on the wire. */
  readonly condition?: string | undefined;
  /** Set where a key was refused: `key-changed`, `key-revoked`, `not-trusted`, `too-many-devices`. */
  readonly key?: RefusedKey | undefined;
  /** Set where no transport connected, `failed-transport` and `expired`: every candidate and transport that failed, in the order of their failing. */
  readonly tried?: readonly Tried[] | undefined;
}

/** The one class of errors. `code` is stable: write `switch (error.code)`. */
export class BalconyError extends Error {
  override readonly name = "BalconyError";
  readonly code: ErrorCode;
  readonly phase: Phase | undefined;
  readonly peer: string | undefined;
  readonly hint: string | undefined;
  readonly stanza: StanzaErrorDetail | undefined;
  readonly condition: string | undefined;
  readonly key: RefusedKey | undefined;
  readonly tried: readonly Tried[];

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.phase = detail.phase;
    this.peer = detail.peer;
    this.hint = detail.hint;
    this.stanza = detail.stanza;
    this.condition = detail.condition;
    this.key = detail.key;
    this.tried = detail.tried ?? [];
  }

  /** The same error with more, or other, detail. */
  with(detail: ErrorDetail): BalconyError {
    const { cause, condition, hint, key, peer, phase, stanza, tried } = this;
    return new BalconyError(this.code, this.message, { cause, condition, hint, key, peer, phase, stanza, tried, ...detail });
  }
}

const errorTypes = {
  "bad-request": "modify",
  conflict: "cancel",
  "feature-not-implemented": "cancel",
  forbidden: "auth",
  gone: "cancel",
  "internal-server-error": "cancel",
  "item-not-found": "cancel",
  "jid-malformed": "modify",
  "not-acceptable": "modify",
  "not-allowed": "cancel",
  "not-authorized": "auth",
  "policy-violation": "modify",
  "recipient-unavailable": "wait",
  redirect: "modify",
  "registration-required": "auth",
  "remote-server-not-found": "cancel",
  "remote-server-timeout": "wait",
  "resource-constraint": "wait",
  "service-unavailable": "cancel",
  "subscription-required": "auth",
  "undefined-condition": "modify",
  "unexpected-request": "wait",
} as const satisfies Record<string, StanzaErrorDetail["type"]>;

/** A condition of RFC 6120 §8.3.3. */
export type StanzaCondition = keyof typeof errorTypes;

/** Is this a condition of RFC 6120 §8.3.3? */
export function isStanzaCondition(condition: string): condition is StanzaCondition {
  return Object.hasOwn(errorTypes, condition);
}

/** An error that answers a request: throw it in a handler and the asker gets it. `type` follows from the condition where it is not given. */
export function stanzaError(
  condition: StanzaCondition,
  detail: { readonly type?: StanzaErrorDetail["type"]; readonly text?: string; readonly application?: Element } = {},
): BalconyError {
  const stanza: StanzaErrorDetail = { type: detail.type ?? errorTypes[condition], condition, text: detail.text, application: detail.application };
  return new BalconyError("stanza-error", detail.text ? `${condition}: ${detail.text}` : condition, { stanza, condition });
}
