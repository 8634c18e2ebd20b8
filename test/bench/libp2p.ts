// An S5B stream with TLS against js-libp2p's stream over TCP with TLS, both on Node 24, which it needs: 64 KiB writes, both ends in one process.
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { s5b } from "@balcony/transport-s5b";
import { interleaved } from "./interleaved.js";
import { bareTlsPair, securedPair } from "./pairs.js";
import { atLeast, forInformation, report } from "./row.js";
import { large, rate, timed } from "./throughput.js";
import { transportPair } from "./transport-pair.js";

const ROUNDS = 7;

/** What `libp2p/streams.mjs` makes. */
interface Stream {
  /** @returns false where it wants `drain` first */
  send(piece: Uint8Array): boolean;
  onDrain(listener: () => void): void;
  onBytes(listener: (length: number) => void): void;
  close(): void;
}

/** Its packages are no dependency of ours: those that its lock file names are installed for this alone, and run no scripts. */
async function libp2p(): Promise<() => Promise<Stream>> {
  // `dist/bench/libp2p.js` stands two folders below `test/bench`.
  const folder = fileURLToPath(new URL("../libp2p", import.meta.url));
  cpSync(fileURLToPath(new URL("../../libp2p", import.meta.url)), folder, { recursive: true });
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`js-libp2p could not be installed: ${stderr}`);
  const { nodes } = (await import(new URL("../libp2p/streams.mjs", import.meta.url).href)) as { nodes(): Promise<() => Promise<Stream>> };
  return await nodes();
}

async function libp2pRate(make: () => Promise<Stream>): Promise<number> {
  const { piece, pieces } = large;
  const stream = await make();
  let left = pieces;
  const pump = (): void => {
    while (left > 0) {
      left--;
      if (!stream.send(piece)) return;
    }
  };
  stream.onDrain(pump);
  const measured = await timed(pieces * piece.length, (came) => stream.onBytes(came), pump);
  stream.close();
  return measured;
}

const make = await libp2p();
const { bare, baselines, values } = await interleaved(ROUNDS, {
  values: async () => await rate(async () => await securedPair(await transportPair(s5b()))),
  baselines: async () => await libp2pRate(make),
  bare: async () => await rate(bareTlsPair),
});
report([
  atLeast("S5B direct with TLS, against a stream of js-libp2p's, both on Node 24", 3, { unit: "MB/s", values, baselines }),
  forInformation("… bare node:tls, which nothing over it can outrun", { unit: "MB/s", values: bare, baselines }),
]);
process.exit();
