import { expectation } from "./report.js";
import { keptRules } from "./rules/kept.js";
import { provokedRules } from "./rules/provoked.js";
import { type Requirement, sections, sectionTitles } from "./rules/requirement.js";

/** Every requirement in a row: what `docs/interop-requirements.md` is. */
export function requirementsTable(): string {
  const rows: readonly Requirement[] = [...keptRules, ...provokedRules];
  const parts = sections.map((section) => {
    const here = rows.filter((row) => row.section === section);
    return [
      `## ${sectionTitles[section]}`,
      "",
      "| name | where it stands | the rule | the peer is | what is sent | what is expected | judged by |",
      "|---|---|---|---|---|---|---|",
      ...here.map(line),
      "",
    ].join("\n");
  });
  return `${head}\n${parts.join("\n")}`;
}

function line(row: Requirement): string {
  const roles = row.roles.length === 2 ? "either" : String(row.roles[0]);
  const [sent, expected, judged] =
    row.kind === "kept"
      ? ["a session in which every rule is kept", "the rule itself", row.seenAt]
      : [row.sent, `\`${expectation(row)}\``, row.goesOn ? "what is heard, and the session's end" : "what is heard"];
  return `| ${[`\`${row.id}\``, row.text, row.rule, roles, sent, expected, judged].map(cell).join(" | ")} |`;
}

const cell = (text: string): string => text.replaceAll("<", "&lt;").replaceAll("|", "\\|");

const head = `# What balcony-interop check checks

Printed by \`balcony-interop requirements\`; a test holds it to the code. What is expected is named by who says it and in which words: \`iq\` an error that answers an IQ, \`stream\` a stream error,
\`tls\` an alert, \`terminate\` the reason of a session-terminate, \`jingle\` an action, \`stranger:refused\` an error that answers somebody else's IQ, \`end\` the end of the bytes. A word alone stands for all of its kind.
`;
