import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { TrustStore } from "@balcony/trust";
import { afterAll, expect, it } from "vitest";

const KILLS = 1000;
/** Kills of one store: with every change its files grow. */
const KILLS_A_STORE = 50;
const LANES = 2;
const juliet = "juliet@capulet.lit";
const key = (peer: string, number: number): string => createHash("sha256").update(`${peer} ${number}`).digest("hex");
const deeds = ["met", "verified", "vouched", "revoked"] as const;
const folders: string[] = [];

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** The same numbers in each run: mulberry32. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Lets a process write, kills it at some moment after some change, and gives the changes that it had promised, and whether it was writing. */
async function killed(folder: string, round: number, random: (below: number) => number): Promise<{ readonly promised: readonly string[]; readonly writing: boolean }> {
  const writer = spawn(process.execPath, [fileURLToPath(new URL("store-writer.mjs", import.meta.url)), folder, String(round)], { stdio: ["ignore", "pipe", "inherit"] });
  const exit = once(writer, "close");
  const said: string[] = [];
  const enough = 1 + random(6);
  const turns = random(3000);
  for await (const line of createInterface({ input: writer.stdout })) {
    said.push(line);
    if (said.length !== enough) continue;
    for (let count = 0; count < turns; count++) await turn();
    writer.kill("SIGKILL");
  }
  expect(await exit).toEqual([null, "SIGKILL"]);
  // A writer holds the lock while it writes. Here it is made as if its owner had been dead for long.
  const writing = await utimes(join(folder, "lock"), 0, 0).then(
    () => true,
    (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? false : Promise.reject(error)),
  );
  return { promised: said, writing };
}

/** What the store says was done, as the writer tells it. */
async function remembered(folder: string): Promise<readonly string[]> {
  const store = await TrustStore.open({ folder });
  const facts = store.list(juliet).flatMap(({ peer, record }) => {
    const statuses = record.devices.map(({ spki, status, verified }) => `${spki} ${status} ${verified?.how ?? ""}`);
    const shapes = [
      [`${key(peer, 1)} unverified `],
      [`${key(peer, 1)} unverified `, `${key(peer, 2)} verified qr`],
      [`${key(peer, 1)} unverified `, `${key(peer, 2)} verified qr`, `${key(peer, 3)} verified vouched`],
      [`${key(peer, 1)} revoked `, `${key(peer, 2)} verified qr`, `${key(peer, 3)} verified vouched`],
    ];
    const done = shapes.findIndex((shape) => JSON.stringify(shape) === JSON.stringify(statuses));
    expect(done, `${peer}: ${statuses.join(", ")}`).toBeGreaterThanOrEqual(0); // nothing that nobody did
    expect(record.tombstone).toBe(done > 0);
    const kept = store.secrets(juliet, peer).map(({ current, previous }) => [Buffer.from(current).toString("hex"), previous]);
    if (kept.length > 0) expect([done, kept]).toEqual([deeds.length - 1, [[key(peer, 4), undefined]]]);
    return [...deeds.slice(0, done + 1), ...kept.map(() => "kept")].map((deed) => `${deed} ${peer}`);
  });
  await store.close();
  return facts;
}

/**
 * Kills the writers of one store after another, until enough were killed, and half as many of them while they wrote: how many that is in a hundred hangs on the machine.
 * Where kills never met the writing, the test's own deadline ends it.
 */
async function lane(number: number): Promise<{ readonly kills: number; readonly whileWriting: number }> {
  const random = randomFrom(number);
  let [kills, whileWriting] = [0, 0];
  const enough = (): boolean => kills >= KILLS / LANES && whileWriting >= KILLS / LANES / 2;
  while (!enough()) {
    const folder = join(await mkdtemp(join(tmpdir(), "balcony-kills-")), "store");
    folders.push(join(folder, ".."));
    let before: readonly string[] = [];
    for (let round = 0; round < KILLS_A_STORE && !enough(); round++, kills++) {
      const { promised, writing } = await killed(folder, round, random);
      const now = await remembered(folder);
      const unpromised = now.filter((fact) => !before.includes(fact) && !promised.includes(fact));
      expect([...before, ...promised].filter((fact) => !now.includes(fact))).toEqual([]); // nothing that was promised is lost
      expect(unpromised.length, unpromised.join(", ")).toBeLessThanOrEqual(1); // but for the change under way, nothing is made
      if (writing) whileWriting++;
      before = now;
    }
  }
  return { kills, whileWriting };
}

it(`${KILLS} kill -9 at random moments of writing lose no verification, revocation or secret that was promised, and make none`, async () => {
  const lanes = await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number + 1)));
  expect(lanes.reduce((sum, { kills }) => sum + kills, 0)).toBeGreaterThanOrEqual(KILLS);
}, 600_000);
