// An RTCPeerConnection of Node's as one executable: the contract on this process's environment, stdin and stdout.

import { webcrypto } from "node:crypto";
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { play } from "./driver.mjs";

/** @param peer name, version, layers; and `load()`, which resolves with an RTCPeerConnection and its configuration */
export async function main({ name, version, layers, load }) {
  const { INTEROP_TASK, INTEROP_LAYER: layer, INTEROP_ROLE: role, INTEROP_OPTIONS: options = "{}" } = process.env;
  const say = (event) => writeSync(1, `${JSON.stringify(event)}\n`);
  if (INTEROP_TASK === "describe") return void say({ event: "describe", name, version, layers });
  globalThis.crypto ??= webcrypto;
  const signals = (async function* () {
    for await (const line of createInterface({ input: process.stdin })) yield JSON.parse(line);
  })();
  await play({ ...(await load()), layer, role, options: JSON.parse(options), say, signals });
  process.exit(0); // native threads may live on
}
