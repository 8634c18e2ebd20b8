import { sections, sectionTitles } from "./rules/requirement.js";
import type { Result, Verdict } from "./run.js";

export const reportVersion = 1;

/** What was checked, of whom, and when. */
export interface Subjected {
  /** Address, or the command that was run. */
  readonly subject: string;
  /** ISO 8601. */
  readonly date: string;
}

export const verdicts: readonly Verdict[] = ["met", "not met", "not offered", "not reached"];

const count = (results: readonly Result[], verdict: Verdict): number => results.filter((result) => result.verdict === verdict).length;
const tally = (results: readonly Result[]): string =>
  verdicts
    .filter((verdict) => verdict === "met" || count(results, verdict) > 0)
    .map((verdict) => `${count(results, verdict)} ${verdict}`)
    .join(", ");

/** What a peer has sent is shown on a terminal: nothing in it may move the cursor. */
const indent = (text: string): string =>
  text
    .replace(/[^\P{C}\n\t]/gu, "\u{FFFD}")
    .split("\n")
    .map((line) => `      ${line}`)
    .join("\n");

/** For people: by section, what is not met first and with what shows it. */
export function textReport(results: readonly Result[], { subject }: Subjected): string {
  const lines = [`${subject}: ${tally(results)}`, ""];
  for (const section of sections) {
    const here = results.filter(({ requirement }) => requirement.section === section);
    if (here.length === 0) continue;
    lines.push(`${sectionTitles[section]}: ${tally(here)}`);
    for (const { requirement, role, evidence } of here.filter(({ verdict }) => verdict === "not met")) {
      lines.push(`  NOT MET as ${role}: ${requirement.rule} (${requirement.id}, ${requirement.text})`, `    ${evidence?.why ?? ""}`);
      if (evidence?.shown !== undefined) lines.push(indent(evidence.shown));
    }
    for (const verdict of ["not offered", "not reached"] as const) {
      const reasons = new Map<string, number>();
      for (const { role, evidence } of here.filter((result) => result.verdict === verdict)) {
        const reason = `as ${role}: ${evidence?.why ?? ""}`;
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
      for (const [reason, times] of reasons) lines.push(`  ${verdict}, ${times} ${reason}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** For machines: `report.schema.json`. */
export function jsonReport(results: readonly Result[], { subject, date }: Subjected): string {
  const report = {
    version: reportVersion,
    subject,
    date,
    counts: Object.fromEntries(verdicts.map((verdict) => [verdict, count(results, verdict)])),
    results: results.map(({ requirement, role, verdict, evidence }) => ({
      id: requirement.id,
      section: requirement.section,
      text: requirement.text,
      rule: requirement.rule,
      role,
      ...(requirement.kind === "kept"
        ? { sent: null, expected: requirement.rule, judged: requirement.seenAt }
        : { sent: requirement.sent, expected: expectation(requirement), judged: "what the peer says of it" }),
      verdict,
      ...(evidence && { why: evidence.why }),
      ...(evidence?.shown !== undefined && { shown: evidence.shown }),
    })),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

export const expectation = ({ heard, goesOn }: { readonly heard: readonly string[]; readonly goesOn: boolean }): string =>
  `${heard.join(" or ")}${goesOn ? ", and the session goes on" : ""}`;

/** For continuous integration. What is not offered or not reached is skipped. */
export function junitReport(results: readonly Result[], { subject, date }: Subjected): string {
  const suites = sections.flatMap((section) => {
    const here = results.filter(({ requirement }) => requirement.section === section);
    if (here.length === 0) return [];
    const cases = here.map((result) => testCase(result)).join("");
    const skipped = count(here, "not offered") + count(here, "not reached");
    return [
      `  <testsuite name="${quote(sectionTitles[section])}" tests="${here.length}" failures="${count(here, "not met")}" skipped="${skipped}" timestamp="${date}">\n${cases}  </testsuite>\n`,
    ];
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="${quote(subject)}" tests="${results.length}" failures="${count(results, "not met")}">\n${suites.join("")}</testsuites>\n`;
}

function testCase({ requirement, role, verdict, evidence }: Result): string {
  const open = `    <testcase classname="${requirement.section}.${role}" name="${quote(`${requirement.id}: ${requirement.rule} (${requirement.text})`)}"`;
  if (verdict === "met") return `${open}/>\n`;
  const why = quote(evidence?.why ?? "");
  if (verdict !== "not met") return `${open}><skipped message="${verdict}: ${why}"/></testcase>\n`;
  return `${open}><failure message="${why}">${quote(evidence?.shown ?? "")}</failure></testcase>\n`;
}

/** What XML 1.0 §2.2 does not allow is left out: a peer may have sent anything. */
const quote = (text: string): string =>
  text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "\u{FFFD}")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
