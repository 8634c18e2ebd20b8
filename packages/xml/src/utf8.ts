import { Buffer, isUtf8 } from "node:buffer";

/** Is `text` longer than so many bytes of UTF-8? */
export function byteLengthExceeds(text: string, bytes: number): boolean {
  if (text.length > bytes) return true;
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}

/**
 * How many bytes at the end may be the beginning of a code point whose rest is still to come.
 * What is held back here and is no such beginning after all (E0 80, say) is found out with the next bytes.
 */
function openEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf5 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return back < length ? back : 0;
  }
  return 0;
}

/**
 * Where the first fault of `bytes` as UTF-8 stands, and where the code point begins that may still be incomplete.
 * @returns `valid`: bytes from the beginning that are whole code points; `rest`: bytes behind them to hold back, or -1 where they are no UTF-8
 */
export function wholeCodePoints(bytes: Uint8Array): { readonly valid: number; readonly rest: number } {
  const rest = openEnd(bytes);
  const end = bytes.length - rest;
  if (isUtf8(bytes.subarray(0, end))) return { valid: end, rest };
  // Only a stream that is about to be closed comes here: bisect, since every beginning of valid UTF-8 is valid but for its open end.
  let valid = 0;
  let broken = end;
  while (broken - valid > 1) {
    const middle = (valid + broken) >> 1;
    const head = bytes.subarray(0, middle);
    if (isUtf8(head.subarray(0, middle - openEnd(head)))) valid = middle;
    else broken = middle;
  }
  const head = bytes.subarray(0, valid);
  return { valid: valid - openEnd(head), rest: -1 };
}
