import { type CodePoint, codePoint } from "./code-points.js";

type Bidi = CodePoint["bidi"];

const inRightToLeft: ReadonlySet<Bidi> = new Set<Bidi>(["R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);
const inLeftToRight: ReadonlySet<Bidi> = new Set<Bidi>(["L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"]);

const classes = (text: readonly number[]): Bidi[] => text.map((value) => codePoint(value).bidi);

/** Does it hold anything written from right to left, so that the Bidi Rule has a say? */
export function hasRightToLeft(text: readonly number[]): boolean {
  return classes(text).some((bidi) => bidi === "R" || bidi === "AL" || bidi === "AN");
}

/** The Bidi Rule of RFC 5893 §2, its six conditions in order. */
export function keepsBidiRule(text: readonly number[]): boolean {
  const all = classes(text);
  const [first] = all;
  const last = all.findLast((bidi) => bidi !== "NSM");
  if (first === "L") return all.every((bidi) => inLeftToRight.has(bidi)) && (last === "L" || last === "EN");
  if (first !== "R" && first !== "AL") return false;
  return all.every((bidi) => inRightToLeft.has(bidi)) && (last === "R" || last === "AL" || last === "EN" || last === "AN") && !(all.includes("EN") && all.includes("AN"));
}
