import { Buffer } from "node:buffer";
import { expect, it } from "vitest";
import { BLOCK } from "../src/counter.js";
import { readEncrypted } from "../src/encrypted-content.js";
import { type Compatibility, type Crypto, deployed, strict } from "../src/index.js";
import { nodeCrypto } from "../src/node/crypto.js";
import type { StanzaCipher } from "../src/stanza-cipher.js";
import { cipherPair, prepared, smallPower } from "./cipher-pair.js";

const number = (octets: Uint8Array): bigint => BigInt(`0x${Buffer.from(octets).toString("hex")}`);

/** Sees each block of keystream that one side makes, both directions: what it encrypts with, and what the peer has encrypted with. */
function watching(): { readonly crypto: Crypto; readonly again: () => number; readonly blocks: () => number; readonly keys: () => number } {
  /** By key: where its first block was, and how many blocks behind that were used up to now. */
  const used = new Map<string, { readonly first: bigint; next: number }>();
  let [again, blocks] = [0, 0];
  const crypto: Crypto = {
    ...nodeCrypto,
    ctr: (key, counter) => {
      const name = Buffer.from(key).toString("latin1");
      const start = number(counter);
      const known = used.get(name) ?? { first: start, next: 0 };
      used.set(name, known);
      const stream = nodeCrypto.ctr(key, counter);
      const offset = Number(BigInt.asUintN(128, start - known.first));
      let octets = 0;
      return {
        apply: (data) => {
          const [from, to] = [offset + Math.ceil(octets / BLOCK), offset + Math.ceil((octets + data.length) / BLOCK)];
          // A counter only ever goes on: a block below where this key has been before was used before.
          if (to > from && from < known.next) again++;
          known.next = Math.max(known.next, to);
          blocks += to - from;
          octets += data.length;
          return stream.apply(data);
        },
      };
    },
  };
  return { crypto, again: () => again, blocks: () => blocks, keys: () => used.size };
}

function receive(cipher: StanzaCipher, sender: StanzaCipher, content: string, rekey: boolean): void {
  const c = sender.seal(content, rekey && sender.mayRekey ? prepared(sender) : undefined);
  if (!c) throw new Error("void");
  const opened = cipher.open(readEncrypted(c));
  if (opened.rekey) cipher.accept(smallPower(opened.rekey.base, opened.rekey.exponent));
}

// 10⁵ stanzas in all.
it.each<[Compatibility, number]>([
  [deployed, 60_000],
  [strict, 40_000],
])(
  "no block of keystream is used twice, in so many stanzas of random sizes with re-keys in both directions ($name)",
  (compatibility, stanzas) => {
    const seen = watching();
    const { alice, bob } = cipherPair({ compatibility, crypto: seen.crypto, cryptoOfBob: nodeCrypto });
    const sizes = nodeCrypto.random(stanzas);
    for (let index = 0; index < stanzas; index++) {
      const [sender, receiver] = ((sizes[(index * 7) % stanzas] ?? 0) & 1) === 0 ? [alice, bob] : [bob, alice];
      receive(receiver, sender, "x".repeat((sizes[index] ?? 0) % 120), index % 97 === 0);
    }
    expect(seen.keys()).toBeGreaterThan(stanzas / 100);
    expect(seen.blocks()).toBeGreaterThan(stanzas * 3);
    expect(seen.again()).toBe(0);
  },
  120_000,
); // some 3 s where nobody else computes

it("is seen where it happens: a key that begins again where it began before", () => {
  const seen = watching();
  const [key, counter] = [nodeCrypto.random(32), nodeCrypto.random(16)];
  seen.crypto.ctr(key, counter).apply(new Uint8Array(40));
  seen.crypto.ctr(key, counter).apply(new Uint8Array(1));
  expect(seen.again()).toBe(1);
});
