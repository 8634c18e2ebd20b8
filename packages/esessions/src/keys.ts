import type { Compatibility } from "./compatibility.js";
import type { Crypto } from "./crypto.js";
import { concat, minimal, utf8 } from "./octets.js";

/** A cipher as it is named on the wire; all of them AES in counter mode. */
export const ciphers = ["aes256-ctr", "aes192-ctr", "aes128-ctr"] as const;
export type Cipher = (typeof ciphers)[number];

const cipherOctets: Readonly<Record<Cipher, number>> = { "aes128-ctr": 16, "aes192-ctr": 24, "aes256-ctr": 32 };

/** The keys of one direction. */
export interface DirectionKeys {
  readonly cipher: Uint8Array;
  readonly mac: Uint8Array;
}

/** The keys of one direction while identities are proven. */
export interface SessionKeys extends DirectionKeys {
  readonly sigma: Uint8Array;
}

/** Which key lengths a session has. */
export interface KeyLengths {
  readonly cipher: Cipher;
  readonly compatibility: Compatibility;
}

/** XEP-0116, "Generating Session Keys". */
export function sessionKeys(crypto: Crypto, k: Uint8Array, direction: "Initiator" | "Responder", lengths: KeyLengths): SessionKeys {
  return {
    cipher: cipherKey(crypto.hmac(k, utf8(`${direction} Cipher Key`)), lengths),
    mac: macKey(crypto.hmac(k, utf8(`${direction} MAC Key`)), lengths),
    sigma: macKey(crypto.hmac(k, utf8(`${direction} SIGMA Key`)), lengths),
  };
}

/** XEP-0200 §8.2. K is dˣ mod p itself, unhashed; as a multiple-precision integer it has no leading zero octets. */
export function rekeyKeys(crypto: Crypto, power: Uint8Array, direction: "Initiator" | "Acceptor", lengths: KeyLengths): DirectionKeys {
  const k = minimal(power);
  return {
    cipher: cipherKey(crypto.hmac(k, utf8(`Rekey ${direction} Crypt`)), lengths),
    mac: macKey(crypto.hmac(k, utf8(`Rekey ${direction} MAC`)), lengths),
  };
}

/** XEP-0116, "Diffie-Hellman Preparation": K = HASH(eʸ mod p). */
export function sharedSecret(crypto: Crypto, power: Uint8Array): Uint8Array {
  return crypto.sha256(minimal(power));
}

/** XEP-0116, "Generating Bob's Final Session Keys": K = HASH(K | SRS | OSS). */
export function finalSecret(crypto: Crypto, k: Uint8Array, retained: Uint8Array | undefined, other: Uint8Array | undefined): Uint8Array {
  return crypto.sha256(concat(k, retained ?? new Uint8Array(0), other ?? new Uint8Array(0)));
}

function cipherKey(hmac: Uint8Array, { cipher, compatibility }: KeyLengths): Uint8Array {
  return compatibility.cipherKey === "whole" ? hmac : Uint8Array.from(hmac.subarray(hmac.length - cipherOctets[cipher]));
}

function macKey(hmac: Uint8Array, { compatibility }: KeyLengths): Uint8Array {
  return compatibility.macKey === "whole" ? hmac : Uint8Array.from(hmac.subarray(hmac.length - 16));
}
