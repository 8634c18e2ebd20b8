import { Buffer } from "node:buffer";

/** The bytes of a text in UTF-8. */
export const utf8 = (text: string): Uint8Array => Buffer.from(text, "utf8");

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts);

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

const STRICT = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** RFC 4648 §4, white space around and within apart (some writers fold lines). Undefined where it is anything else. */
export function fromBase64(text: string): Uint8Array | undefined {
  const packed = text.replace(/[ \t\r\n]+/g, "");
  return STRICT.test(packed) ? Buffer.from(packed, "base64") : undefined;
}

/** In a time that depends on the lengths alone. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}

/** XEP-0116, "Multiple-Precision Integers": big-endian without leading zero octets. */
export function minimal(integer: Uint8Array): Uint8Array {
  let zeros = 0;
  while (zeros < integer.length && integer[zeros] === 0) zeros++;
  return integer.subarray(zeros);
}

/** Which of two big-endian integers is larger: negative, zero or positive. */
export function compareIntegers(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(leftPadded(a, b.length), leftPadded(b, a.length));
}

/** At least so many octets, with zeros in front. */
export function leftPadded(integer: Uint8Array, length: number): Uint8Array {
  if (integer.length >= length) return integer;
  return concat(new Uint8Array(length - integer.length), integer);
}

/** As far as JavaScript allows. */
export function wipe(...secrets: readonly (Uint8Array | undefined)[]): void {
  for (const secret of secrets) secret?.fill(0);
}
