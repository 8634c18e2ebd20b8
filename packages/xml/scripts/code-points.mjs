// Writes src/code-points.data.ts: what RFC 8264, RFC 5892 and RFC 5893 need to know of every code point, from the data of Unicode 15.0.0.
// Run it by `node packages/xml/scripts/code-points.mjs`; a test runs it too and compares.
//
// 15.0.0 because every supported runtime knows at least that: NFC and NFKC of the code points assigned in it are the same for ever
// (Unicode's stability policy), so the runtime's own normalize() may be used on them.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const COUNT = 0x110000;
const values = ["precis", "label", "bidi", "joining", "script", "virama", "mark"];

/** RFC 8264 §9.6 and RFC 5892 §2.6. */
const PVALID = [0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007];
const CONTEXTO = [0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb, ...range(0x660, 0x669), ...range(0x6f0, 0x6f9)];
const DISALLOWED = [0x640, 0x7fa, 0x302e, 0x302f, ...range(0x3031, 0x3035), 0x303b];

/** Canonical_Combining_Class=Virama, in UnicodeData.txt of 15.0.0: the data package leaves that property out. */
const VIRAMA =
  "94d 9cd a4d acd b4d bcd c4d ccd d3b d3c d4d dca e3a eba f84 1039 103a 1714 1715 1734 17d2 1a60 1b44 1baa 1bab 1bf2 1bf3 2d7f a806 a82c a8c4 a953 a9c0 aaf6 abed 10a3f 11046 11070 1107f 110b9 11133 11134 111c0 11235 112ea 1134d 11442 114c2 115bf 1163f 116b6 1172b 11839 1193d 1193e 119e0 11a34 11a47 11a99 11c3f 11d44 11d45 11d97 11f41 11f42";

const BIDI = {
  Left_To_Right: "L",
  Right_To_Left: "R",
  Arabic_Letter: "AL",
  Arabic_Number: "AN",
  European_Number: "EN",
  European_Separator: "ES",
  Common_Separator: "CS",
  European_Terminator: "ET",
  Other_Neutral: "ON",
  Boundary_Neutral: "BN",
  Nonspacing_Mark: "NSM",
};

function range(first, last) {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

async function points(property, ...names) {
  const found = new Set();
  for (const name of names) {
    const { default: ranges } = await import(`@unicode/unicode-15.0.0/${property}/${name}/ranges.mjs`);
    for (const { begin, end } of ranges) for (let cp = begin; cp < end; cp++) found.add(cp);
  }
  return found;
}

async function foldings() {
  const all = new Map();
  for (const kind of ["C", "F"]) {
    const { default: map } = await import(`@unicode/unicode-15.0.0/Case_Folding/${kind}/code-points.mjs`);
    for (const [from, to] of map) all.set(from, [to].flat());
  }
  return all;
}

const category = (...names) => points("General_Category", ...names);
const binary = (...names) => points("Binary_Property", ...names);

/** The data file as text. */
export async function generate() {
  const unassigned = await category("Unassigned");
  const noncharacters = await binary("Noncharacter_Code_Point");
  const ignorable = await binary("Default_Ignorable_Code_Point");
  const whiteSpace = await binary("White_Space");
  const letterDigits = await category("Lowercase_Letter", "Uppercase_Letter", "Other_Letter", "Decimal_Number", "Modifier_Letter", "Nonspacing_Mark", "Spacing_Mark");
  const otherLetterDigits = await category("Titlecase_Letter", "Letter_Number", "Other_Number", "Enclosing_Mark");
  const controls = await category("Control");
  const spaces = await category("Space_Separator");
  const symbols = await category("Math_Symbol", "Currency_Symbol", "Modifier_Symbol", "Other_Symbol");
  const punctuation = await category(
    "Connector_Punctuation",
    "Dash_Punctuation",
    "Open_Punctuation",
    "Close_Punctuation",
    "Initial_Punctuation",
    "Final_Punctuation",
    "Other_Punctuation",
  );
  const jamo = await points("Grapheme_Cluster_Break", "L", "V", "T");
  const blocks = await points("Block", "Combining_Diacritical_Marks_For_Symbols", "Musical_Symbols", "Ancient_Greek_Musical_Notation");
  const joinControl = await binary("Join_Control");
  const marks = await category("Mark");
  const virama = new Set(VIRAMA.split(" ").map((hex) => Number.parseInt(hex, 16)));
  const folding = await foldings();
  const bidi = new Map();
  for (const [name, short] of Object.entries(BIDI)) for (const cp of await points("Bidi_Class", name)) bidi.set(cp, short);
  // ArabicShaping.txt: what it does not list is transparent if it is Mn, Me or Cf.
  const joining = new Map();
  for (const cp of await category("Nonspacing_Mark", "Enclosing_Mark", "Format")) joining.set(cp, "T");
  const listed = { Left_Joining: "L", Right_Joining: "R", Dual_Joining: "D", Transparent: "T", Non_Joining: "", Join_Causing: "" };
  for (const [name, short] of Object.entries(listed)) {
    for (const cp of await points("Joining_Type", name)) joining.set(cp, short);
  }
  const script = new Map();
  for (const [name, short] of [
    ["Greek", "greek"],
    ["Hebrew", "hebrew"],
    ["Hiragana", "japanese"],
    ["Katakana", "japanese"],
    ["Han", "japanese"],
  ]) {
    for (const cp of await points("Script", name)) script.set(cp, short);
  }

  const nfkc = (cp) => String.fromCodePoint(cp).normalize("NFKC");
  const fold = (text) => String.fromCodePoint(...[...text].flatMap((character) => folding.get(character.codePointAt(0)) ?? [character.codePointAt(0)]));
  const unstable = (cp) => fold(nfkc(cp)).normalize("NFKC") !== String.fromCodePoint(cp);
  const contextual = (cp) => (joinControl.has(cp) ? "contextJ" : CONTEXTO.includes(cp) ? "contextO" : undefined);

  // RFC 8264 §8
  const precis = (cp) => {
    if (PVALID.includes(cp)) return "pvalid";
    if (CONTEXTO.includes(cp)) return "contextO";
    if (DISALLOWED.includes(cp)) return "disallowed";
    if (unassigned.has(cp) && !noncharacters.has(cp)) return "unassigned";
    if (cp >= 0x21 && cp <= 0x7e) return "pvalid";
    if (joinControl.has(cp)) return "contextJ";
    if (jamo.has(cp) || ignorable.has(cp) || noncharacters.has(cp) || controls.has(cp)) return "disallowed";
    if (cp >= 0xd800 && cp <= 0xdfff) return "disallowed";
    if (nfkc(cp) !== String.fromCodePoint(cp)) return "freeform";
    if (letterDigits.has(cp)) return "pvalid";
    if (otherLetterDigits.has(cp) || spaces.has(cp) || symbols.has(cp) || punctuation.has(cp)) return "freeform";
    return "disallowed";
  };

  // RFC 5892 §3
  const label = (cp) => {
    if (PVALID.includes(cp)) return "pvalid";
    if (DISALLOWED.includes(cp)) return "disallowed";
    const context = contextual(cp);
    if (context) return context;
    if (unassigned.has(cp) && !noncharacters.has(cp)) return "unassigned";
    if (cp === 0x2d || (cp >= 0x30 && cp <= 0x39) || (cp >= 0x61 && cp <= 0x7a)) return "pvalid";
    if (cp >= 0xd800 && cp <= 0xdfff) return "disallowed";
    if (unstable(cp) || ignorable.has(cp) || whiteSpace.has(cp) || noncharacters.has(cp) || blocks.has(cp) || jamo.has(cp)) return "disallowed";
    return letterDigits.has(cp) ? "pvalid" : "disallowed";
  };

  const kinds = new Map();
  const runs = [];
  for (let cp = 0, last = -1; cp < COUNT; cp++) {
    const properties = [precis(cp), label(cp), bidi.get(cp) ?? "", joining.get(cp) ?? "", script.get(cp) ?? "", virama.has(cp) ? "1" : "", marks.has(cp) ? "1" : ""].join(",");
    const kind = kinds.get(properties) ?? kinds.size;
    kinds.set(properties, kind);
    if (kind === last) runs[runs.length - 1].length++;
    else runs.push({ kind, length: 1 });
    last = kind;
  }
  return print([...kinds.keys()], runs);
}

function print(kinds, runs) {
  const words = runs.map(({ kind, length }) => `${kind.toString(36)}${length === 1 ? "" : `*${length.toString(36)}`}`);
  const lines = [""];
  for (const word of words) {
    const line = lines[lines.length - 1];
    if (line.length + word.length > 170) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return [
    "// Written by scripts/code-points.mjs from Unicode 15.0.0; not to be edited.",
    "",
    `/** The kinds of code points there are: ${values.join(", ")}. */`,
    `export const kinds = \`\n${kinds.join("\n")}\n\`;`,
    "",
    "/** The kind of every code point from 0 on, in runs: number of the kind, and behind `*` how many follow of it, both to the base of 36. */",
    `export const runs = \`\n${lines.join("\n")}\n\`;`,
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(new URL("../src/code-points.data.ts", import.meta.url), await generate());
