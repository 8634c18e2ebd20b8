import type { Row } from "./row.js";

/** Columns: 80 in all. */
const NAME = 38;
const WIDTHS = [12, 9, 8, 10] as const;

/** The rows as a table for a terminal. */
export function printed(rows: readonly Row[]): string {
  const head = line("", ["measured", "against", "ratio", "required"], " ");
  return [head, "─".repeat(80), ...rows.map(lineOf), ""].join("\n");
}

function lineOf(row: Row): string {
  const { baseline, ratio, required, unit, value } = row;
  const cells = [`${figure(value)} ${unit}`.trim(), baseline === null ? "" : figure(baseline), ratio === null ? "" : ratio.toFixed(2), requirement(row)];
  return wrapped(row.name)
    .map((text, index, { length }) => (index === length - 1 ? line(text, cells, required === null ? " " : row.ok ? "✓" : "✗") : text))
    .join("\n");
}

function requirement({ atMost, required }: Row): string {
  return required === null ? "" : `${atMost ? "≤" : "≥"} ${required}`;
}

function line(name: string, cells: readonly string[], mark: string): string {
  return `${name.padEnd(NAME)}${cells.map((cell, column) => cell.padStart(WIDTHS[column] ?? 0)).join("")}${` ${mark}`.padStart(3)}`.trimEnd();
}

function wrapped(name: string): string[] {
  const lines = [""];
  for (const word of name.split(" ")) {
    const last = lines[lines.length - 1] ?? "";
    if (last.length + word.length + 1 > NAME) lines.push(`  ${word}`);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(value < 10 ? 2 : 1);
}
