import { readFileSync } from "node:fs";
import { parseElement } from "@balcony/xml";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { jsonReport, junitReport, textReport } from "../src/check/report.js";
import { requirementsTable } from "../src/check/requirements-table.js";
import { keptRules } from "../src/check/rules/kept.js";
import { provokedRules } from "../src/check/rules/provoked.js";
import { judgeReaction, type Result } from "../src/check/run.js";

const file = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const kept = keptRules.find(({ id }) => id === "ibb-sequence") as (typeof keptRules)[number];
const provoked = provokedRules.find(({ id }) => id === "meets-unknown-info") as (typeof provokedRules)[number];

/** One of each verdict; what is shown is hostile. */
const results: readonly Result[] = [
  { requirement: kept, role: "responder", verdict: "met", evidence: undefined },
  { requirement: kept, role: "initiator", verdict: "not met", evidence: { why: "Block 2 came where 1 was to come.", shown: "<iq>\u0000]]>\u001b[2J\ud800</iq>" } },
  { requirement: provoked, role: "responder", verdict: "not offered", evidence: { why: "disco#info does not list it.", shown: undefined } },
  { requirement: provoked, role: "initiator", verdict: "not reached", evidence: { why: "The session did not come as far.", shown: undefined } },
];
const of = { subject: "juliet@capulet.lit/balcony", date: "2026-11-25T18:00:00.000Z" };

describe("the report", () => {
  it("names for people what is not met, with the rule, where it stands, and what shows it", () => {
    const text = textReport(results, of);
    expect(text).toContain("juliet@capulet.lit/balcony: 1 met, 1 not met, 1 not offered, 1 not reached");
    expect(text).toContain("NOT MET as initiator: Blocks are numbered from 0, one by one, in each direction for itself. (ibb-sequence, XEP-0047 §2.2)");
    expect(text).toContain("Block 2 came where 1 was to come.");
    expect(text).not.toContain("\u001b");
  });

  it("keeps its schema", () => {
    const schema = JSON.parse(file("../check.schema.json")) as { readonly properties: { readonly counts: object } };
    const validate = new Ajv2020({ allowUnionTypes: true, strictRequired: false }).compile(schema);
    const report: unknown = JSON.parse(jsonReport(results, of));
    expect(validate(report) ? [] : validate.errors).toEqual([]);
    expect(validate({ ...(report as object), version: 2 })).toBe(false);
  });

  it("is well-formed JUnit, whatever a peer has sent", () => {
    const suites = parseElement(junitReport(results, of).replace(/^<\?xml[^>]*\?>\n/, ""));
    expect(suites.attrs).toMatchObject({ tests: "4", failures: "1" });
    const cases = suites.getChildren("testsuite").flatMap((suite) => suite.getChildren("testcase"));
    expect(cases.map((one) => one.getChildElements().map(({ name }) => name))).toEqual([["skipped"], ["skipped"], [], ["failure"]]);
  });
});

describe("the requirements", () => {
  it("have a name each", () => {
    const names = [...keptRules, ...provokedRules].map(({ id }) => id);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  it("stand in docs/interop-requirements.md as they are checked", () => {
    expect(file("../../docs/interop-requirements.md")).toBe(requirementsTable());
  });
});

describe("what a peer makes of a breach", () => {
  const well = { ended: "well", text: "" } as const;
  const over = { ended: "ended", text: "session-terminate" } as const;
  const verdict = (rule: (typeof provokedRules)[number], heard: readonly string[], outcome: typeof well | typeof over, reached = true): string =>
    judgeReaction(rule, { reached, heard, shown: [], outcome }).verdict;

  it.each(provokedRules.map((rule) => [rule.id, rule] as const))("%s can be met, and not be met", (_, rule) => {
    const right = rule.heard.map((word) => (word.includes(":") ? word : `${word}:anything`));
    const [asked, otherwise] = rule.goesOn ? [well, over] : [over, well];
    for (const word of right) expect(verdict(rule, [word], asked)).toBe("met");
    expect(verdict(rule, right, otherwise)).toBe("not met");
    expect(verdict(rule, [], well)).toBe("not met");
    expect(verdict(rule, [], over)).toBe("not met");
    expect(
      verdict(
        rule,
        ["stream:see-other-host-of-nobody", "iq:gone-away"].filter((word) => !rule.heard.includes(word.split(":")[0] as string)),
        asked,
      ),
    ).toBe("not met");
    expect(verdict(rule, right, asked, false)).toBe("not reached");
  });
});
