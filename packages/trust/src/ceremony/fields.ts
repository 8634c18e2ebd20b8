import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

/** SHA-256 over fields, each preceded by its length in 4 bytes, big-endian: no two lists of fields give the same bytes. */
export function hashFields(...fields: readonly (string | Uint8Array)[]): Uint8Array {
  return sha256(
    concatBytes(
      ...fields.flatMap((field) => {
        const bytes = typeof field === "string" ? utf8ToBytes(field) : field;
        const length = new Uint8Array(4);
        new DataView(length.buffer).setUint32(0, bytes.length);
        return [length, bytes];
      }),
    ),
  );
}

/** HKDF-SHA-256 (RFC 5869) without salt, 32 bytes. */
export function derive(key: Uint8Array, info: Uint8Array): Uint8Array {
  return hkdf(sha256, key, undefined, info, 32);
}

/** Takes the same time wherever the first difference is. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0);
  return difference === 0;
}
