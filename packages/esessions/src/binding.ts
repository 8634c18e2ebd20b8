import type { Crypto } from "./crypto.js";
import type { Transcript } from "./negotiation.js";
import { concat, utf8 } from "./octets.js";

/** SHA-256 over fields, each behind its length in four octets (docs/security.md). */
function hashOf(crypto: Crypto, label: string, ...fields: readonly (string | Uint8Array)[]): Uint8Array {
  return crypto.sha256(
    concat(
      ...[label, ...fields].flatMap((field) => {
        const octets = typeof field === "string" ? utf8(field) : field;
        const length = octets.length;
        return [Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255), octets];
      }),
    ),
  );
}

export interface BindingInput {
  /** Bare addresses in normal form. */
  readonly initiator: string;
  readonly responder: string;
  readonly thread: string;
  readonly transcript: Transcript;
  /** SubjectPublicKeyInfo of each device's key, DER. */
  readonly spkiInitiator: Uint8Array;
  readonly spkiResponder: Uint8Array;
}

/** What ties a session to the devices at its ends, and what a ceremony within it runs on. */
export interface Binding {
  /** What each device signs, for its own role: `T` and the role's name. */
  readonly signed: { readonly initiator: Uint8Array; readonly responder: Uint8Array };
  readonly ctx: Uint8Array;
  readonly ekm: Uint8Array;
}

/**
 * The binding of a session between two Balconies: everything that was negotiated, and both keys.
 * @param finalSecret K before any re-key
 */
export function bindingOf(crypto: Crypto, finalSecret: Uint8Array, { initiator, responder, spkiInitiator, spkiResponder, thread, transcript }: BindingInput): Binding {
  const { counterA, d, e, forms, nonceA, nonceB } = transcript;
  const t = hashOf(crypto, "balcony-es-transcript-1", initiator, responder, thread, ...forms, e, d, nonceA, nonceB, counterA, spkiInitiator, spkiResponder);
  const ctx = hashOf(crypto, "balcony-ctx-es-1", t);
  return {
    signed: { initiator: concat(t, utf8("initiator")), responder: concat(t, utf8("responder")) },
    ctx,
    ekm: hkdf(crypto, finalSecret, concat(utf8("balcony-es-ekm-1"), ctx)),
  };
}

/** RFC 5869 with SHA-256, without salt, 32 octets. */
function hkdf(crypto: Crypto, secret: Uint8Array, info: Uint8Array): Uint8Array {
  const extracted = crypto.hmac(new Uint8Array(32), secret);
  return crypto.hmac(extracted, concat(info, Uint8Array.of(1)));
}
