import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { TrustStore } from "../src/index.js";
import { codeOf, juliet, key, romeo, use } from "./addresses.js";
import { newFolder } from "./folders.js";
import { julietIdentity } from "./identities.js";

const child = (name: string): string => fileURLToPath(new URL(`child/${name}`, import.meta.url));
let cache: string;

beforeAll(async () => {
  cache = await newFolder();
  await mkdir(cache);
});

/** Starts a process that works on the store, and gives its lines as they come. */
function start(folder: string, job: string, argument = ""): { readonly process: ChildProcess; readonly lines: AsyncIterable<string>; readonly exit: Promise<unknown[]> } {
  const options = ["--conditions=@balcony/source", `--import=${pathToFileURL(child("register.mjs")).href}`, "--no-warnings"];
  const started = spawn(process.execPath, [...options, child("writer.ts"), folder, job, argument], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, BALCONY_TEST_CACHE: cache },
  });
  return { process: started, lines: createInterface({ input: started.stdout }), exit: once(started, "close") };
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const read: string[] = [];
  for await (const line of lines) if (line !== "started") read.push(line);
  return read;
}

/** What a lock is like once its owner has been dead for long. */
async function age(folder: string): Promise<void> {
  await utimes(join(folder, "lock"), 0, 0).catch((error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? undefined : Promise.reject(error)));
}

describe("several processes at one store", () => {
  it("lose nothing of one another's", async () => {
    const folder = await newFolder();
    const writers = ["a", "b"].map((name) => start(folder, "verify", `${name} 8`));
    const store = await TrustStore.open({ folder });
    for (let index = 0; index < 8; index++) await store.setVerified(juliet, `own-${index}@montague.lit`, key(index), "fingerprint");
    const said = (await Promise.all(writers.map(({ lines }) => all(lines)))).flat();
    for (const { exit } of writers) expect(await exit).toEqual([0, null]);
    await store.refresh();
    expect(said).toHaveLength(16);
    expect(store.list(juliet)).toHaveLength(24);
    expect(store.list(juliet).every(({ record }) => record.devices[0]?.status === "verified")).toBe(true);
    expect(JSON.parse(await readFile(join(folder, "trust.json"), "utf8"))).toMatchObject({ generation: 24 });
  }, 60_000);

  it("have one identity between them, made by one of them", async () => {
    const folder = await newFolder();
    const asking = ["1", "2", "1", "2"].map((which) => start(folder, "identity", which));
    const said = (await Promise.all(asking.map(({ lines }) => all(lines)))).flat().map((line) => JSON.parse(line) as { made: boolean; mine: boolean });
    for (const { exit } of asking) expect(await exit).toEqual([0, null]);
    expect(said.filter(({ made }) => made)).toHaveLength(1);
    expect(said.filter(({ mine }) => mine)).toHaveLength(2);
  });
});

describe("a process that is killed", () => {
  it("20 times at any moment, loses no verification or revocation that it had told of, and makes none up", async () => {
    const folder = await newFolder();
    let told = 0;
    for (let round = 0; round < 20; round++) {
      const { process: victim, lines, exit } = start(folder, "endless", String(round));
      const said: string[] = [];
      const enough = round % 12; // the same moments in each run, as far as a kill can be aimed
      for await (const line of lines) {
        said.push(line);
        if (said.length > enough) {
          for (let turn = 0; turn < (round % 5) * 3; turn++) await new Promise((resolve) => setImmediate(resolve));
          victim.kill("SIGKILL");
        }
      }
      expect(await exit).toEqual([null, "SIGKILL"]);
      await age(folder);
      told += said.length - 1;
      const store = await TrustStore.open({ folder });
      expectTrue(store, round, said);
      await store.close();
    }
    expect(told).toBeGreaterThan(60);
  }, 180_000);

  it("leaves a lock that the next one takes over, and an impatient one reports", async () => {
    const folder = await newFolder();
    const { process: holder, lines, exit } = start(folder, "hold");
    for await (const line of lines) if (line === "holding") break;
    expect(await codeOf(TrustStore.open({ folder, lockTimeout: 50 }))).toBe("store-locked");
    holder.kill("SIGKILL");
    await exit;
    await age(folder);
    const store = await TrustStore.open({ folder });
    expect(await store.identity(juliet, async () => julietIdentity)).toEqual(julietIdentity);
  });
});

/** Everything of this round that was told is there; what was not told is what was under way, whole or not at all; earlier rounds are as they were. */
function expectTrue(store: TrustStore, round: number, said: readonly string[]): void {
  const records = new Map(store.list(juliet).map(({ peer, record }) => [peer, record]));
  const promised = new Set(said);
  let untold = 0;
  for (let index = 0; index <= said.length; index++) {
    const peer = `peer-${round}-${index}@montague.lit`;
    const record = records.get(peer);
    const has = { met: key(1), verified: key(2), revoked: key(3) } as const;
    for (const [deed, spki] of Object.entries(has)) {
      const there = record?.devices.some((device) => device.spki === spki && device.status === (deed === "met" ? "unverified" : deed)) ?? false;
      if (promised.has(`${deed} ${peer}`)) expect(there, `${deed} ${peer}`).toBe(true);
      else if (there) untold++;
    }
    if (record) expect(record.tombstone).toBe(record.devices.length > 1);
  }
  expect(untold, "changes that were never told of").toBeLessThanOrEqual(1); // the one under way
  for (const [peer, record] of records) {
    const verified = record.devices.filter(({ status }) => status === "verified").map(({ spki }) => spki);
    expect([[], [key(2)]], peer).toContainEqual(verified);
  }
}

describe("the lock", () => {
  const held = async (folder: string, work: (folder: string) => Promise<unknown>): Promise<string> => {
    const store = await TrustStore.open({ folder });
    return await codeOf(
      store.identity(juliet, async () => {
        await work(folder);
        return julietIdentity;
      }),
    );
  };

  it("that another process took over while this one was stopped keeps it from writing", async () => {
    const folder = await newFolder();
    const code = await held(folder, async () => {
      await rm(join(folder, "lock"), { recursive: true });
      await mkdir(join(folder, "lock"));
    });
    expect(code).toBe("store-locked");
    expect((await stat(join(folder, "lock"))).isDirectory()).toBe(true); // the other's, and not ours to take away
    await rm(join(folder, "lock"), { recursive: true });
    expect(await codeOf(TrustStore.open({ folder }).then((store) => store.identity(juliet, () => Promise.reject(new Error("not there")))))).toContain("not there");
  });

  it("that is gone keeps it from writing", async () => {
    const folder = await newFolder();
    expect(await held(folder, () => rm(join(folder, "lock"), { recursive: true }))).toBe("store-locked");
  });

  it("is not waited for after an abort", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder });
    const abort = new AbortController();
    const waiting = await new Promise<Promise<string>>((resolve) => {
      void store.identity(juliet, async () => {
        const second = codeOf(TrustStore.open({ folder, signal: abort.signal }));
        resolve(second);
        abort.abort();
        await second;
        return julietIdentity;
      });
    });
    expect(await waiting).toBe("aborted");
    expect(await codeOf(TrustStore.open({ folder, signal: AbortSignal.abort() }))).toBe("aborted");
  });

  it("is one for two stores in one process", async () => {
    const folder = await newFolder();
    const [one, two] = [await TrustStore.open({ folder }), await TrustStore.open({ folder })];
    await Promise.all([one, two].flatMap((store, which) => Array.from({ length: 10 }, (_, index) => store.accepted(juliet, romeo, use(which * 10 + index)))));
    await one.refresh();
    expect(one.show(juliet, romeo)?.devices).toHaveLength(20);
    await two.revoke(juliet, romeo, key(1));
    expect(await codeOf(one.accepted(juliet, romeo, use(1)))).toBe("key-revoked");
  });
});

describe("a try that a process dies in", () => {
  /** Starts it, waits until it has said this, and kills it. */
  async function killedAfter(folder: string, job: string, argument: string, said: string): Promise<void> {
    const { process: victim, lines, exit } = start(folder, job, argument);
    for await (const line of lines) if (line === said) victim.kill("SIGKILL");
    expect(await exit).toEqual([null, "SIGKILL"]);
    await age(folder);
  }

  it("of a code, between the disk and the answer, has used the code up, for a second process as well", async () => {
    const folder = await newFolder();
    await killedAfter(folder, "code", "ridge-lemon-4020", "used");
    const second = start(folder, "code", "ridge-lemon-4020");
    expect(await all(second.lines)).toEqual(["code-spent"]);
    await second.exit;
    const store = await TrustStore.open({ folder });
    expect(store.show(juliet, romeo)).toMatchObject({ guesses: [expect.any(String)], codes: [{ hash: expect.any(String) }] });
  });

  it("of a code, in two processes at once, is one", async () => {
    const folder = await newFolder();
    await (await TrustStore.open({ folder })).close();
    const both = ["one", "two"].map(() => start(folder, "code", "ridge-lemon-4020"));
    const outcomes = await Promise.all(
      both.map(async ({ lines, process: child }) => {
        for await (const line of lines) {
          if (line === "started") continue;
          if (line === "used") child.kill("SIGKILL");
          return line;
        }
        return "nothing";
      }),
    );
    expect(outcomes.sort()).toEqual(["code-spent", "used"]);
    await Promise.all(both.map(({ exit }) => exit));
  });

  it("of a verification, has cost its guess: three such, and there is no fourth", async () => {
    const folder = await newFolder();
    for (let time = 0; time < 3; time++) await killedAfter(folder, "guess", "", "charged");
    const store = await TrustStore.open({ folder });
    expect(await codeOf(store.chargeGuess(juliet, romeo))).toBe("guesses-spent");
  });
});
