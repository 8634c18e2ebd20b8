// An S5B stream with TLS against js-libp2p's stream over TCP with TLS, both on Node 24, which it needs: 64 KiB writes. Each in a process of its own, as nobody who uses the one has loaded the other.
import { fork } from "node:child_process";
import { once } from "node:events";
import { interleaved } from "./interleaved.js";
import { atLeast, forInformation, report } from "./row.js";

const ROUNDS = 7;

/** @returns what measures one round, and what ends the process */
async function contender(name: "s5b" | "libp2p" | "bare"): Promise<{ readonly round: () => Promise<number>; readonly end: () => void }> {
  const child = fork(new URL("./libp2p-contender.js", import.meta.url), [name], { execArgv: ["--expose-gc"] });
  const gone = once(child, "exit").then(([code, signal]) => {
    throw new Error(`${name} ended with ${signal ?? code}`);
  });
  gone.catch(() => undefined); // of no interest but to whoever waits for a figure
  const answer = async (): Promise<unknown> => (await Promise.race([once(child, "message"), gone]))[0];
  await answer();
  return {
    round: async () => {
      child.send("round");
      return (await answer()) as number;
    },
    end: () => child.kill(),
  };
}

const [ours, libp2p, tls] = [await contender("s5b"), await contender("libp2p"), await contender("bare")];
const { bare, baselines, values } = await interleaved(ROUNDS, { values: ours.round, baselines: libp2p.round, bare: tls.round });
for (const { end } of [ours, libp2p, tls]) end();
report([
  atLeast("S5B direct with TLS, against a stream of js-libp2p's, both on Node 24", 3, { unit: "MB/s", values, baselines }),
  forInformation("… bare node:tls, which nothing over it can outrun", { unit: "MB/s", values: bare, baselines }),
]);
process.disconnect?.();
