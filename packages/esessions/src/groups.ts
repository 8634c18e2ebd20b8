import { compareIntegers, minimal } from "./octets.js";

/** MODP groups that are offered and taken without being asked for. */
export const defaultGroups: readonly number[] = [14, 15, 16];

/** MODP groups (RFC 3526) that may be used at all. 1, 2 and 5 are too short today and refused always, whatever the texts say of offering them. */
export const allowedGroups: readonly number[] = [14, 15, 16, 17, 18];

/** XEP-0116: 1 < e < p − 1. Anything else would fix the secret. */
export function inRange(value: Uint8Array, prime: Uint8Array): boolean {
  const last = Uint8Array.from(prime);
  last[last.length - 1] = (last[last.length - 1] ?? 1) - 1; // p is odd
  return compareIntegers(minimal(value), Uint8Array.of(1)) > 0 && compareIntegers(minimal(value), last) < 0;
}
