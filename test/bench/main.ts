// Runs each program of this folder in a process of its own, one after the other, prints the table and writes results.json.
import { fork } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { cpus, platform, release, totalmem } from "node:os";
import { node24 } from "./node-24.js";
import type { Row } from "./row.js";
import { printed } from "./table.js";

const NEEDS_PROSODY = ["stanzas", "bytestreams"];
const programs = [...NEEDS_PROSODY, "tls-paths", "libp2p", "webrtc", "round-trips", "esessions", "memory", "leftovers"];
/** It runs on no older one. */
const NEEDS_NODE_24 = "libp2p";
const wanted = process.argv.slice(2);

const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `${platform()} ${release()}`,
  node: process.version,
  openssl: process.versions.openssl,
};

function measure(program: string): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL(`./${program}.js`, import.meta.url), {
      execArgv: ["--expose-gc"],
      ...(program === NEEDS_NODE_24 && { execPath: node24() }),
    });
    let rows: readonly Row[] | undefined;
    child.on("message", (message) => {
      rows = message as readonly Row[];
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (rows && code === 0) resolve(rows);
      else reject(new Error(`${program} ended with ${signal ?? code}${rows ? "" : " and without a figure"}`));
    });
  });
}

if (!existsSync("/usr/bin/prosody")) {
  process.stderr.write("The bench needs a real Prosody: `npm test` installs it on Debian as root.\n");
  process.exit(1);
}
const rows: Row[] = [];
for (const program of programs.filter((name) => wanted.length === 0 || wanted.includes(name))) {
  process.stderr.write(`· Measuring ${program} …\n`);
  rows.push(...(await measure(program)));
}
process.stdout.write(`\n${printed(rows)}\n${Object.values(machine).join(" · ")}\n`);
// `dist/bench/main.js` stands two folders below `test/bench`.
if (wanted.length === 0) writeFileSync(new URL("../../results.json", import.meta.url), `${JSON.stringify({ machine, results: rows }, null, 2)}\n`);
const missed = rows.filter(({ ok }) => !ok);
if (missed.length > 0) process.stderr.write(`\n${missed.length === 1 ? "One figure misses" : `${missed.length} figures miss`} what is required.\n`);
process.exitCode = missed.length > 0 ? 1 : 0;
