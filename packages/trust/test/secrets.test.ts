import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { TrustStore } from "../src/index.js";
import { newFolder } from "./folders.js";

const ROMEO = "romeo@montague.lit";
const JULIET = "juliet@capulet.lit";
const secret = (value: number) => new Uint8Array(32).fill(value);
const hex = (value: number) => Buffer.from(secret(value)).toString("hex");
const open: TrustStore[] = [];
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});

async function opened(folder: string, passphrase?: string): Promise<TrustStore> {
  const store = await TrustStore.open({ folder, ...(passphrase !== undefined && { passphrase }) });
  open.push(store);
  return store;
}

const octets = (store: TrustStore) => store.secrets(ROMEO, JULIET).map(({ current, previous }) => [current[0], previous?.[0]]);

describe("secrets that ESessions leave", () => {
  it("outlive the process, each with the one before it", async () => {
    const folder = await newFolder();
    const first = await opened(folder);
    await first.changeSecrets(ROMEO, JULIET, () => [{ current: secret(2), previous: secret(1) }, { current: secret(3) }]);
    expect(octets(await opened(folder))).toEqual([
      [2, 1],
      [3, undefined],
    ]);
    expect((await opened(folder)).secrets(JULIET, ROMEO)).toEqual([]);
  });

  it("lie open where the keys lie open, and nowhere where there is a passphrase", async () => {
    for (const passphrase of [undefined, "Wherefore art thou"]) {
      const folder = await newFolder();
      await (await opened(folder, passphrase)).changeSecrets(ROMEO, JULIET, () => [{ current: secret(7) }]);
      const files = await Promise.all(["keys.json", "trust.json"].map((name) => readFile(join(folder, name), "utf8")));
      expect(files.map((text) => text.includes(hex(7)))).toEqual([passphrase === undefined, false]);
      expect(octets(await opened(folder, passphrase))).toEqual([[7, undefined]]);
    }
  });

  it("of two processes that change them at once are both there", async () => {
    const folder = await newFolder();
    const stores = [await opened(folder), await opened(folder)];
    await Promise.all(stores.map(async (store, index) => await store.changeSecrets(ROMEO, JULIET, (now) => [...now, { current: secret(index + 1) }])));
    expect(
      octets(await opened(folder))
        .map(([first]) => first)
        .sort(),
    ).toEqual([1, 2]);
  });

  it("are forgotten with the rest of a peer by a reset", async () => {
    const store = await TrustStore.inMemory();
    await store.changeSecrets(ROMEO, JULIET, () => [{ current: secret(1) }]);
    await store.reset(ROMEO, JULIET);
    expect(store.secrets(ROMEO, JULIET)).toEqual([]);
  });
});

describe("what an account has for ESessions alone", () => {
  const away = { nonce: secret(5), exponents: [[14, secret(7)]], expires: 1_000, seen: [secret(6)] } as const;

  it("outlives the process, and lies where the keys lie", async () => {
    for (const passphrase of [undefined, "Wherefore art thou"]) {
      const folder = await newFolder();
      const store = await opened(folder, passphrase);
      expect(store.sealing(ROMEO)).toEqual({});
      expect(await store.changeSealing(ROMEO, (keys) => ({ ...keys, rsa: "-----BEGIN PRIVATE KEY-----" }))).toEqual({ rsa: "-----BEGIN PRIVATE KEY-----" });
      await store.changeSealing(ROMEO, (keys) => ({ ...keys, away: [away] }));
      const files = await Promise.all(["keys.json", "trust.json"].map((name) => readFile(join(folder, name), "utf8")));
      expect(files.map((text) => text.includes(hex(7)))).toEqual([passphrase === undefined, false]);
      const again = await opened(folder, passphrase);
      expect(again.sealing(ROMEO)).toEqual({
        rsa: "-----BEGIN PRIVATE KEY-----",
        away: [{ ...away, nonce: Buffer.from(away.nonce), exponents: [[14, Buffer.from(secret(7))]], seen: [Buffer.from(secret(6))] }],
      });
      expect(again.sealing(JULIET)).toEqual({});
    }
  });

  it("is of two processes that make it at once the first one's in both", async () => {
    const folder = await newFolder();
    const stores = [await opened(folder), await opened(folder)];
    const made = await Promise.all(stores.map(async (store, index) => await store.changeSealing(ROMEO, (keys) => (keys.rsa === undefined ? { rsa: `key ${index}` } : keys))));
    expect(new Set(made.map(({ rsa }) => rsa)).size).toBe(1);
  });
});
