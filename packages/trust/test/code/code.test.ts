import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CODE_BITS, CODES, codeUri, parseCode, secretCode, spentHash, wordCode } from "../../src/code/code.js";
import { codeOf, juliet } from "../addresses.js";

const random = (bytes: Uint8Array): Uint8Array => crypto.getRandomValues(bytes);
/** Hands out these values, two bytes each. */
const scripted =
  (...values: number[]) =>
  (bytes: Uint8Array): Uint8Array => {
    const value = values.shift() ?? 0;
    bytes.set([value >> 8, value & 255]);
    return bytes;
  };
const normalize = (address: string): string => {
  if (!address.includes("@")) throw new Error("no address");
  return address.toLowerCase();
};
const read = (typed: string) => parseCode(typed, { normalize });

describe("a code of words", () => {
  it("is drawn from 3.8 thousand million, 31.8 bits, each as likely as the others", () => {
    expect([CODES, CODE_BITS.toFixed(2)]).toEqual([2048 * 2048 * 900, "31.81"]);
    expect(wordCode(scripted(0, 2047, 899)).text).toMatch(/^abandon-zoo-999\d$/u);
    expect(wordCode(scripted(2048, 1, 900)).text).toMatch(/^abandon-ability-100\d$/u); // 2048 is 0 again: 65,536 is a multiple
    expect(wordCode(scripted(0, 0, 65_535, 62_999)).text).toMatch(/^abandon-abandon-999\d$/u); // above the last multiple of 900 it is drawn anew
    expect(wordCode(scripted(0, 0, 64_800, 0)).text).toMatch(/^abandon-abandon-100\d$/u);
  });

  it("reads back as it was made, however it is typed", () => {
    const { text } = wordCode(scripted(1480, 1022, 302));
    const [first = "", second = "", number = ""] = text.split("-");
    const wide = [...number].map((digit) => String.fromCodePoint(digit.charCodeAt(0) + 0xfee0)).join("");
    const typed = [
      text,
      text.toUpperCase(),
      `  ${first}  ${second}   ${number} `,
      `${first}\u2011${second}\u2013${number}`,
      `“${first} ${second}, ${number}.”`,
      `${first}\u200b${second}${number}`,
      `${number} ${first} ${second}`,
      `${first} ${second} ${number.slice(0, 2)} ${number.slice(2)}`,
      `${first} ${second} ${wide}`,
      `${[...first].map((letter) => String.fromCodePoint(letter.charCodeAt(0) + 0xfee0)).join("")} ${second} ${number}`,
    ];
    for (const one of typed) expect(read(one), one).toEqual({ text, entropy: CODE_BITS });
  });

  it("has one in every text of ours that can be tried", () => {
    expect(read("ridge-lemon-4020").text).toBe("ridge-lemon-4020");
  });

  it("survives any drawing", () => {
    fc.assert(
      fc.property(fc.nat(2047), fc.nat(2047), fc.nat(899), (a, b, c) => {
        const { text } = wordCode(scripted(a, b, c));
        expect(read(text).text).toBe(text);
      }),
    );
  });

  it("that is mistyped is mostly found before anything is used up", () => {
    const { text } = wordCode(scripted(1480, 1022, 302));
    const [first = "", second = "", number = ""] = text.split("-");
    const table: readonly (readonly [typed: string, says: string])[] = [
      ["", "two words and a number"],
      [first, "two words and a number"],
      [`${first} ${second}`, "two words and a number"],
      [`${first} ${second} and ${number}`, "two words and a number"],
      [`${first} ${second} ${number}1`, "two words and a number"],
      [`${first} ${second} 1${number}`, "two words and a number"],
      [`${first} ${second} 0${number.slice(1)}`, "two words and a number"],
      [`${first} ${second} ١٢٣٤`, "two words and a number"],
      [`${first}s ${second} ${number}`, `is it ${first}?`],
      [`${first} zzz ${number}`, `"zzz" is no word of a code.`],
      [`${number}`, "two words and a number"],
      ["xmpp:?balcony-code;secret=ridge-lemon-4020", "the URI holds none"],
      ["xmpp:juliet@capulet.lit?balcony-code", "the URI holds none"],
      ["xmpp:juliet@capulet.lit?balcony-code;key=ridge-lemon-4020", "the URI holds none"],
      ["xmpp:juliet@capulet.lit?code;secret=ridge-lemon-4020", "the URI holds none"],
      [`${second} ${first} ${number}`, "last digit"],
      ["é".repeat(10_000), "two words and a number"],
      ["xmpp:juliet@capulet.lit", "the URI holds none"],
      ["xmpp:juliet@capulet.lit?balcony-code;secret=%", "malformed"],
      ["xmpp:juliet@capulet.lit?balcony-fingerprint;spki=00", "the URI holds none"],
      [`xmpp:juliet@capulet.lit?balcony-code;secret=${"a".repeat(32)};secret=${"b".repeat(32)}`, "the URI holds none"],
      [`xmpp:juliet@capulet.lit?balcony-code;secret=${"a".repeat(31)}`, "two words"],
    ];
    for (const [typed, says] of table) {
      expect(() => read(typed), typed).toThrow(says);
      expect(() => read(typed)).toThrow(expect.objectContaining({ code: "code-invalid" }));
    }
    const wrongDigits = Array.from({ length: 9000 }, (_, index) => String(1000 + index)).filter((digits) => digits !== number);
    const found = wrongDigits.filter((digits) => {
      try {
        return read(`${first} ${second} ${digits}`) === undefined;
      } catch {
        return true;
      }
    });
    expect(wrongDigits.length - found.length).toBe(899); // of 8,999 others
  });
});

describe("a code to scan", () => {
  it("has 128 bits, names whose it is, and reads back by URI or alone", () => {
    const made = secretCode(random);
    expect(made).toMatchObject({ entropy: 128, text: expect.stringMatching(/^[0-9a-f]{32}$/u) });
    const uri = codeUri(juliet, made);
    expect(uri).toBe(`xmpp:juliet@capulet.lit?balcony-code;secret=${made.text}`);
    expect(read(uri)).toEqual({ ...made, address: juliet });
    expect(read(uri.toUpperCase().replace("BALCONY-CODE;SECRET", "balcony-code;secret"))).toEqual({ ...made, address: juliet });
    expect(read(made.text.toUpperCase())).toEqual(made);
  });

  it("may hold a code of words", () => {
    const made = wordCode(random);
    expect(read(codeUri("o'hara+1@capulet.lit", made))).toEqual({ ...made, address: "o'hara+1@capulet.lit" });
  });

  it("for what is no bare address is refused", async () => {
    const { text } = secretCode(random);
    for (const address of ["juliet", "juliet@capulet.lit%2Fbalcony", "%ff@capulet.lit"]) {
      expect(await codeOf(() => read(`xmpp:${address}?balcony-code;secret=${text}`)), address).toBe("invalid-jid");
    }
  });
});

it("what is kept of a used code tells codes apart", () => {
  const hashes = ["ridge-lemon-4020", "ridge-lemon-4024"].map((text) => spentHash({ text, entropy: 31 }));
  expect([new Set(hashes).size, hashes[0]]).toEqual([2, expect.stringMatching(/^[0-9a-f]{64}$/u)]);
});
