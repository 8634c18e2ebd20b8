import { Buffer } from "node:buffer";
import { type Compatibility, type Crypto, deployed } from "../src/index.js";
import { sessionKeys } from "../src/keys.js";
import { nodeCrypto } from "../src/node/crypto.js";
import { minimal } from "../src/octets.js";
import { type Established, type PreparedRekey, StanzaCipher } from "../src/stanza-cipher.js";

/** 2⁶¹ − 1: a prime that BigInt is quick with. What is tested here does not hang on its size. */
const p = 2n ** 61n - 1n;
export const prime = toOctets(p);

function toOctets(value: bigint): Uint8Array {
  const digits = value.toString(16);
  return minimal(Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex"));
}

export function smallPower(base: Uint8Array, exponent: Uint8Array): Uint8Array {
  let [b, n, result] = [BigInt(`0x${Buffer.from(base).toString("hex")}`) % p, BigInt(`0x${Buffer.from(exponent).toString("hex")}`), 1n];
  for (; n > 0n; n >>= 1n) {
    if (n & 1n) result = (result * b) % p;
    b = (b * b) % p;
  }
  return toOctets(result);
}

export const generator = Uint8Array.of(37);
const exponentOf = (): Uint8Array => Uint8Array.from([1, ...nodeCrypto.random(6)]);

export function prepared(cipher: StanzaCipher): PreparedRekey {
  const exponent = exponentOf();
  return { against: cipher.peerPublic, exponent, publicValue: smallPower(generator, exponent), power: smallPower(cipher.peerPublic, exponent) };
}

/** Two ends of one session, their keys agreed. */
export function cipherPair(options: { readonly compatibility?: Compatibility; readonly crypto?: Crypto; readonly cryptoOfBob?: Crypto } = {}) {
  const { alice, bob } = establishedPair(options);
  const { crypto = nodeCrypto, cryptoOfBob = crypto } = options;
  return { alice: new StanzaCipher(crypto, alice), bob: new StanzaCipher(cryptoOfBob, bob) };
}

/** What a negotiation leaves at each end. */
export function establishedPair({ compatibility = deployed, crypto = nodeCrypto }: { readonly compatibility?: Compatibility; readonly crypto?: Crypto } = {}) {
  const [x, y] = [exponentOf(), exponentOf()];
  const k = crypto.sha256(smallPower(smallPower(generator, y), x));
  const counters = [crypto.random(16), crypto.random(16)] as const;
  const lengths = { cipher: "aes128-ctr", compatibility } as const;
  const keys = (who: "Initiator" | "Responder") => sessionKeys(crypto, k, who, lengths);
  const shared = { cipher: "aes128-ctr", compatibility, prime } as const;
  const alice: Established = {
    ...shared,
    sending: keys("Initiator"),
    receiving: keys("Responder"),
    sendCounter: counters[0],
    receiveCounter: counters[1],
    exponent: x,
    peerPublic: smallPower(generator, y),
  };
  const bob: Established = {
    ...shared,
    sending: keys("Responder"),
    receiving: keys("Initiator"),
    sendCounter: counters[1],
    receiveCounter: counters[0],
    exponent: y,
    peerPublic: smallPower(generator, x),
  };
  return { alice, bob };
}
