import { codePoint } from "./code-points.js";

const ZWNJ = 0x200c;
const ZWJ = 0x200d;

const within = (value: number | undefined, first: number, last: number): boolean => value !== undefined && value >= first && value <= last;
const script = (value: number | undefined): string => (value === undefined ? "" : codePoint(value).script);

/** May the CONTEXTJ or CONTEXTO code point at `index` stand there? The rules of RFC 5892, Appendix A, which RFC 8264 §4.2.2 takes over. */
export function contextAllows(text: readonly number[], index: number): boolean {
  const value = text[index];
  const before = text[index - 1];
  const after = text[index + 1];
  switch (value) {
    case ZWNJ: // A.1
      return isVirama(before) || (joins(text, index, -1) && joins(text, index, 1));
    case ZWJ: // A.2
      return isVirama(before);
    case 0xb7: // A.3: middle dot, between two l
      return before === 0x6c && after === 0x6c;
    case 0x375: // A.4: Greek keraia
      return script(after) === "greek";
    case 0x5f3: // A.5, A.6: Hebrew geresh and gershayim
    case 0x5f4:
      return script(before) === "hebrew";
    case 0x30fb: // A.7: Katakana middle dot
      return text.some((other) => script(other) === "japanese");
    default:
      if (within(value, 0x660, 0x669)) return !text.some((other) => within(other, 0x6f0, 0x6f9)); // A.8
      if (within(value, 0x6f0, 0x6f9)) return !text.some((other) => within(other, 0x660, 0x669)); // A.9
      return false;
  }
}

function isVirama(value: number | undefined): boolean {
  return value !== undefined && codePoint(value).virama === "1";
}

/** Does the next letter in that direction, transparent ones skipped, join toward `index`? */
function joins(text: readonly number[], index: number, step: 1 | -1): boolean {
  for (let at = index + step; at >= 0; at += step) {
    const value = text[at];
    if (value === undefined) return false;
    const { joining } = codePoint(value);
    if (joining !== "T") return joining === "D" || joining === (step < 0 ? "L" : "R");
  }
  return false;
}
