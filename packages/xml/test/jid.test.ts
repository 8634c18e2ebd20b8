import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generate } from "../scripts/code-points.mjs";
import { codePoint } from "../src/code-points.js";
import { bare, domainOf, isFull, JidError, normalize, parseJid } from "../src/index.js";

describe("addresses", () => {
  const valid: readonly (readonly [string, string])[] = [
    // RFC 7622 §3.5, Table 1
    ["juliet@example.com", "juliet@example.com"],
    ["juliet@example.com/foo", "juliet@example.com/foo"],
    ["juliet@example.com/foo bar", "juliet@example.com/foo bar"],
    ["juliet@example.com/foo@bar", "juliet@example.com/foo@bar"],
    ["foo\\20bar@example.com", "foo\\20bar@example.com"],
    ["fussball@example.com", "fussball@example.com"],
    ["fußball@example.com", "fußball@example.com"],
    ["π@example.com", "π@example.com"],
    ["Σ@example.com/foo", "σ@example.com/foo"],
    ["σ@example.com/foo", "σ@example.com/foo"],
    ["ς@example.com/foo", "ς@example.com/foo"],
    ["king@example.com/♚", "king@example.com/♚"],
    ["example.com", "example.com"],
    ["example.com/foobar", "example.com/foobar"],
    ["a.example.com/b@example.net", "a.example.com/b@example.net"],
    // case, width, composition, dots
    ["JuLiet@Capulet.LIT/Balcony", "juliet@capulet.lit/Balcony"],
    ["Ｊｕｌｉｅｔ@Ｃａｐｕｌｅｔ．lit", "juliet@capulet.lit"],
    ["ju\u0301liet@capulet.lit", "júliet@capulet.lit"],
    ["ΑΣ@capulet.lit", "ασ@capulet.lit"],
    ["juliet@capulet.lit.", "juliet@capulet.lit"],
    ["juliet@capulet.lit/a\u00a0b\u3000c", "juliet@capulet.lit/a b c"],
    ["juliet@capulet.lit/ﬁ", "juliet@capulet.lit/ﬁ"],
    ["juliet@capulet.lit/ x", "juliet@capulet.lit/ x"],
    ["juliet@capulet.lit/a/b", "juliet@capulet.lit/a/b"],
    // domains
    ["juliet@127.0.0.1", "juliet@127.0.0.1"],
    ["juliet@[::1]/x", "juliet@[::1]/x"],
    ["juliet@[0:0:0:0:0:0:0:1]", "juliet@[::1]"],
    ["juliet@[2001:DB8::A]", "juliet@[2001:db8::a]"],
    ["juliet@localhost", "juliet@localhost"],
    ["juliet@XN--FUBALL-CTA.de", "juliet@fußball.de"],
    ["juliet@Fußball.de", "juliet@fußball.de"],
    ["juliet@bücher.example", "juliet@bücher.example"],
    ["juliet@bu\u0308cher.example", "juliet@bücher.example"],
    ["juliet@פרידה.example", "juliet@פרידה.example"],
    ["juliet@l·l.example", "juliet@l·l.example"],
    ["juliet@عربي.example", "juliet@عربي.example"],
    ["juliet@क्\u200dष.example", "juliet@क्\u200dष.example"],
    ["juliet@نامه\u200cای.example", "juliet@نامه\u200cای.example"],
    ["juliet@ア・ア.example", "juliet@ア・ア.example"],
    // right to left, contexts
    ["שלום@capulet.lit", "שלום@capulet.lit"],
    ["ب١@capulet.lit", "ب١@capulet.lit"],
    ["א׳@capulet.lit", "א׳@capulet.lit"],
    ["͵α@capulet.lit", "͵α@capulet.lit"],
  ];
  for (const [address, normal] of valid) {
    it(`${JSON.stringify(address)} is ${JSON.stringify(normal)}`, () => {
      expect(normalize(address)).toBe(normal);
      expect(normalize(normal)).toBe(normal);
    });
  }

  it("come apart at the first slash, then at the first @", () => {
    expect(parseJid("Juliet@Capulet.lit/a@b/c")).toEqual({ local: "juliet", domain: "capulet.lit", resource: "a@b/c" });
    expect(parseJid("capulet.lit")).toEqual({ local: undefined, domain: "capulet.lit", resource: undefined });
    expect(bare("juliet@capulet.lit/a/b")).toBe("juliet@capulet.lit");
    expect(domainOf("juliet@capulet.lit/a@b")).toBe("capulet.lit");
    expect(domainOf("capulet.lit/a@b")).toBe("capulet.lit");
    expect(isFull("juliet@capulet.lit/x")).toBe(true);
    expect(isFull("juliet@capulet.lit")).toBe(false);
  });

  it("of which half a million code units are garbage are refused without work", () => {
    expect(() => normalize(`a@${"ü".repeat(500_000)}`)).toThrow(JidError);
    expect(() => normalize(`a@${"ü".repeat(16_000)}`)).toThrow(JidError);
  });
});

describe("normalize", () => {
  const character = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(..."aZ.@/-_ß\u00b7lΣςσיא١۱\u200c\u200d\u0301\u0345\u1e9eＡ．＠／\u3002ﬁ㎏Ⅳ\u212a\u2126İ ıǅ\u00a0[]:xn") },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 0x24ff }).map((value) => String.fromCodePoint(value)) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0x10ffff }).map((value) => String.fromCodePoint(value)) },
  );
  const address = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(""));
  const attempt = (text: string): string | undefined => {
    try {
      return normalize(text);
    } catch (error) {
      if (error instanceof JidError) return undefined;
      throw error;
    }
  };

  it("gives one form and no other, throws nothing but JidError, and agrees with the parts", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          address,
          fc.tuple(address, address, address).map(([l, d, r]) => `${l}@${d}.example/${r}`),
          address.map((l) => `${l}@capulet.lit`),
          address.map((r) => `capulet.lit/${r}`),
          address.map((d) => `${d}.lit`),
        ),
        (text) => {
          const once = attempt(text);
          if (once === undefined) return;
          expect(attempt(once)).toBe(once);
          const { local, domain, resource } = parseJid(text);
          expect(parseJid(once)).toEqual({ local, domain, resource });
          expect(once).toBe(`${local === undefined ? "" : `${local}@`}${domain}${resource === undefined ? "" : `/${resource}`}`);
          expect(bare(once)).toBe(`${local === undefined ? "" : `${local}@`}${domain}`);
          expect(domainOf(once)).toBe(domain);
        },
      ),
      { numRuns: 20_000 },
    );
  });

  it("does not tell canonically equivalent addresses apart", () => {
    fc.assert(
      fc.property(address, (text) => {
        const form = (name: "NFC" | "NFD") => attempt(`${text.normalize(name)}@capulet.lit/${text.normalize(name)}`);
        // A form may be refused that the other is not: conjoining jamo are in no address, the syllables they make are.
        const [composed, decomposed] = [form("NFC"), form("NFD")];
        if (composed !== undefined && decomposed !== undefined) expect(composed).toBe(decomposed);
      }),
      { numRuns: 5_000 },
    );
  });

  it("takes the short way for plain addresses, and arrives where the long one does", () => {
    const ascii = fc.string({ unit: fc.constantFrom(..."ab1-._@/ AZ!~[:\"&'"), maxLength: 14 });
    fc.assert(
      fc.property(ascii, (text) => {
        const parts = (): string => {
          const { local, domain, resource } = parseJid(text);
          return `${local === undefined ? "" : `${local}@`}${domain}${resource === undefined ? "" : `/${resource}`}`;
        };
        const short = attempt(text);
        if (short === undefined) expect(parts).toThrow(JidError);
        else expect(parts()).toBe(short);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("the table of code points", () => {
  it("is what the script writes", async () => {
    expect(readFileSync(new URL("../src/code-points.data.ts", import.meta.url), "utf8")).toBe(await generate());
  });

  it("knows 15.0.0 and nothing later, whatever the runtime knows", () => {
    expect(codePoint(0x1fae8).precis).toBe("freeform"); // shaking face, 15.0
    expect(codePoint(0x1fae9).precis).toBe("unassigned"); // face with bags under eyes, 16.0
    expect(codePoint(0x2ebf0).precis).toBe("unassigned"); // a CJK ideograph, 15.1
    expect(codePoint(0x10ffff).precis).toBe("disallowed");
  });

  it("is of a version whose case mappings every runtime shares", () => {
    const known = (value: number) => codePoint(value).precis !== "unassigned";
    for (let value = 0; value <= 0x10ffff; value++) {
      if (value === 0xd800) value = 0xe000;
      if (!known(value)) continue;
      const lower = String.fromCodePoint(value).toLowerCase();
      if ([...lower].some((character) => !known(character.codePointAt(0) ?? 0))) throw new Error(`U+${value.toString(16)} has a lower case that 15.0 does not know`);
    }
  });
});
