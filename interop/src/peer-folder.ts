import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layer, Role } from "./contract.js";
import { Host } from "./host.js";
import { PeerProcess } from "./peer-process.js";
import { processOf, type Start } from "./program.js";
import { interopFolder } from "./root.js";

/** A peer that can be started, or why it cannot. */
export interface Peer {
  readonly name: string;
  /** What it is made of: several peers of one implementation count once. */
  readonly implementation: string;
  readonly independent: boolean;
  readonly start: Start;
  /** One process for many tasks, where the peer has that. */
  readonly host: (() => Host) | undefined;
  readonly layers: Readonly<Partial<Record<Layer, readonly Role[]>>>;
  /** What each of its cells is told beside, by layer. */
  readonly options: Readonly<Partial<Record<Layer, Readonly<Record<string, unknown>>>>>;
  /** By `layer/role`, or by `layer/role/server`. */
  readonly notApplicable: Readonly<Record<string, string>>;
  /** The rules it can break on demand, with the code by which Balcony has to meet each, by layer. */
  readonly misbehaviours: Readonly<Partial<Record<Layer, readonly Misbehaviour[]>>>;
  /** Why it cannot run here: a package that is not there, a build that failed. */
  readonly missing: string | undefined;
}

export interface Misbehaviour {
  readonly name: string;
  readonly section: string;
  readonly role: Role;
  /** What the cell is told beside. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** The error code that the application on Balcony's side gets; null where there is nothing to tell it: an offer that was refused on the spot, an error that an IQ is answered by. */
  readonly code: string | null;
  /** The session goes on, and ends well. */
  readonly goesOn?: boolean;
  /** What the peer is told of it, in this order: errors that answer an IQ, stream errors, TLS alerts, the reason of the session-terminate. */
  readonly heard?: string;
  /** The requirement of `balcony-interop check` that it breaks; where it cannot be seen from outside, there is none. */
  readonly rule?: string;
  readonly secure?: "starttls" | "xtls";
  readonly transport?: "ibb" | "s5b" | "proxy";
}

interface PeerFile {
  readonly implementation: string;
  readonly independent?: boolean;
  readonly command: readonly string[];
  readonly host?: readonly string[];
  readonly needs?: readonly string[];
  readonly build?: readonly (readonly string[])[];
  readonly layers: Peer["layers"];
  readonly options?: Peer["options"];
  readonly notApplicable?: Record<string, string>;
  readonly misbehaviours?: Readonly<Partial<Record<Layer, string>>>;
}

const peersFolder = join(interopFolder, "peers");

export function peersOfTree(): Peer[] {
  return readdirSync(peersFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(peersFolder, entry.name, "peer.json")))
    .map(({ name }) => read(name))
    .sort((a, b) => a.name.localeCompare(b.name));
}

function read(name: string): Peer {
  const folder = join(peersFolder, name);
  const file = JSON.parse(readFileSync(join(folder, "peer.json"), "utf8")) as PeerFile;
  const out = join(interopFolder, "node_modules", ".cache", "peers", name);
  const fill = (words: readonly string[]) => words.map((word) => word.replaceAll("{out}", out).replaceAll("{node}", process.execPath));
  return {
    name,
    implementation: file.implementation,
    independent: file.independent ?? true,
    start: processOf(fill(file.command), folder),
    host: file.host ? () => new Host(fill(file.host ?? []), folder) : undefined,
    layers: file.layers,
    options: file.options ?? {},
    notApplicable: file.notApplicable ?? {},
    misbehaviours: Object.fromEntries(
      Object.entries(file.misbehaviours ?? {}).map(([layer, table]) => [layer, JSON.parse(readFileSync(join(folder, table), "utf8")) as Misbehaviour[]]),
    ),
    missing: lacking(file, folder, out, fill),
  };
}

function lacking({ needs = [], build = [] }: PeerFile, folder: string, out: string, fill: (words: readonly string[]) => string[]): string | undefined {
  const absent = needs.find((file) => !existsSync(file));
  if (absent) return `${absent} is not installed`;
  if (build.length === 0) return undefined;
  // What was built from the very same files stays.
  const hash = createHash("sha256").update(JSON.stringify(build));
  for (const file of readdirSync(folder).sort()) hash.update(readFileSync(join(folder, file)));
  const [stamp, now] = [join(out, "stamp"), hash.digest("hex")];
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === now) return undefined;
  mkdirSync(out, { recursive: true });
  for (const line of build) {
    const [program = "", ...args] = fill(line);
    const { status, stderr, error } = spawnSync(program, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) return `its build failed: ${error?.message ?? stderr.slice(0, 500)}`;
  }
  writeFileSync(stamp, now);
  return undefined;
}

/** A program that is not in the tree: it says itself what it speaks. */
export async function foreignPeer(name: string, commandLine: string): Promise<Peer> {
  const start = processOf(["/bin/sh", "-c", `exec ${commandLine}`], process.cwd());
  const [description] = await new PeerProcess("describe", { start, deadline: 30_000 }).ended;
  if (description?.event !== "describe") throw new Error(`${name} does not describe itself`);
  return {
    name,
    implementation: description.name,
    independent: true,
    start,
    host: undefined,
    layers: description.layers,
    options: {},
    notApplicable: {},
    misbehaviours: {},
    missing: undefined,
  };
}
