import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareFingerprint, fingerprintUri, fingerprintWords, formatFingerprint, parseFingerprint } from "../src/index.js";
import { codeOf, juliet, romeo } from "./addresses.js";

const spki = "0123456789abcdef".repeat(4);
const words = fingerprintWords(spki).join(" ");
const normalize = (address: string): string => {
  if (/[\s<>]/u.test(address) || address.startsWith("@")) throw new Error("no address");
  return address.toLowerCase();
};
const parse = (text: string) => parseFingerprint(text, { normalize });
const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString("hex"));

describe("a fingerprint that is shown", () => {
  it("stands in eight groups of eight", () => {
    expect(formatFingerprint(spki)).toBe("01234567 89abcdef 01234567 89abcdef 01234567 89abcdef 01234567 89abcdef");
  });

  it("is 24 words of BIP 39", () => {
    // The vectors of BIP 39 itself.
    expect(fingerprintWords("00".repeat(32)).join(" ")).toBe(`${"abandon ".repeat(23)}art`);
    expect(fingerprintWords("7f".repeat(32)).join(" ")).toBe(
      "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
    );
  });

  it("is a URI that names its owner", () => {
    expect(fingerprintUri(juliet, spki)).toBe(`xmpp:juliet@capulet.lit?balcony-fingerprint;spki=${spki}`);
    expect(fingerprintUri("r?m%o;#é@montague.lit", spki)).toBe(`xmpp:r%3Fm%25o%3B%23%C3%A9@montague.lit?balcony-fingerprint;spki=${spki}`);
  });

  for (const bad of ["", "01", spki.toUpperCase(), `${spki}0`]) {
    it(`is never made of ${JSON.stringify(bad)}`, async () => {
      for (const show of [formatFingerprint, fingerprintWords, (text: string) => fingerprintUri(juliet, text)]) expect(await codeOf(() => show(bad))).toBe("invalid-argument");
    });
  }
});

describe("a fingerprint that is given", () => {
  const whole: Record<string, string> = {
    plain: spki,
    "upper case": spki.toUpperCase(),
    "with colons": (spki.match(/../gu) ?? []).join(":"),
    "upper case with colons": (spki.toUpperCase().match(/../gu) ?? []).join(":"),
    "as it is shown": formatFingerprint(spki),
    "over two lines, with tabs and no-break spaces": `\t${spki.slice(0, 32)}\r\n  ${spki.slice(32)}\u00a0\n`,
    "its words": words,
    "its words, shouted, over several lines": `  ${words.toUpperCase().replaceAll(" ", "\n ")} `,
  };
  for (const [name, text] of Object.entries(whole)) {
    it(`is read: ${name}`, () => {
      expect(parse(text)).toEqual({ spki, how: "fingerprint" });
    });
  }

  it("is read from its URI, with the address in normal form", () => {
    expect(parse(`XMPP:Juliet@Capulet.LIT?balcony-fingerprint;spki=${spki.toUpperCase()}\n`)).toEqual({ spki, address: juliet, how: "qr" });
    expect(parse(`xmpp:juliet@capulet.lit?balcony-fingerprint;label=x;spki=${spki}`)).toMatchObject({ spki, address: juliet });
  });

  it("is read in every form that is shown", () => {
    fc.assert(
      fc.property(hashes, fc.constantFrom(juliet, "r?m%o;#é&=@montague.lit", "montague.lit"), (hash, address) => {
        expect(parse(hash).spki).toBe(hash);
        expect(parse(formatFingerprint(hash)).spki).toBe(hash);
        expect(parse(fingerprintWords(hash).join(" ")).spki).toBe(hash);
        expect(parse(fingerprintUri(address, hash))).toEqual({ spki: hash, address, how: "qr" });
      }),
    );
  });

  const refused: readonly [string, string, string][] = [
    ["nothing", "", "invalid-argument"],
    ["white space", " \n", "invalid-argument"],
    ["a prefix", spki.slice(0, 16), "invalid-argument"],
    ["all but the last digit", spki.slice(0, -1), "invalid-argument"],
    ["one digit too many", `${spki}0`, "invalid-argument"],
    ["the fingerprint twice", `${spki} ${spki}`, "invalid-argument"],
    ["a letter O for a zero", spki.replace("0", "O"), "invalid-argument"],
    ["a digit of another script", spki.replace("0", "\u0660"), "invalid-argument"],
    ["a zero-width space within", `${spki.slice(0, 32)}\u200b${spki.slice(32)}`, "invalid-argument"],
    ["an ellipsis", `${spki.slice(0, 8)}…${spki.slice(-8)}`, "invalid-argument"],
    ["a SHA-1 fingerprint", "ab".repeat(20), "invalid-argument"],
    ["a label before it", `SHA256:${spki}`, "invalid-argument"],
    ["23 words", words.split(" ").slice(1).join(" "), "invalid-argument"],
    ["25 words", `${words} art`, "invalid-argument"],
    [
      "two words swapped",
      words
        .split(" ")
        .with(0, words.split(" ")[1] ?? "")
        .with(1, words.split(" ")[0] ?? "")
        .join(" "),
      "invalid-argument",
    ],
    ["a word of no list", words.replace(/^\S+/u, "balcony"), "invalid-argument"],
    ["a URI without a query", "xmpp:juliet@capulet.lit", "invalid-argument"],
    ["a URI of another query", `xmpp:juliet@capulet.lit?message;spki=${spki}`, "invalid-argument"],
    ["a URI without fingerprint", "xmpp:juliet@capulet.lit?balcony-fingerprint", "invalid-argument"],
    ["a URI with two fingerprints", `xmpp:juliet@capulet.lit?balcony-fingerprint;spki=${spki};spki=${spki}`, "invalid-argument"],
    ["a URI with a prefix", `xmpp:juliet@capulet.lit?balcony-fingerprint;spki=${spki.slice(0, 32)}`, "invalid-argument"],
    ["a URI with a fragment", `xmpp:juliet@capulet.lit?balcony-fingerprint;spki=${spki}#x`, "invalid-argument"],
    ["a URI with an authority", `xmpp://juliet@capulet.lit/romeo@montague.lit?balcony-fingerprint;spki=${spki}`, "invalid-argument"],
    ["a URI with a resource", `xmpp:juliet@capulet.lit/balcony?balcony-fingerprint;spki=${spki}`, "invalid-argument"],
    ["a URI with a resource in disguise", `xmpp:juliet@capulet.lit%2fbalcony?balcony-fingerprint;spki=${spki}`, "invalid-jid"],
    ["a URI without address", `xmpp:?balcony-fingerprint;spki=${spki}`, "invalid-argument"],
    ["a URI whose address is none", `xmpp:@capulet.lit?balcony-fingerprint;spki=${spki}`, "invalid-jid"],
    ["a URI with broken percent-encoding", `xmpp:juliet%ff@capulet.lit?balcony-fingerprint;spki=${spki}`, "invalid-jid"],
    ["a URI of another scheme", `https://capulet.lit/?balcony-fingerprint;spki=${spki}`, "invalid-argument"],
  ];
  for (const [name, text, code] of refused) {
    it(`is refused: ${name} → ${code}`, async () => {
      expect(await codeOf(() => parse(text))).toBe(code);
    });
  }

  it("gives a whole hash or an error of ours, whatever is pasted", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string().map((text) => `xmpp:${text}`),
          fc.string().map((text) => `xmpp:a@b?balcony-fingerprint;${text}`),
        ),
        (text) => {
          try {
            expect(parse(text).spki).toMatch(/^[0-9a-f]{64}$/u);
          } catch (error) {
            expect(["invalid-argument", "invalid-jid"]).toContain((error as { code?: unknown }).code);
          }
        },
      ),
    );
  });
});

describe("comparing", () => {
  it("matches the whole fingerprint and nothing less", () => {
    expect(compareFingerprint(parse(spki), { peer: juliet, spki })).toBe("same");
    fc.assert(
      fc.property(hashes, fc.nat(63), fc.integer({ min: 1, max: 15 }), (hash, place, by) => {
        const other = hash.slice(0, place) + (Number.parseInt(hash.charAt(place), 16) ^ by).toString(16) + hash.slice(place + 1);
        expect(compareFingerprint(parse(hash), { peer: juliet, spki: hash })).toBe("same");
        expect(compareFingerprint(parse(other), { peer: juliet, spki: hash })).toBe("different");
      }),
    );
    expect(compareFingerprint({ spki: "", how: "qr" }, { peer: juliet, spki: "" })).toBe("different");
    expect(compareFingerprint({ spki: spki.slice(0, 8), how: "qr" }, { peer: juliet, spki })).toBe("different");
  });

  it("takes a scanned code for its own address alone, though the fingerprint is right", () => {
    expect(compareFingerprint(parse(fingerprintUri(juliet, spki)), { peer: juliet, spki })).toBe("same");
    expect(compareFingerprint(parse(fingerprintUri(romeo, spki)), { peer: juliet, spki })).toBe("other-address");
  });
});
