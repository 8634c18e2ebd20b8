import { availableParallelism } from "node:os";
import { Command } from "commander";
import { WebSocket } from "ws";
import { freePorts } from "../../test/rigs/free-ports.js";
import { type Cell, cellName, cellsOf } from "./cells.js";
import { findOutAll } from "./check/found-out.js";
import type { Host } from "./host.js";
import { foreignPeer, type Peer, peersOfTree } from "./peer-folder.js";
import { complaints, isKnown, type KnownFailure, knownFailures, table, writeLogs, writeMatrix, writeTable } from "./report.js";
import { type Result, runCell } from "./run-cell.js";
import { type Server, type ServerName, startServer } from "./servers.js";

if (!("WebSocket" in globalThis)) Object.assign(globalThis, { WebSocket }); // Node 20 has none

interface Options {
  readonly peer?: string[];
  readonly layer?: string;
  readonly server?: string;
  readonly variant?: string;
  readonly check?: boolean;
  readonly checkAll?: boolean;
  readonly jobs: string;
}

const program = new Command("interop")
  .description("Runs other implementations against Balcony and writes interop/matrix.json and docs/interop.md.")
  .option("--peer <peers...>", "only these peers of the tree; name=command for a program that is not in it")
  .option("--layer <layer>")
  .option("--server <server>", "embedded, prosody, ejabberd; none for layers without a server")
  .option("--variant <variant>", "one kind of certificate, or one misbehaviour")
  .option("--check", "write no matrix: only tell what is not as it was known to be")
  .option("--check-all", "instead of the matrix: all of `balcony-interop check`, once with each misbehaviour of a peer's; it has to find that one, and nothing else")
  .option("--jobs <n>", "cells at once", String(2 * availableParallelism()));

const options = program.parse().opts<Options>();
process.exitCode = await (options.checkAll ? checkAll(options) : main(options));

async function main({ peer: wanted, layer, server, variant, check, jobs }: Options): Promise<number> {
  const peers = await choose(wanted);
  const cells = peers.flatMap((peer) => cellsOf(peer, { layer, server })).filter((cell) => variant === undefined || cell.variant === variant);
  if (cells.length === 0) throw new Error("No cell fits these options.");
  const started = performance.now();
  const known = await knownFailures();
  const results = await runAll({ cells, peers, known, jobs: Number(jobs) });
  await writeLogs(results);
  const whole = wanted === undefined && layer === undefined && server === undefined && variant === undefined;
  if (check) {
    // Whoever runs the tests wants no changed files.
  } else if (whole) {
    await writeMatrix(results, peers);
    await writeTable(results, known, peers);
  } else {
    process.stdout.write(table(results, known));
  }
  for (const { name, missing } of peers) if (missing !== undefined) process.stdout.write(`Without ${name}: ${missing}.\n`);
  const wrong = complaints(results, known);
  for (const complaint of wrong) process.stdout.write(`${complaint}\n`);
  const count = (outcome: Result["outcome"]) => results.filter((result) => result.outcome === outcome).length;
  const failed = results.filter((result) => result.outcome === "failed" && isKnown(known, result)).length;
  const seconds = Math.round((performance.now() - started) / 1000);
  process.stdout.write(
    `${results.length} cells in ${seconds} s: ${count("passed")} passed, ${count("failed")} failed, ${failed} of them as known, ${count("not applicable")} not applicable.\n`,
  );
  return wrong.length === 0 ? 0 : 1;
}

/** The checker against those peers that misbehave on demand. */
async function checkAll({ peer: wanted, variant, jobs }: Options): Promise<number> {
  const peers = (await choose(wanted)).filter(({ misbehaviours, host }) => misbehaviours.e2e && host);
  const started = performance.now();
  let [suspects, wrong]: [number, readonly string[]] = [0, []];
  for (const peer of peers) {
    if (peer.missing !== undefined) throw new Error(`Without ${peer.name}: ${peer.missing}.`);
    const found = await findOutAll(peer, { jobs: Number(jobs), only: variant, progress: (line) => void process.stderr.write(`${line}\n`) });
    suspects += found.suspects;
    wrong = [...wrong, ...found.wrong];
  }
  if (suspects === 0) throw new Error("No misbehaviour fits these options.");
  for (const line of wrong) process.stdout.write(`${line}\n`);
  const seconds = Math.round((performance.now() - started) / 1000);
  const names = new Set(wrong.map((line) => line.split(":")[0]));
  process.stdout.write(`${suspects} misbehaviours in ${seconds} s: ${suspects - names.size} found exactly, ${names.size} otherwise.\n`);
  return wrong.length === 0 ? 0 : 1;
}

async function choose(wanted: readonly string[] | undefined): Promise<Peer[]> {
  const tree = peersOfTree();
  if (!wanted) return tree;
  return await Promise.all(
    wanted.map(async (word) => {
      const [name = "", ...command] = word.split("=");
      if (command.length > 0) return await foreignPeer(name, command.join("="));
      const found = tree.find((peer) => peer.name === name);
      if (!found) throw new Error(`There is no peer ${name} in interop/peers.`);
      return found;
    }),
  );
}

interface Run {
  readonly cells: readonly Cell[];
  readonly peers: readonly Peer[];
  readonly known: readonly KnownFailure[];
  readonly jobs: number;
}

/** Cells run side by side: each has its own resource at its server, and its own ports. */
async function runAll({ cells, jobs, known, peers }: Run): Promise<Result[]> {
  const names = [...new Set(cells.map(({ server }) => server))].filter((name): name is ServerName => name !== "none");
  const servers = new Map<string, Server>();
  const hosts = new Map<Peer, Host>();
  try {
    await Promise.all(names.map(async (name) => servers.set(name, await startServer(name))));
    const ports = async () => (await freePorts(1))[0] as number;
    const results = new Map<Cell, Result>();
    const queue = [...cells];
    const work = async () => {
      for (let cell = queue.shift(); cell; cell = queue.shift()) {
        const peer = peers.find(({ name }) => name === cell?.peer) as Peer;
        if (peer.host && !hosts.has(peer) && cell.options.misbehave !== undefined) hosts.set(peer, peer.host());
        const result = await runCell(cell, peer, { server: servers.get(cell.server), ports, host: hosts.get(peer) });
        if (result.outcome !== "not applicable")
          process.stderr.write(`${word(result, known)} ${cellName(cell)} (${result.milliseconds} ms)${result.reason ? `: ${result.reason}` : ""}\n`);
        results.set(cell, result);
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, jobs) }, work));
    return cells.map((cell) => results.get(cell) as Result);
  } finally {
    await Promise.all([...servers.values(), ...hosts.values()].map(async (running) => await running.stop()));
  }
}

/** Whoever looks for what made a run fail finds it by FAILED. */
function word(result: Result, known: readonly KnownFailure[]): string {
  if (result.outcome === "passed") return "ok";
  return isKnown(known, result) ? "failed, as known:" : "FAILED";
}
