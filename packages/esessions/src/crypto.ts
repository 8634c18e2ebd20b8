/** A keystream under way: each call goes on where the last one stopped. */
export interface Keystream {
  /** Encrypts or decrypts, which is the same. */
  apply(data: Uint8Array): Uint8Array;
}

/** The algorithms that take microseconds. All of them are functions of their arguments alone, but for `random`. */
export interface Crypto {
  random(octets: number): Uint8Array;
  sha256(data: Uint8Array): Uint8Array;
  /** HMAC-SHA-256 (RFC 2104). */
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** AES in counter mode; the key's length says which AES. @param counter the first block's, 16 octets, counted up modulo 2¹²⁸ */
  ctr(key: Uint8Array, counter: Uint8Array): Keystream;
}

/** One exponentiation in a MODP group (RFC 2409, RFC 3526). */
export interface Power {
  readonly group: number;
  /** Left out for the generator. Must be in range: 1 < base < p − 1. */
  readonly base?: Uint8Array;
  readonly exponent: Uint8Array;
}

/** What takes milliseconds, and therefore does not run on the event loop. */
export interface Arithmetic {
  /** The group's p, big-endian. */
  prime(group: number): Uint8Array;
  /** The results, big-endian, in the same order. */
  powers(all: readonly Power[]): Promise<readonly Uint8Array[]>;
}

/** An RSA public key as numbers, big-endian without leading zeros. */
export interface RsaKey {
  readonly modulus: Uint8Array;
  readonly exponent: Uint8Array;
}

/** One's own key for RSA signatures (XEP-0116, "Key Signing Algorithms"). */
export interface Signer {
  readonly publicKey: RsaKey;
  /** RSASSA-PKCS1-v1_5 with SHA-256. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

/** RSASSA-PKCS1-v1_5 with SHA-256. */
export type Verify = (key: RsaKey, data: Uint8Array, signature: Uint8Array) => Promise<boolean>;
