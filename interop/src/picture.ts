import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { layers, type Role } from "./contract.js";
import type { Peer } from "./peer-folder.js";
import { interopFolder } from "./root.js";
import type { Result } from "./run-cell.js";

/** What became of one peer on one column in one role, over all servers and variants. */
export type Verdict = "passed" | "known" | "failed" | "not applicable";

/** Fill, words and border of a verdict: told apart by word and by lightness too, not by colour alone. */
const looks: Readonly<Record<Verdict, { readonly fill: string; readonly ink: string; readonly word: string }>> = {
  passed: { fill: "#1a7f37", ink: "#ffffff", word: "passed" },
  known: { fill: "#f2cc60", ink: "#24292f", word: "known" },
  failed: { fill: "#cf222e", ink: "#ffffff", word: "FAILED" },
  "not applicable": { fill: "#eaeef2", ink: "#57606a", word: "n/a" },
};

const LEFT = 150;
const TOP = 76;
const WIDTH = 62;
const HEIGHT = 26;
const GAP = 10;

/** The column a cell belongs to: its layer, but that the end-to-end stream is shown by what secures it, and its breaches apart. */
export function columnOf({ layer, options }: Pick<Result, "layer" | "options">): string {
  if (options.misbehave !== undefined) return "breaches";
  return layer === "e2e" && options.secure === "xtls" ? "xtls" : layer;
}

const order = [...layers, "xtls", "breaches"];

/** The matrix as an SVG: a row for each peer, a column for each layer, the peer as initiator on the left and as responder on the right. */
export function picture(results: readonly Result[], peers: readonly Peer[], verdict: (cells: readonly Result[]) => Verdict): string {
  const columns = order.filter((column) => results.some((result) => columnOf(result) === column));
  const rows = peers.filter((peer) => results.some((result) => result.peer === peer.name));
  const x = (index: number) => LEFT + index * (2 * WIDTH + GAP);
  const y = (index: number) => TOP + index * (HEIGHT + GAP / 2);
  const width = x(columns.length);
  const height = y(rows.length) + 40;
  const squares = rows.flatMap(({ name }, row) =>
    columns.flatMap((column, index) =>
      (["initiator", "responder"] as const satisfies readonly Role[]).flatMap((role, half) => {
        const cells = results.filter((result) => result.peer === name && columnOf(result) === column && result.role === role);
        return cells.length === 0 ? [] : [square(x(index) + half * WIDTH, y(row), verdict(cells), cells)];
      }),
    ),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" role="img" aria-label="Which programs speak which layer with Balcony">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...columns.map((column, index) => `<text x="${x(index) + WIDTH}" y="${TOP - 30}" font-size="14" font-weight="600" text-anchor="middle" fill="#24292f">${column}</text>`),
    ...columns.flatMap((_, index) => [label(x(index) + WIDTH / 2, "opens"), label(x(index) + 1.5 * WIDTH, "answers")]),
    ...rows.map(({ name }, row) => `<text x="${LEFT - 14}" y="${y(row) + 18}" font-size="14" text-anchor="end" fill="#24292f">${name}</text>`),
    ...squares,
    ...legend(y(rows.length) + 10),
    "</svg>",
    "",
  ].join("\n");
}

const label = (x: number, text: string): string => `<text x="${x}" y="${TOP - 12}" font-size="11" text-anchor="middle" fill="#57606a">${text}</text>`;

function square(x: number, y: number, verdict: Verdict, cells: readonly Result[]): string {
  const { fill, ink, word } = looks[verdict];
  const count = cells.length > 1 && verdict === "passed" ? `${cells.filter(({ outcome }) => outcome === "passed").length} ok` : word;
  return `<rect x="${x + 1}" y="${y}" width="${WIDTH - 2}" height="${HEIGHT}" rx="3" fill="${fill}"/><text x="${x + WIDTH / 2}" y="${y + 17}" font-size="12" text-anchor="middle" fill="${ink}">${count}</text>`;
}

function legend(y: number): string[] {
  const words = { passed: "every cell passed", known: "fails in a known way", failed: "fails", "not applicable": "not applicable, or not installed" } as const;
  return Object.entries(words).map(([verdict, text], index) => {
    const x = LEFT + index * 200;
    return `<rect x="${x}" y="${y}" width="14" height="14" rx="3" fill="${looks[verdict as Verdict].fill}"/><text x="${x + 20}" y="${y + 12}" font-size="12" fill="#24292f">${text}</text>`;
  });
}

export async function writePicture(svg: string): Promise<void> {
  const file = join(interopFolder, "..", "docs", "interop.svg");
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, svg);
}
