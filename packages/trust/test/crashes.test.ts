import { promises as real } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { TrustStore } from "../src/index.js";
import { juliet, key, romeo, use } from "./addresses.js";
import { crashing, type Moment } from "./crashing-files.js";
import { newFolder } from "./folders.js";
import { julietIdentity, romeoIdentity } from "./identities.js";

vi.mock("node:fs/promises", async (original) => (await import("./crashing-files.js")).crashing.over(await original()));

afterEach(() => crashing.disarm());

const titles: Readonly<Record<Moment, string>> = { before: "before it", during: "in its middle", after: "after it", power: "after it, of the whole machine" };
const moments: readonly Moment[] = ["before", "during", "after", "power"];

/** A life with every kind of change; says which of them were promised to be durable before it ended. */
async function live(folder: string): Promise<number> {
  let done = 0;
  try {
    const store = await TrustStore.open({ folder });
    for (const change of changes) {
      await change(store);
      done++;
    }
  } catch (error) {
    if (!crashing.crashed) throw error;
  }
  return done;
}

const changes: readonly ((store: TrustStore) => Promise<unknown>)[] = [
  (store) => store.identity(juliet, async () => julietIdentity),
  (store) => store.accepted(juliet, romeo, use(1)),
  (store) => store.setVerified(juliet, romeo, key(1), "fingerprint"),
  (store) => store.revoke(juliet, romeo, key(2)),
];

/** All that the store says, with dates left out. */
async function contents(folder: string): Promise<string> {
  const store = await TrustStore.open({ folder });
  let made = false;
  const contacts = store
    .list(juliet)
    .map(({ peer, record }) => [peer, record.tombstone, record.everStreamed, record.devices.map(({ spki, status, verified }) => [spki, status, verified?.how])]);
  const identity = await store.identity(juliet, async () => {
    made = true;
    return romeoIdentity;
  });
  expect(identity).toEqual(made ? romeoIdentity : julietIdentity);
  return JSON.stringify([made, contacts]);
}

/** What the store says after 0, 1, 2, … of the changes. */
async function histories(): Promise<string[]> {
  const after: string[] = [];
  for (let count = 0; count <= changes.length; count++) {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder });
    for (const change of changes.slice(0, count)) await change(store);
    after.push(await contents(folder));
  }
  return after;
}

async function operationsOf(work: () => Promise<unknown>): Promise<number> {
  crashing.disarm();
  await work();
  return crashing.operations;
}

describe("a crash at any operation on a file", () => {
  for (const moment of moments) {
    it(`(${titles[moment]}) leaves what was promised, or that and the change under way: nothing less, nothing else`, async () => {
      const expected = await histories();
      const operations = await operationsOf(async () => live(await newFolder()));
      expect(operations).toBeGreaterThan(40);
      for (let at = 1; at <= operations; at++) {
        const folder = await newFolder();
        crashing.arm(at, moment);
        const done = await live(folder);
        expect(crashing.crashed).toBe(true);
        crashing.disarm();
        expect([expected[done], expected[done + 1]], `after a crash ${moment} operation ${at}`).toContain(await contents(folder));
      }
    });
  }

  it("is survived by the next process, even if that crashes while it finishes what the first has begun", async () => {
    const expected = await histories();
    const operations = await operationsOf(async () => live(await newFolder()));
    const halves = new Set<number>();
    for (let at = 1; at <= operations; at++) {
      const half = await newFolder();
      crashing.arm(at, "after");
      const done = await live(half);
      crashing.disarm();
      if (done % 2 === 1 || halves.has(done) || !(await isHalfDone(half))) continue;
      halves.add(done);
      for (const moment of ["during", "power"] as const) {
        for (let again = 1; ; again++) {
          const folder = await newFolder();
          await real.cp(half, folder, { recursive: true });
          crashing.arm(again, moment);
          const opened = await TrustStore.open({ folder }).catch((error: unknown) => (crashing.crashed ? undefined : Promise.reject(error)));
          crashing.disarm();
          expect([expected[done], expected[done + 1]], `after a crash after operation ${at}, then ${moment} operation ${again}`).toContain(await contents(folder));
          if (opened) break;
        }
      }
    }
    expect([...halves]).toEqual([0, 2]); // a change of the keys, and one of trust
  });
});

/** Is trust.json one generation ahead of keys.json? */
async function isHalfDone(folder: string): Promise<boolean> {
  const [trust, keys] = await Promise.all(["trust.json", "keys.json"].map((name) => real.readFile(`${folder}/${name}`, "utf8").catch(() => "")));
  const generation = (text: string | undefined): number => Number(/"generation": (\d+)/u.exec(text ?? "")?.[1] ?? 0);
  return generation(trust) !== generation(keys);
}
