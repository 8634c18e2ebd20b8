import { grade, type Measurement } from "./measure.js";
import { type Choice, choices, type Pair, pairs } from "./pairs.js";

const BEGIN = "<!-- The table: written by `pnpm test:net:write`. -->";
const END = "<!-- End of the table. -->";

const headings: Readonly<Record<Choice, string>> = { s5b: "S5B", "ice-tcp": "ICE-TCP", webrtc: "WebRTC", ibb: "IBB", all: "Balcony" };

/** docs/nat.md with this table in it. */
export function withTable(document: string, measured: readonly Measurement[]): string {
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("The document has no place for the table.");
  return `${before}${BEGIN}\n\n${table(measured)}\n\n${END}${after}`;
}

function table(measured: readonly Measurement[]): string {
  const reasons: string[] = [];
  const rows = pairs.map((pair) => [pair.title, possible(pair), ...choices.map((choice) => cell(find(measured, pair, choice), reasons))]);
  const lines = [["pair", "direct possible", ...choices.map((choice) => headings[choice])], ["---", "---", ...choices.map(() => "---")], ...rows].map(
    (row) => `| ${row.join(" | ")} |`,
  );
  return [...lines, "", ...reasons.map((reason, index) => `${index + 1}. ${reason}`)].join("\n").trimEnd();
}

const find = (measured: readonly Measurement[], pair: Pair, choice: Choice): Measurement | undefined => measured.find((one) => one.pair === pair.title && one.choice === choice);

const possible = ({ possible: protocols }: Pair): string => (protocols.length === 0 ? "no" : protocols.join(", "));

function cell(measurement: Measurement | undefined, reasons: string[]): string {
  if (!measurement) return "not measured";
  const { path, seconds, why = [] } = measurement;
  if (path !== undefined) return `${grade(measurement) === "direct" ? `**${path}**` : path}, ${seconds.toFixed(1)} s`;
  const reason = why.join(" · ");
  if (!reasons.includes(reason)) reasons.push(reason);
  return `✗ (${reasons.indexOf(reason) + 1}), ${seconds.toFixed(1)} s`;
}
