import { describe, expect, it } from "vitest";

/** One MUST that an outsider can break, with the section it stands in. */
export interface Rule {
  /** `RFC 6120 §4.4`, or with a letter where a section has several: `XEP-0047 §2.2 b`. */
  readonly section: string;
  readonly text: string;
}

/** One malformed input, the rules it breaks, and the one error code it must lead to. */
export interface Row<Input> {
  readonly name: string;
  readonly breaks: string | readonly string[];
  readonly input: Input;
  readonly code: string;
}

/**
 * A table of malformed inputs as tests: each row must give exactly its code, and each rule must have a row that breaks it.
 * @param run feeds one input to the code under test and resolves with the error code that came of it, or "accepted"
 */
export function malformedTable<Input>(
  title: string,
  table: { readonly rules: readonly Rule[]; readonly rows: readonly Row<Input>[]; readonly run: (input: Input) => Promise<string> | string },
): void {
  const sections = (row: Row<Input>): readonly string[] => (typeof row.breaks === "string" ? [row.breaks] : row.breaks);
  describe(title, () => {
    for (const row of table.rows) {
      it(`${sections(row).join(", ")}: ${row.name} → ${row.code}`, async () => {
        expect(await table.run(row.input)).toBe(row.code);
      });
    }
    it("has a row for every rule, and knows every rule that a row names", () => {
      const broken = new Set(table.rows.flatMap(sections));
      const known = new Set(table.rules.map((rule) => rule.section));
      expect(table.rules.filter((rule) => !broken.has(rule.section)).map((rule) => `${rule.section}: ${rule.text}`)).toEqual([]);
      expect([...broken].filter((section) => !known.has(section))).toEqual([]);
    });
  });
}
