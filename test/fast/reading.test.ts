import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const read = async (...path: string[]): Promise<string> => await readFile(join(root, ...path), "utf8");

/** Where the words are that people read while they verify each other. */
const sources = [
  ["examples", "cli", "src", "verifying.ts"],
  ["packages", "balcony", "src", "verification", "errors.ts"],
];

/** Words of the trade: whoever compares emoji by telephone need not know any of them. */
const jargon =
  /\b(fingerprints?|certificates?|TLS|SPKI|SHA|hash(es)?|nonces?|commitments?|handshakes?|protocols?|man[- ]in[- ]the[- ]middle|MITM|SAS|authenticat\w+|cryptograph\w+|cipher\w*|entropy|stanzas?|IQ|JID|channel|exporter|session|peer|initiator|responder)\b/iu;

/** Sentences in string and template literals, with what is put into them as one word. */
function sentences(source: string): readonly string[] {
  const code = source.replace(/^\s*(\/\/|\/?\*).*$/gmu, "").replace(/^import .*$/gmu, "");
  const literals = [...code.matchAll(/"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/gu)].map(([, plain, template]) => plain ?? template ?? "");
  return literals
    .map((literal) => literal.replace(/\$\{[^}]*\}/gu, "Juliet").replace(/\/\w+/gu, "that"))
    .flatMap((text) => text.split(/(?<=[.?!:;])\s+/u))
    .filter((text) => text.split(/\s+/u).length >= 3 && /[a-z]/u.test(text));
}

const wordsOf = (text: string): readonly string[] => text.match(/[\p{L}']+/gu) ?? [];
const syllables = (word: string): number =>
  Math.max(
    1,
    (
      word
        .toLowerCase()
        .replace(/e$/u, "")
        .match(/[aeiouy]+/gu) ?? []
    ).length,
  );

/** Flesch–Kincaid: years of school. */
function grade(texts: readonly string[]): number {
  const words = texts.flatMap(wordsOf);
  const count = words.reduce((sum, word) => sum + syllables(word), 0);
  return 0.39 * (words.length / texts.length) + 11.8 * (count / words.length) - 15.59;
}

it("what people read while they verify each other has no words of the trade, short sentences, and asks for eight years of school at most", async () => {
  const all = (await Promise.all(sources.map(async (path) => sentences(await read(...path))))).flat();
  expect(all.length).toBeGreaterThan(30);
  expect(all).toContain("Somebody may be between you.");
  expect(all.filter((text) => jargon.test(text))).toEqual([]);
  expect(all.filter((text) => wordsOf(text).length > 22)).toEqual([]);
  expect(grade(all)).toBeLessThan(8);
});

it("the measure can fail", () => {
  expect(grade(["The authenticity of the ephemeral cryptographic identity was not conclusively established."])).toBeGreaterThan(12);
  expect(sentences('const a = "The certificate could not be verified.";').filter((text) => jargon.test(text))).toHaveLength(1);
});

it("the picture in the README shows what the command says today", async () => {
  const svg = await read("docs", "verification.svg");
  const shown = [...svg.matchAll(/<text[^>]*>([^<]*)</gu)].map(([, text]) => text?.trim()).join(" ");
  const code = (await Promise.all([["verifying.ts"], ["security-words.ts"], ["conversation.ts"]].map(async ([name = ""]) => await read("examples", "cli", "src", name)))).join(
    "\n",
  );
  for (const words of [
    "Not in this chat, nor any other: whoever is between you would see it.",
    "Compare what you both see; the emoji or the numbers, either is enough:",
    "Are they the same on both screens? /same. Is anything different? /different",
    "says that they are the same.",
    "Verified: nobody is between you and",
    "From now on this key is known as theirs.",
    "To find out, both of you, whether somebody is between you, type /verify.",
    "Type what you want to say. /help lists commands, Ctrl-C closes the stream.",
  ]) {
    expect(shown, "node docs/picture.mjs makes it anew").toContain(words);
    expect(code, words).toContain(words);
  }
  expect(await read("README.md")).toContain("docs/verification.svg");
});
