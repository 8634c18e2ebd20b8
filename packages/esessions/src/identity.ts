import type { Compatibility } from "./compatibility.js";
import { advanced, BLOCK, blocksOf, counterOctets } from "./counter.js";
import type { Crypto } from "./crypto.js";
import type { SessionKeys } from "./keys.js";
import { concat, equal, minimal, utf8 } from "./octets.js";

/** What an identity is bound to: XEP-0116, "Hiding Bob's Identity" and "Hiding Alice's Identity". */
export interface IdentityInput {
  /** The other side's ESession ID first. */
  readonly nonces: readonly [theirs: Uint8Array, own: Uint8Array];
  /** The prover's own e or d. */
  readonly publicValue: Uint8Array;
  /** The canonical `<KeyValue/>`, or nothing. */
  readonly publicKey: string;
  /** The canonical forms, in the order of the text. */
  readonly forms: readonly string[];
}

/** mac_A or mac_B. */
export function identityMac(crypto: Crypto, sigma: Uint8Array, { nonces, publicValue, publicKey, forms }: IdentityInput): Uint8Array {
  return crypto.hmac(sigma, concat(...nonces, minimal(publicValue), utf8(publicKey), ...forms.map(utf8)));
}

/** An identity as it is sent, and where the sender's counter stands behind it. */
export interface SealedIdentity {
  /** ID_A or ID_B. */
  readonly identity: Uint8Array;
  /** M_A or M_B. */
  readonly mac: Uint8Array;
  readonly counter: Uint8Array;
}

export interface Sealing {
  readonly keys: SessionKeys;
  /** The sender's counter before the identity. */
  readonly counter: Uint8Array;
  readonly compatibility: Compatibility;
}

/** Encrypts an identity and proves that it is whole. */
export function sealIdentity(crypto: Crypto, plaintext: Uint8Array, { keys, counter, compatibility }: Sealing): SealedIdentity {
  const padded = compatibility.padding === "to-block" ? concat(plaintext, utf8(" ".repeat(blocksOf(plaintext.length) * BLOCK - plaintext.length))) : plaintext;
  const identity = crypto.ctr(keys.cipher, firstBlock(counter, compatibility)).apply(padded);
  return {
    identity,
    mac: crypto.hmac(keys.mac, concat(counterOctets(counter, compatibility.identityMacCounter), identity)),
    counter: advanced(counter, blocksOf(identity.length)),
  };
}

/** The plaintext of an identity, or undefined if its MAC is not right. */
export function openIdentity(
  crypto: Crypto,
  sealed: { readonly identity: Uint8Array; readonly mac: Uint8Array },
  { keys, counter, compatibility }: Sealing,
): { readonly plaintext: Uint8Array; readonly counter: Uint8Array } | undefined {
  const mac = crypto.hmac(keys.mac, concat(counterOctets(counter, compatibility.identityMacCounter), sealed.identity));
  if (!equal(mac, sealed.mac)) return undefined;
  return { plaintext: crypto.ctr(keys.cipher, firstBlock(counter, compatibility)).apply(sealed.identity), counter: advanced(counter, blocksOf(sealed.identity.length)) };
}

/** The counter of the first block that is encrypted when the counter stands at `counter`. */
export function firstBlock(counter: Uint8Array, compatibility: Compatibility): Uint8Array {
  return compatibility.firstBlock === "counter" ? counter : advanced(counter, 1);
}
