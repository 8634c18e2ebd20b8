import { kinds, runs } from "./code-points.data.js";

/** May a string hold it? By RFC 8264 §8 where it says `freeform` (only in FreeformClass) or `pvalid` (in IdentifierClass too), else by RFC 5892 §3. */
type Property = "pvalid" | "freeform" | "contextJ" | "contextO" | "disallowed" | "unassigned";

/** What Unicode 15.0.0 says of a code point. Properties that no rule asks for are "". */
export interface CodePoint {
  /** RFC 8264: in usernames and opaque strings. */
  readonly precis: Property;
  /** RFC 5892: in the labels of a domain name. */
  readonly label: Exclude<Property, "freeform">;
  /** Bidi_Class, as far as RFC 5893 names it. */
  readonly bidi: "L" | "R" | "AL" | "AN" | "EN" | "ES" | "CS" | "ET" | "ON" | "BN" | "NSM" | "";
  readonly joining: "L" | "R" | "D" | "T" | "";
  readonly script: "greek" | "hebrew" | "japanese" | "";
  /** Canonical_Combining_Class is Virama. */
  readonly virama: "1" | "";
  /** General_Category is Mark. */
  readonly mark: "1" | "";
}

interface Table {
  /** The first code point of each run, ascending. */
  readonly starts: Uint32Array;
  readonly kinds: readonly CodePoint[];
}

let table: Table | undefined;

function read(): Table {
  const known = kinds
    .trim()
    .split("\n")
    .map((line) => {
      const [precis, label, bidi, joining, script, virama, mark] = line.split(",");
      return { precis, label, bidi, joining, script, virama, mark } as CodePoint;
    });
  const words = runs.trim().split(/\s+/);
  const starts = new Uint32Array(words.length);
  const found: CodePoint[] = [];
  let start = 0;
  words.forEach((word, index) => {
    const [kind = "", length = "1"] = word.split("*");
    const codePoint = known[Number.parseInt(kind, 36)];
    if (codePoint === undefined) throw new Error("the table of code points is damaged");
    starts[index] = start;
    found.push(codePoint);
    start += Number.parseInt(length, 36);
  });
  return { starts, kinds: found };
}

/** The properties of a code point in Unicode 15.0.0, whatever version the runtime knows. */
export function codePoint(value: number): CodePoint {
  table ??= read();
  let low = 0;
  let high = table.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((table.starts[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  const found = table.kinds[low];
  if (found === undefined) throw new Error("the table of code points is empty");
  return found;
}

/** The code points of a string; half a surrogate pair is one too, and disallowed everywhere. */
export function codePoints(text: string): number[] {
  return Array.from(text, (character) => character.codePointAt(0) ?? 0);
}

/** A code point as people write it: `U+00DF`. */
export function show(value: number): string {
  return `U+${value.toString(16).toUpperCase().padStart(4, "0")}`;
}
