// What an idle secured stream takes of memory, each kind in a process of its own.
import { fork } from "node:child_process";
import { once } from "node:events";
import { atMost, report } from "./row.js";

const ROUNDS = 2;

/** @returns KiB of one end */
async function measure(kind: "bare" | "stream"): Promise<number> {
  const child = fork(new URL("./memory-of.js", import.meta.url), [kind], { execArgv: ["--expose-gc"] });
  const [kibibytes] = (await once(child, "message")) as [number];
  await once(child, "exit");
  return kibibytes;
}

const [values, baselines]: [number[], number[]] = [[], []];
for (let round = 0; round < ROUNDS; round++) {
  baselines.push(await measure("bare"));
  values.push(await measure("stream"));
}
report([atMost("an idle secured stream, 1,000 open, against a TLS socket and a parser", 1.5, { unit: "KiB", values, baselines })]);
process.disconnect?.();
