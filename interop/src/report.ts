import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cellName } from "./cells.js";
import type { Peer } from "./peer-folder.js";
import { picture, type Verdict, writePicture } from "./picture.js";
import { interopFolder } from "./root.js";
import type { Result } from "./run-cell.js";

export interface KnownFailure {
  readonly peer: string;
  readonly layer: string;
  readonly role: string;
  readonly server: string;
  readonly variant?: string;
  readonly cause: string;
  readonly fault: "peer" | "server" | "balcony";
}

export async function knownFailures(): Promise<readonly KnownFailure[]> {
  return JSON.parse(await readFile(join(interopFolder, "known-failures.json"), "utf8")) as KnownFailure[];
}

const matches = (known: KnownFailure, { peer, layer, role, server, variant }: Result): boolean =>
  known.peer === peer && known.layer === layer && known.role === role && known.server === server && known.variant === variant;

export const isKnown = (known: readonly KnownFailure[], result: Result): boolean => known.some((failure) => matches(failure, result));

/** What makes the run fail: failures that nobody knew, and known ones that are none any more. */
export function complaints(results: readonly Result[], known: readonly KnownFailure[]): string[] {
  return results.flatMap((result) => {
    const entry = isKnown(known, result);
    if (result.outcome === "failed" && !entry) return [`FAILED ${cellName(result)}: ${result.reason}`];
    if (result.outcome === "passed" && entry) return [`PASSED, and stands in known-failures.json: ${cellName(result)}`];
    return [];
  });
}

export async function writeLogs(results: readonly Result[]): Promise<void> {
  const folder = join(interopFolder, "logs");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const result of results) if (result.outcome === "failed") await writeFile(join(folder, `${cellName(result).replaceAll(" ", "-")}.log`), result.log);
}

export async function writeMatrix(results: readonly Result[], peers: readonly Peer[]): Promise<void> {
  const cells = results.map(({ peer, layer, role, server, variant, outcome, reason, code }) => ({
    peer,
    layer,
    role,
    server,
    variant,
    expected: code ?? "success",
    outcome,
    reason,
  }));
  const known = peers.map(({ name, implementation, independent, missing }) => ({ name, implementation, independent, missing }));
  await writeFile(join(interopFolder, "matrix.json"), `${JSON.stringify({ version: 1, peers: known, cells }, null, 1)}\n`);
}

const BEGIN = "<!-- matrix: written by pnpm interop -->";
const END = "<!-- end of the matrix -->";

/** Puts the table in its place in docs/interop.md, and the picture beside it. */
export async function writeTable(results: readonly Result[], known: readonly KnownFailure[], peers: readonly Peer[]): Promise<void> {
  await writePicture(picture(results, peers, (cells) => verdict(cells, known)));
  const file = join(interopFolder, "..", "docs", "interop.md");
  const text = await readFile(file, "utf8");
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("docs/interop.md has no place for the matrix");
  await writeFile(file, `${before}${BEGIN}\n\n![The matrix: which programs speak which layer with Balcony](interop.svg)\n${table(results, known)}\n${END}${after}`);
}

/** A row for each peer, layer and role; a column for each server. Green passed, red failed, yellow known to fail, white not applicable. */
export function table(results: readonly Result[], known: readonly KnownFailure[]): string {
  const columns = ["embedded", "prosody", "ejabberd", "none"];
  const rows = new Map<string, Result[]>();
  for (const result of results) {
    const row = `${result.peer} | ${result.layer} | ${result.role}`;
    rows.set(row, [...(rows.get(row) ?? []), result]);
  }
  const lines = [...rows].map(
    ([row, cells]) =>
      `| ${row} | ${columns
        .map((server) =>
          square(
            cells.filter((cell) => cell.server === server),
            known,
          ),
        )
        .join(" | ")} |`,
  );
  const reasons = new Map(results.flatMap((result) => (result.outcome === "passed" ? [] : [[`${cellName(result)}: ${result.reason}`, result] as const])));
  const notes = [...reasons].map(([reason, result]) => `- ${words[verdict([result], known)]} ${reason.replaceAll("\n", " ").replaceAll("<", "&lt;")}`);
  return [
    "",
    "| peer | layer | its role | embedded | Prosody | ejabberd | no server |",
    "|---|---|---|---|---|---|---|",
    ...lines,
    "",
    ...(notes.length > 0 ? ["What did not pass, and why:", "", ...notes, ""] : []),
  ].join("\n");
}

const words: Readonly<Record<Verdict, string>> = { passed: "🟩", failed: "🟥", known: "🟨", "not applicable": "⬜" };

/** The worst that happened to any of these cells. */
function verdict(cells: readonly Result[], known: readonly KnownFailure[]): Verdict {
  const failed = cells.filter(({ outcome }) => outcome === "failed");
  if (failed.length > 0) return failed.every((cell) => isKnown(known, cell)) ? "known" : "failed";
  return cells.some(({ outcome }) => outcome === "passed") ? "passed" : "not applicable";
}

function square(cells: readonly Result[], known: readonly KnownFailure[]): string {
  if (cells.length === 0) return "";
  const count = (outcome: Result["outcome"]) => cells.filter((cell) => cell.outcome === outcome).length;
  const [passed, failed, other] = [count("passed"), count("failed"), count("not applicable")];
  const worst = verdict(cells, known);
  if (failed > 0) return `${words[worst]} ${failed} of ${cells.length} failed`;
  if (passed === 0) return `${words[worst]} not applicable`;
  const of = cells.length > 1 ? ` ${passed}` : "";
  return `${words[worst]}${of} passed${other > 0 ? `, ${other} not applicable` : ""}`;
}
