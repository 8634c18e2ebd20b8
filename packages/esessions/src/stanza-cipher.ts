import { BalconyError } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import type { Compatibility } from "./compatibility.js";
import { BLOCK, blocksOf } from "./counter.js";
import type { Crypto } from "./crypto.js";
import { Direction } from "./direction.js";
import { type EncryptedContent, writeEncrypted } from "./encrypted-content.js";
import { inRange } from "./groups.js";
import { type Cipher, type DirectionKeys, rekeyKeys } from "./keys.js";
import { concat, minimal, utf8, wipe } from "./octets.js";

/** Everything that two sides know of each other once negotiation is complete (XEP-0200 §4). */
export interface Established {
  readonly cipher: Cipher;
  readonly compatibility: Compatibility;
  readonly prime: Uint8Array;
  readonly sending: DirectionKeys;
  readonly receiving: DirectionKeys;
  /** Where the counters stand behind the identities. */
  readonly sendCounter: Uint8Array;
  readonly receiveCounter: Uint8Array;
  /** Our x or y, and the other side's e or d. */
  readonly exponent: Uint8Array;
  readonly peerPublic: Uint8Array;
}

/** A re-key of ours, computed and not yet sent. */
export interface PreparedRekey {
  /** The peer's public value that it was computed with: one that has changed since makes it void. */
  readonly against: Uint8Array;
  readonly exponent: Uint8Array;
  /** Our new public value: gˣ. */
  readonly publicValue: Uint8Array;
  /** `against` to the power of `exponent`. */
  readonly power: Uint8Array;
}

/** A stanza that was verified and decrypted. */
export interface Opened {
  readonly plaintext: Uint8Array | undefined;
  /** The peer begins a re-key: `accept()` must be given base to the power of exponent before anything else is opened. */
  readonly rekey: { readonly base: Uint8Array; readonly exponent: Uint8Array } | undefined;
}

/** XEP-0200 §8.2's {K_C, K_M, x}: the other side's keys, once it has seen the re-key that `exponent` belongs to. */
interface KeySet {
  keys: DirectionKeys;
  readonly exponent: Uint8Array;
}

/** Re-keys of ours that the peer has not yet been heard to have received. */
const MOST_OUTSTANDING = 8;
/** XEP-0200, "Maximum Key Life": 2³² blocks; half of it, as the counter stands behind the re-key that is to come. */
const MOST_BLOCKS = 2 ** 31;
/** Old MAC keys in one stanza. */
const MOST_PUBLISHED = 16;

/**
 * Stanza encryption (XEP-0200), both directions of one session. Has no I/O: what is sent must leave in the order of `seal()`, and what comes in must come to `open()` in the
 * order in which it was sent. Whatever throws here ends the session.
 *
 * Each side has one pair of sending keys, and a set of receiving keys for itself at each re-key that the other side may not have seen yet:
 *
 * | event                              | sending keys                     | sets                                              |
 * |------------------------------------|----------------------------------|---------------------------------------------------|
 * | we re-key (in a stanza, old keys)  | become Initiator's               | one more, with Acceptor's                          |
 * | a stanza says it has seen n more   |                                  | the oldest n are destroyed                         |
 * | the peer re-keys                   | if there is one set: Acceptor's  | the keys of all of them become Initiator's         |
 */
export class StanzaCipher {
  readonly #crypto: Crypto;
  readonly #cipher: Cipher;
  readonly #compatibility: Compatibility;
  readonly #prime: Uint8Array;
  readonly #sending: Direction;
  readonly #receiving: Direction;
  readonly #sets: KeySet[];
  readonly #mostBlocks: number;
  #peerPublic: Uint8Array;
  /** Re-keys of the peer since our last stanza, for `<new/>`. */
  #unannounced = 0;
  #rekeys = 0;
  #acknowledged = 0;
  /** Old sending MAC keys, to be published once the peer is heard to have seen our re-key number `from`. */
  #retired: { readonly mac: Uint8Array; readonly from: number }[] = [];
  #publishable: Uint8Array[] = [];
  #accepting = false;

  /** @param mostBlocks under one key; fewer only where a test must come to the end of them */
  constructor(crypto: Crypto, established: Established, mostBlocks = MOST_BLOCKS) {
    const { cipher, compatibility, prime, sending, receiving, sendCounter, receiveCounter, exponent, peerPublic } = established;
    this.#crypto = crypto;
    this.#mostBlocks = mostBlocks;
    this.#cipher = cipher;
    this.#compatibility = compatibility;
    this.#prime = prime;
    this.#sending = new Direction(crypto, compatibility, sending, sendCounter);
    this.#receiving = new Direction(crypto, compatibility, receiving, receiveCounter);
    this.#sets = [{ keys: receiving, exponent }];
    this.#peerPublic = peerPublic;
  }

  /** What a re-key of ours is computed against. */
  get peerPublic(): Uint8Array {
    return this.#peerPublic;
  }

  /** May we begin another re-key, as far as memory goes? */
  get mayRekey(): boolean {
    return this.#sets.length <= MOST_OUTSTANDING;
  }

  /** Has the present key encrypted as much as it may? Then a re-key is due, or the end. */
  get exhausted(): boolean {
    return this.#sending.blocks >= this.#mostBlocks;
  }

  /**
   * Encrypts the content of a stanza.
   * @param content what is sent; nothing for a stanza that only re-keys. Empty content is none, too: without octets the counter would stand still, and the stanza could be played again
   * @returns the `<c/>`, or undefined where `rekey` is void, because the peer has re-keyed meanwhile
   */
  seal(content: string | undefined, rekey?: PreparedRekey): Element | undefined {
    if (rekey && rekey.against !== this.#peerPublic) return undefined;
    const old = this.#publishable.splice(0, MOST_PUBLISHED);
    const mac = this.#sending.macOfNext();
    const data = this.#sending.apply(content ? this.#padded(content) : undefined);
    const c = writeEncrypted({ data, key: rekey && minimal(rekey.publicValue), seen: this.#unannounced, old }, mac);
    this.#unannounced = 0;
    if (rekey) this.#initiated(rekey);
    return c;
  }

  #padded(content: string): Uint8Array {
    const octets = utf8(content);
    if (this.#compatibility.padding === "none") return octets;
    // Octets, not characters: "Grüße" has seven of them.
    return concat(octets, utf8(" ".repeat(blocksOf(octets.length) * BLOCK - octets.length)));
  }

  /** XEP-0200 §8.2, behind the stanza that carries the new e. */
  #initiated({ exponent, power }: PreparedRekey): void {
    this.#rekeys += 1;
    this.#sets.push({ keys: this.#derive(power, "Acceptor"), exponent });
    this.#replaceSending(this.#derive(power, "Initiator"), this.#rekeys);
  }

  /** Is this what the peer sends next? Changes nothing. */
  verifies({ seen, mac, covered }: EncryptedContent): boolean {
    const set = this.#sets[seen];
    return set !== undefined && this.#receiving.verify(mac, covered, set.keys);
  }

  /**
   * Verifies and decrypts. A stanza whose MAC is wrong changes nothing here.
   * @throws `stanza-unverified`, `rekey-invalid`
   */
  open(content: EncryptedContent): Opened {
    const { data, key, seen } = content;
    if (this.#accepting) throw new BalconyError("internal", "A stanza was opened before the re-key ahead of it was accepted.");
    const set = this.#sets[seen];
    // XEP-0200 §7: a stanza out of order has another counter, and so has one that is played again.
    if (!set || !this.verifies(content)) {
      throw new BalconyError("stanza-unverified", "An encrypted stanza was altered, lost, doubled or put out of order: the session cannot go on.", { phase: "session" });
    }
    this.#acknowledge(seen);
    this.#receiving.rekey(set.keys);
    const plaintext = this.#receiving.apply(data);
    if (!key) return { plaintext, rekey: undefined };
    if (!inRange(key, this.#prime)) throw new BalconyError("rekey-invalid", "The peer re-keyed with a public value out of range.", { phase: "session" });
    this.#accepting = true;
    this.#peerPublic = key;
    return { plaintext, rekey: { base: key, exponent: set.exponent } };
  }

  /** XEP-0200 §8.3: the re-key that was last opened, computed. */
  accept(power: Uint8Array): void {
    const theirs = this.#derive(power, "Initiator");
    const [oldest] = this.#sets;
    if (oldest) this.#publish(oldest.keys.mac); // every later stanza of theirs is under the new one
    for (const set of this.#sets) {
      if (set.keys !== oldest?.keys) wipe(set.keys.cipher, set.keys.mac);
      set.keys = theirs;
    }
    if (oldest) wipe(this.#receiving.keys.cipher, this.#receiving.keys.mac);
    this.#receiving.rekey(theirs);
    if (this.#sets.length === 1) this.#replaceSending(this.#derive(power, "Acceptor"), this.#rekeys + 1);
    this.#unannounced += 1;
    this.#accepting = false;
  }

  /** The peer has seen so many more of our re-keys: what it will not use again is destroyed, and may be published (XEP-0200 §9). */
  #acknowledge(count: number): void {
    if (count === 0) return;
    const dropped = this.#sets.splice(0, count);
    this.#acknowledged += count;
    const live = new Set(this.#sets.map(({ keys }) => keys));
    const gone = new Set(dropped.map(({ keys }) => keys).filter((keys) => !live.has(keys)));
    for (const { exponent } of dropped) wipe(exponent);
    const used = this.#receiving.keys;
    if (gone.has(used)) this.#publish(used.mac); // the others were never used
    for (const keys of gone) wipe(keys.cipher, keys.mac);
    for (const { mac, from } of this.#retired) if (from <= this.#acknowledged) this.#publish(mac);
    this.#retired = this.#retired.filter(({ from }) => from > this.#acknowledged);
  }

  #publish(mac: Uint8Array): void {
    this.#publishable.push(Uint8Array.from(mac));
  }

  #replaceSending(keys: DirectionKeys, from: number): void {
    const old = this.#sending.keys;
    this.#retired.push({ mac: Uint8Array.from(old.mac), from });
    this.#sending.rekey(keys);
    wipe(old.cipher, old.mac);
  }

  #derive(power: Uint8Array, direction: "Initiator" | "Acceptor"): DirectionKeys {
    return rekeyKeys(this.#crypto, power, direction, { cipher: this.#cipher, compatibility: this.#compatibility });
  }

  /** Destroys every key. Nothing can be sealed or opened any more. */
  wipe(): void {
    this.#sending.wipe();
    this.#receiving.wipe();
    for (const { keys, exponent } of this.#sets) wipe(keys.cipher, keys.mac, exponent);
    for (const { mac } of this.#retired) wipe(mac);
    this.#sets.length = 0;
    this.#retired = [];
    this.#publishable = [];
  }
}
