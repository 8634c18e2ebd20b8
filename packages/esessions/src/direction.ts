import type { Compatibility } from "./compatibility.js";
import { advanced, BLOCK, blocksOf, counterOctets } from "./counter.js";
import type { Crypto, Keystream } from "./crypto.js";
import { firstBlock } from "./identity.js";
import type { DirectionKeys } from "./keys.js";
import { concat, equal, utf8, wipe } from "./octets.js";

/**
 * One direction of a session: the only owner of its cipher and its counter. The counter goes on over re-keys and never comes back, and each key has one keystream, so that
 * no block of keystream is used twice.
 */
export class Direction {
  /** Blocks encrypted under the present key (XEP-0200, "Maximum Key Life"). */
  blocks = 0;
  #keys: DirectionKeys;
  #counter: Uint8Array;
  #keystream: Keystream;
  /** Octets of the present block that the keystream has given already. */
  #partial = 0;

  constructor(
    private readonly crypto: Crypto,
    private readonly compatibility: Compatibility,
    keys: DirectionKeys,
    counter: Uint8Array,
  ) {
    this.#keys = keys;
    this.#counter = counter;
    this.#keystream = this.#start();
  }

  get keys(): DirectionKeys {
    return this.#keys;
  }

  /** Makes the MAC of what is encrypted next: it covers the counter as it stands now, before that (XEP-0200 §5). */
  macOfNext(): (covered: string) => Uint8Array {
    const counter = this.#counter;
    const { mac } = this.#keys;
    return (covered) => this.#mac(mac, covered, counter, this.compatibility.stanzaMacCounter);
  }

  /** Is this the MAC of what comes next, under these keys? Changes nothing. */
  verify(mac: Uint8Array, covered: string, keys: DirectionKeys): boolean {
    const { eitherMacCounter, stanzaMacCounter } = this.compatibility;
    if (equal(mac, this.#mac(keys.mac, covered, this.#counter, stanzaMacCounter))) return true;
    return eitherMacCounter && equal(mac, this.#mac(keys.mac, covered, this.#counter, stanzaMacCounter === "padded" ? "minimal" : "padded"));
  }

  #mac(key: Uint8Array, covered: string, counter: Uint8Array, form: "minimal" | "padded"): Uint8Array {
    return this.crypto.hmac(key, concat(utf8(covered), counterOctets(counter, form)));
  }

  /** Encrypts or decrypts a stanza's octets; without any the counter still moves on by one (XEP-0200 §5). */
  apply(data: Uint8Array | undefined): Uint8Array | undefined {
    if (!data) {
      this.#advance(BLOCK);
      return undefined;
    }
    const result = this.#keystream.apply(data);
    this.#count(data.length);
    if (this.compatibility.partialBlock === "skipped" && this.#partial > 0) this.#advance(BLOCK - this.#partial);
    return result;
  }

  #advance(octets: number): void {
    this.#keystream.apply(new Uint8Array(octets));
    this.#count(octets);
  }

  #count(octets: number): void {
    const fresh = blocksOf(this.#partial + octets) - blocksOf(this.#partial);
    this.#partial = (this.#partial + octets) % BLOCK;
    this.#counter = advanced(this.#counter, fresh);
    this.blocks += fresh;
  }

  /** A new key, and with it a fresh keystream from where the counter stands. */
  rekey(keys: DirectionKeys): void {
    if (keys === this.#keys) return; // the very same: its keystream is under way
    this.#keys = keys;
    this.#keystream = this.#start();
    this.#partial = 0;
    this.blocks = 0;
  }

  #start(): Keystream {
    return this.crypto.ctr(this.#keys.cipher, firstBlock(this.#counter, this.compatibility));
  }

  wipe(): void {
    wipe(this.#keys.cipher, this.#keys.mac);
    this.#keystream = { apply: gone };
  }
}

function gone(): never {
  throw new Error("This direction's keys are destroyed.");
}
