import { concat, leftPadded, minimal } from "./octets.js";

/** Octets of an AES block, and of its counter. */
export const BLOCK = 16;

/** A block counter that has moved on by so many blocks, modulo 2¹²⁸. */
export function advanced(counter: Uint8Array, blocks: number): Uint8Array {
  const moved = Uint8Array.from(counter);
  let carry = blocks;
  for (let index = BLOCK - 1; index >= 0 && carry > 0; index--) {
    const sum = (moved[index] ?? 0) + carry;
    moved[index] = sum % 256;
    carry = Math.floor(sum / 256);
  }
  return moved;
}

/** XEP-0116, "Diffie-Hellman Preparation": C_B = C_A xor 2ⁿ⁻¹. */
export function opposite(counter: Uint8Array): Uint8Array {
  return concat(Uint8Array.of((counter[0] ?? 0) ^ 0x80), counter.subarray(1));
}

/** As it goes into a MAC. */
export function counterOctets(counter: Uint8Array, form: "minimal" | "padded"): Uint8Array {
  return form === "minimal" ? minimal(counter) : leftPadded(counter, BLOCK);
}

/** Blocks that so many octets take, the last one perhaps in part. */
export const blocksOf = (octets: number): number => Math.ceil(octets / BLOCK);
