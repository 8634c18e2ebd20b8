// One contender of `libp2p`, both ends in this process: for each message of the parent's one round is measured, and its megabytes a second are sent back.
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { s5b } from "@balcony/transport-s5b";
import { bareTlsPair, securedPair } from "./pairs.js";
import { large, rate, timed } from "./throughput.js";
import { transportPair } from "./transport-pair.js";

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

async function contender(name: string | undefined): Promise<() => Promise<number>> {
  if (name === "bare") return async () => await rate(bareTlsPair);
  if (name === "s5b") return async () => await rate(async () => await securedPair(await transportPair(s5b())));
  const make = await libp2p();
  return async () => await libp2pRate(make);
}

const round = await contender(process.argv[2]);
process.on("message", () => {
  globalThis.gc?.(); // no round pays for another's garbage
  void round().then((figure) => process.send?.(figure)); // one that fails ends the process, which the parent sees
});
process.send?.("ready");
