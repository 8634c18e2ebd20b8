import type { Crypto } from "./crypto.js";
import { equal, utf8 } from "./octets.js";

/** A secret kept from one session to the next (XEP-0116, "Secret Retention"), for one client of a peer. */
export interface RetainedSecret {
  /** The last session's. */
  readonly current: Uint8Array;
  /**
   * The one before: whoever crashed between the third and the fourth message of the last session still has it, and that is no alarm.
   */
  readonly previous?: Uint8Array;
}

/** XEP-0116, "Sending Alice's Identity": under our fresh nonce, so that nobody is known by their secrets. */
export const offeredHash = (crypto: Crypto, nonce: Uint8Array, secret: Uint8Array): Uint8Array => crypto.hmac(nonce, secret);

/** XEP-0116, "Sending Bob's Identity". */
export const confirmedHash = (crypto: Crypto, secret: Uint8Array): Uint8Array => crypto.hmac(secret, utf8("Shared Retained Secret"));

/** XEP-0116: what is retained from a session, from its final K. */
export const newRetainedSecret = (crypto: Crypto, finalK: Uint8Array): Uint8Array => crypto.hmac(finalK, utf8("New Retained Secret"));

/** Every secret in the order in which it is looked for. */
export function candidates(secrets: readonly RetainedSecret[]): Uint8Array[] {
  return [...secrets.map(({ current }) => current), ...secrets.flatMap(({ previous }) => previous ?? [])];
}

/** Bob's search for the shared retained secret among what Alice has hashed. */
export function findOffered(crypto: Crypto, secrets: readonly RetainedSecret[], nonce: Uint8Array, hashes: readonly Uint8Array[]): Uint8Array | undefined {
  return candidates(secrets).find((secret) => {
    const own = offeredHash(crypto, nonce, secret);
    return hashes.some((hash) => equal(hash, own));
  });
}

/** Alice's search. */
export function findConfirmed(crypto: Crypto, secrets: readonly RetainedSecret[], hash: Uint8Array): Uint8Array | undefined {
  return candidates(secrets).find((secret) => equal(confirmedHash(crypto, secret), hash));
}

/** Secrets kept for one peer: as many clients of theirs. */
const KEPT = 16;

/** What is kept once a session stands: the new secret in the place of the one that was shared, or as another client's. */
export function retain(secrets: readonly RetainedSecret[], shared: Uint8Array | undefined, fresh: Uint8Array): RetainedSecret[] {
  const index = shared ? secrets.findIndex(({ current, previous }) => equal(current, shared) || (previous !== undefined && equal(previous, shared))) : -1;
  const replaced = secrets[index];
  const entry: RetainedSecret = replaced ? { current: fresh, previous: shared ?? replaced.current } : { current: fresh };
  return [entry, ...secrets.filter((secret) => secret !== replaced)].slice(0, KEPT);
}
