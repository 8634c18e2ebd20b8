import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

// CPace, draft-irtf-cfrg-cpace-21, cipher suite CPACE-RISTR255-SHA512 in the initiator-responder setting. Sections are the draft's.

type Point = typeof ristretto255.Point.ZERO;

/** Bytes of a scalar and of a share. */
export const SHARE_BYTES = 32;
/** Bytes of a tag: HMAC-SHA-512, whole. */
export const TAG_BYTES = 64;
/** SHA-512's input block. */
const BLOCK_BYTES = 128;
const DSI = utf8ToBytes("CPaceRistretto255");
const DSI_ISK = utf8ToBytes("CPaceRistretto255_ISK");

/** What both sides put in. */
export interface CpaceInput {
  /** The code, in its canonical form: PRS. */
  readonly secret: Uint8Array;
  /** What the run is bound to, computed by each side for itself and never sent: CI. */
  readonly channel: Uint8Array;
  /** The run's id: sid. */
  readonly sid: Uint8Array;
}

/** What one side has sent: its share Y, and its associated data AD. */
export interface Sent {
  readonly share: Uint8Array;
  readonly data: Uint8Array;
}

/** Appendix A.1: the bytes behind their length as LEB128. */
export function prependLength(bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let left = bytes.length; ; left = Math.floor(left / 128)) {
    if (left < 128) return concatBytes(Uint8Array.of(...length, left), bytes);
    length.push((left % 128) + 128);
  }
}

/** Appendix A.1: `lv_cat`. */
export function concatWithLengths(...fields: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...fields.map(prependLength));
}

/** Appendix A.2: `generator_string`. Zeros fill the first block of the hash, so that the code is hashed by itself. */
export function generatorString({ secret, channel, sid }: CpaceInput): Uint8Array {
  const padding = Math.max(0, BLOCK_BYTES - 1 - prependLength(secret).length - prependLength(DSI).length);
  return concatWithLengths(DSI, secret, new Uint8Array(padding), channel, sid);
}

/** §7.3: `calculate_generator`. */
export function generator(input: CpaceInput): Point {
  const derive = ristretto255_hasher.deriveToCurve; // RFC 9496 §4.3.4; its type is that of all curves, some of which have none
  if (!derive) throw new TypeError("@noble/curves has no element derivation for ristretto255.");
  return derive(sha512(generatorString(input)));
}

/**
 * §7.3: a scalar from 32 random bytes, little-endian, of which the bits above the 252nd are cleared; undefined for zero, which makes no share.
 */
export function scalarOf(bytes: Uint8Array): bigint | undefined {
  let scalar = 0n;
  for (let index = SHARE_BYTES - 1; index >= 0; index--) scalar = (scalar << 8n) | BigInt(bytes[index] ?? 0);
  scalar &= (1n << 252n) - 1n;
  return scalar === 0n ? undefined : scalar;
}

/** §7.3: `scalar_mult`, encoded. */
export function shareOf(scalar: bigint, base: Point): Uint8Array {
  return base.multiply(scalar).toBytes();
}

/**
 * §7.3: `scalar_mult_vfy`. Undefined where the draft has the neutral element, which ends the run: for what is no canonical encoding of an element, and for the neutral element itself.
 * The group has prime order: there are no small subgroups.
 */
export function multiplied(scalar: bigint, share: Uint8Array): Uint8Array | undefined {
  const point = decoded(share);
  return point && shareOf(scalar, point);
}

/** Is this an element other than the neutral one, in its canonical encoding? */
export function isShare(bytes: Uint8Array): boolean {
  return decoded(bytes) !== undefined;
}

function decoded(bytes: Uint8Array): Point | undefined {
  try {
    const point = ristretto255.Point.fromBytes(bytes);
    return point.is0() ? undefined : point;
  } catch {
    return undefined; // no encoding of anything (RFC 9496 §4.3.1)
  }
}

/** §6.2: the intermediate session key, over `transcript_ir`. */
export function sessionKey({ sid, point, a, b }: { readonly sid: Uint8Array; readonly point: Uint8Array; readonly a: Sent; readonly b: Sent }): Uint8Array {
  return sha512(concatBytes(concatWithLengths(DSI_ISK, sid, point), concatWithLengths(a.share, a.data), concatWithLengths(b.share, b.data)));
}

/** §9.4, key confirmation: the tag over what one side has sent. */
export function tagOf({ sid, key, sent }: { readonly sid: Uint8Array; readonly key: Uint8Array; readonly sent: Sent }): Uint8Array {
  const macKey = sha512(concatBytes(utf8ToBytes("CPaceMac"), sid, key));
  return hmac(sha512, macKey, concatWithLengths(sent.share, sent.data));
}
