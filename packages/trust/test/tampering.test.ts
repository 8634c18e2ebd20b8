import { chmod, cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { malformedTable } from "@balcony/test-kit";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { TrustStore } from "../src/index.js";
import { codeOf, juliet, key, nurse, romeo, use } from "./addresses.js";
import { newFolder } from "./folders.js";
import { julietIdentity, romeoIdentity } from "./identities.js";
import { rememberingScrypt } from "./known-scrypt.js";

vi.mock("node:crypto", async (original) => rememberingScrypt(await original()));

/** What an attack may use: the folder, the same folder a change earlier and at its very beginning, and somebody else's store. */
interface Scene {
  readonly folder: string;
  readonly earlier: string;
  readonly beginning: string;
  readonly foreign: string;
}

type Attack = (scene: Scene) => Promise<unknown>;

async function stage(passphrase?: string): Promise<Scene> {
  const [folder, earlier, beginning, foreign] = [await newFolder(), await newFolder(), await newFolder(), await newFolder()];
  const store = await TrustStore.open({ folder, passphrase });
  await cp(folder, beginning, { recursive: true });
  await store.identity(juliet, async () => julietIdentity);
  await store.identity(nurse, async () => romeoIdentity);
  await store.accepted(juliet, romeo, use(1));
  await store.accepted(nurse, romeo, use(2));
  await cp(folder, earlier, { recursive: true });
  await store.setVerified(juliet, romeo, key(1), "fingerprint");
  await store.revoke(juliet, romeo, key(3));
  await store.close();
  const other = await TrustStore.open({ folder: foreign, passphrase });
  await other.setVerified(juliet, romeo, key(66), "fingerprint");
  await other.revoke(juliet, romeo, key(3));
  await other.close();
  return { folder, earlier, beginning, foreign };
}

const trustOf = (folder: string): string => join(folder, "trust.json");
const keysOf = (folder: string): string => join(folder, "keys.json");
const edit = async (path: string, from: string | RegExp, to: string): Promise<void> => {
  const text = await readFile(path, "utf8");
  const edited = text.replace(from, to);
  expect(edited).not.toBe(text);
  await writeFile(path, edited);
};
const put =
  (path: string, content: string | Uint8Array): Attack =>
  async () =>
    await writeFile(path, content);
const inTrust =
  (from: string | RegExp, to: string): Attack =>
  ({ folder }) =>
    edit(trustOf(folder), from, to);
const inKeys =
  (from: string | RegExp, to: string): Attack =>
  ({ folder }) =>
    edit(keysOf(folder), from, to);
const bring =
  (which: "earlier" | "beginning" | "foreign", name: "keys.json" | "trust.json"): Attack =>
  (scene) =>
    cp(join(scene[which], name), join(scene.folder, name));

const rules = [
  { section: "What is kept: readable", text: "what cannot be read is an error, never an empty store" },
  { section: "What is kept: authentic", text: "an unauthentic file is an error" },
  { section: "What is kept: not missing", text: "a missing file beside the other is an error" },
  { section: "What is kept: not older", text: "an older file beside the other is an error" },
  { section: "What is kept: version", text: "a newer version is not guessed at" },
  { section: "What is kept: private", text: "0600, in a folder that nobody else writes to" },
  { section: "What is kept: sealed", text: "private keys lie under the passphrase, and under no weaker parameters" },
];
const readable = "What is kept: readable";
const authentic = "What is kept: authentic";
const missing = "What is kept: not missing";
const older = "What is kept: not older";
const newer = "What is kept: version";
const priv = "What is kept: private";
const sealed = "What is kept: sealed";

const inBoth = [
  { name: "trust.json emptied", breaks: readable, code: "store-corrupt", input: ({ folder }: Scene) => writeFile(trustOf(folder), "") },
  { name: "keys.json emptied", breaks: readable, code: "store-corrupt", input: ({ folder }: Scene) => writeFile(keysOf(folder), "") },
  {
    name: "trust.json of random bytes",
    breaks: readable,
    code: "store-corrupt",
    input: ({ folder }: Scene) => writeFile(trustOf(folder), crypto.getRandomValues(new Uint8Array(500))),
  },
  {
    name: "keys.json of random bytes",
    breaks: readable,
    code: "store-corrupt",
    input: ({ folder }: Scene) => writeFile(keysOf(folder), crypto.getRandomValues(new Uint8Array(500))),
  },
  { name: "trust.json of zeros, as after a power failure", breaks: readable, code: "store-corrupt", input: ({ folder }: Scene) => writeFile(trustOf(folder), new Uint8Array(500)) },
  {
    name: "trust.json cut short",
    breaks: readable,
    code: "store-corrupt",
    input: async ({ folder }: Scene) => writeFile(trustOf(folder), (await readFile(trustOf(folder))).subarray(0, -100)),
  },
  {
    name: "keys.json cut short",
    breaks: readable,
    code: "store-corrupt",
    input: async ({ folder }: Scene) => writeFile(keysOf(folder), (await readFile(keysOf(folder))).subarray(0, -100)),
  },
  {
    name: "the two files swapped",
    breaks: readable,
    code: "store-corrupt",
    input: async ({ folder }: Scene) => {
      const [trust, keys] = [await readFile(trustOf(folder)), await readFile(keysOf(folder))];
      await writeFile(trustOf(folder), keys);
      await writeFile(keysOf(folder), trust);
    },
  },
  { name: "JSON of something else", breaks: readable, code: "store-corrupt", input: ({ folder }: Scene) => writeFile(trustOf(folder), "{}") },
  { name: "arrays, 100,000 deep", breaks: readable, code: "store-corrupt", input: ({ folder }: Scene) => writeFile(keysOf(folder), "[".repeat(100_000)) },
  {
    name: "a folder where trust.json was",
    breaks: readable,
    code: "store-inaccessible",
    input: async ({ folder }: Scene) => {
      await rm(trustOf(folder));
      await mkdir(trustOf(folder), { mode: 0o700 });
    },
  },
  {
    name: "a link to itself where keys.json was",
    breaks: readable,
    code: "store-inaccessible",
    input: async ({ folder }: Scene) => {
      await rm(keysOf(folder));
      await symlink("keys.json", keysOf(folder));
    },
  },
  { name: "unverified made verified", breaks: authentic, code: "store-tampered", input: inTrust('"status": "unverified"', '"status": "verified"') },
  { name: "verified made unverified", breaks: authentic, code: "store-tampered", input: inTrust('"status": "verified"', '"status": "unverified"') },
  { name: "revoked made verified", breaks: authentic, code: "store-tampered", input: inTrust('"status": "revoked"', '"status": "verified"') },
  { name: "the tombstone taken away", breaks: authentic, code: "store-tampered", input: inTrust('"tombstone": true', '"tombstone": false') },
  { name: "a key put in place of another", breaks: authentic, code: "store-tampered", input: inTrust(key(1), key(66)) },
  {
    name: "the records of two accounts swapped",
    breaks: authentic,
    code: "store-tampered",
    input: async ({ folder }: Scene) => {
      await edit(trustOf(folder), juliet, "other");
      await edit(trustOf(folder), nurse, juliet);
      await edit(trustOf(folder), "other", nurse);
    },
  },
  { name: "one peer's name put for another's", breaks: authentic, code: "store-tampered", input: inTrust(romeo, "paris@verona.lit") },
  { name: "a white space more", breaks: authentic, code: "store-tampered", input: inTrust('"accounts": ', '"accounts":  ') },
  { name: "line ends of another system", breaks: readable, code: "store-corrupt", input: inTrust(/\n/gu, "\r\n") },
  { name: "a second, empty list of accounts", breaks: authentic, code: "store-tampered", input: inTrust(',\n  "mac"', ',\n  "accounts": {},\n  "mac"') },
  { name: "the generation counted up", breaks: authentic, code: "store-tampered", input: inTrust(/"generation": \d+/u, '"generation": 999') },
  { name: "another MAC", breaks: authentic, code: "store-tampered", input: inTrust(/"mac": "[0-9a-f]{64}"/u, `"mac": "${"0".repeat(64)}"`) },
  { name: "no MAC", breaks: readable, code: "store-corrupt", input: inTrust(/,\n {2}"mac": "[0-9a-f]{64}"/u, "") },
  { name: "somebody else's trust.json", breaks: authentic, code: "store-tampered", input: bring("foreign", "trust.json") },
  { name: "trust.json deleted", breaks: missing, code: "store-tampered", input: ({ folder }: Scene) => rm(trustOf(folder)) },
  { name: "keys.json deleted", breaks: missing, code: "store-tampered", input: ({ folder }: Scene) => rm(keysOf(folder)) },
  { name: "trust.json rolled back", breaks: older, code: "store-tampered", input: bring("earlier", "trust.json") },
  { name: "keys.json rolled back", breaks: older, code: "store-tampered", input: bring("earlier", "keys.json") },
  { name: "keys.json rolled back to the beginning, trust.json deleted after", breaks: older, code: "store-tampered", input: bring("beginning", "keys.json") },
  { name: "trust.json of a newer version", breaks: newer, code: "store-version", input: inTrust('"version": 2', '"version": 3') },
  { name: "keys.json of a newer version", breaks: newer, code: "store-version", input: inKeys('"version": 2', '"version": 999999999') },
  { name: "a version that never was", breaks: newer, code: "store-corrupt", input: inTrust('"version": 2', '"version": 0') },
  { name: "trust.json readable by others", breaks: priv, code: "store-inaccessible", input: ({ folder }: Scene) => chmod(trustOf(folder), 0o644) },
  { name: "keys.json readable by the group", breaks: priv, code: "store-inaccessible", input: ({ folder }: Scene) => chmod(keysOf(folder), 0o640) },
  { name: "a folder that others may write to", breaks: priv, code: "store-inaccessible", input: ({ folder }: Scene) => chmod(folder, 0o777) },
  {
    name: "a file where the folder was",
    breaks: priv,
    code: "store-inaccessible",
    input: async ({ folder }: Scene) => {
      await rm(folder, { recursive: true });
      await writeFile(folder, "");
    },
  },
  { name: "a protection that nobody knows", breaks: sealed, code: "store-corrupt", input: inKeys(/"protection": "[a-z]+"/u, '"protection": "rot13"') },
];

/** Plays the attack on a copy of the scene, then opens the store as its owner would. */
const play =
  (scene: () => Scene, passphrase?: string) =>
  async (attack: Attack): Promise<string> => {
    const folder = await newFolder();
    await cp(scene().folder, folder, { recursive: true });
    await attack({ ...scene(), folder });
    return await codeOf(TrustStore.open({ folder, passphrase }));
  };

describe("without a passphrase", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await stage();
  });

  it("the scene itself opens", async () => {
    expect(await play(() => scene)(async () => undefined)).toBe("accepted");
  });

  malformedTable("a store that somebody has changed", {
    rules,
    rows: [
      ...inBoth,
      {
        name: "a private key put in place of another",
        breaks: authentic,
        code: "store-tampered",
        input: inKeys(JSON.stringify(julietIdentity.privateKey), JSON.stringify(romeoIdentity.privateKey)),
      },
      { name: "the key of the MAC exchanged", breaks: authentic, code: "store-tampered", input: inKeys(/"macKey": "[0-9a-f]{64}"/u, `"macKey": "${"0".repeat(64)}"`) },
      { name: "the generation in keys.json set back", breaks: authentic, code: "store-tampered", input: inKeys(/"generation": \d+/u, '"generation": 0') },
      { name: "keys.json with a field more", breaks: readable, code: "store-corrupt", input: inKeys('"content": {', '"extra": 1,\n  "content": {') },
      { name: "keys.json without its content", breaks: readable, code: "store-corrupt", input: inKeys('"content"', '"contents"') },
      { name: "somebody else's keys.json", breaks: authentic, code: "store-tampered", input: bring("foreign", "keys.json") },
    ],
    run: (attack) => play(() => scene)(attack),
  });

  it("what is not detected: both files rolled back together, while nobody is looking", async () => {
    expect(
      await play(() => scene)(async (on) => {
        await bring("earlier", "keys.json")(on);
        await bring("earlier", "trust.json")(on);
      }),
    ).toBe("accepted");
  });
});

describe("with a passphrase", () => {
  const passphrase = "wherefore art thou";
  let scene: Scene;
  beforeAll(async () => {
    scene = await stage(passphrase);
  });

  malformedTable("a store that somebody has changed", {
    rules,
    rows: [
      ...inBoth.filter(({ name }) => name.startsWith("keys.json") || name.startsWith("trust.json") || name.startsWith("a protection")),
      {
        name: "a byte of what is sealed",
        breaks: authentic,
        code: "store-tampered",
        input: async ({ folder }: Scene) => {
          const { sealed: before } = JSON.parse(await readFile(keysOf(folder), "utf8")) as { sealed: string };
          await edit(keysOf(folder), before, (before.startsWith("A") ? "B" : "A") + before.slice(1));
        },
      },
      { name: "what is sealed, not in base64", breaks: sealed, code: "store-corrupt", input: inKeys(/"sealed": "../u, '"sealed": "-_') },
      { name: "the nonce", breaks: authentic, code: "store-tampered", input: inKeys(/"nonce": "[0-9a-f]+"/u, `"nonce": "${"0".repeat(24)}"`) },
      { name: "the salt, which makes the passphrase another", breaks: sealed, code: "store-passphrase", input: inKeys(/"salt": "[0-9a-f]+"/u, `"salt": "${"0".repeat(32)}"`) },
      { name: "N so small that anybody can guess", breaks: sealed, code: "store-corrupt", input: inKeys('"N": 131072', '"N": 2') },
      { name: "N so large that no memory is enough", breaks: sealed, code: "store-corrupt", input: inKeys('"N": 131072', '"N": 1073741824') },
      { name: "another key derivation", breaks: sealed, code: "store-corrupt", input: inKeys('"name": "scrypt"', '"name": "none"') },
      {
        name: "a store without passphrase, put in place of this one",
        breaks: sealed,
        code: "store-passphrase",
        input: async ({ folder }: Scene) => {
          const open = await stage();
          await cp(open.folder, folder, { recursive: true, force: true });
        },
      },
      { name: "somebody else's keys.json, under the same passphrase", breaks: authentic, code: "store-tampered", input: bring("foreign", "keys.json") },
    ],
    run: (attack) => play(() => scene, passphrase)(attack),
  });
});

describe("a store that is changed while it is open", () => {
  const attacks: Record<string, { readonly attack: Attack; readonly code: string }> = {
    "trust.json is edited": { attack: inTrust('"tombstone": true', '"tombstone": false'), code: "store-tampered" },
    "trust.json is deleted": { attack: ({ folder }) => rm(trustOf(folder)), code: "store-tampered" },
    "keys.json is deleted": { attack: ({ folder }) => rm(keysOf(folder)), code: "store-tampered" },
    "both are deleted": {
      attack: async ({ folder }) => {
        await rm(keysOf(folder));
        await rm(trustOf(folder));
      },
      code: "store-tampered",
    },
    "both are rolled back together": {
      attack: async (scene) => {
        await bring("earlier", "keys.json")(scene);
        await bring("earlier", "trust.json")(scene);
      },
      code: "store-tampered",
    },
    "both are cut short": {
      attack: async ({ folder }) => {
        await put(keysOf(folder), "{")({ folder } as Scene);
        await put(trustOf(folder), "{")({ folder } as Scene);
      },
      code: "store-corrupt",
    },
  };
  for (const [name, { attack, code }] of Object.entries(attacks)) {
    it(`is refused when ${name} → ${code}, by reading and by writing, and goes on with what it knew`, async () => {
      const scene = await stage();
      const store = await TrustStore.open({ folder: scene.folder });
      const known = store.show(juliet, romeo);
      await attack(scene);
      expect(await codeOf(store.refresh())).toBe(code);
      expect(await codeOf(store.setVerified(juliet, romeo, key(9), "qr"))).toBe(code);
      expect(store.show(juliet, romeo)).toEqual(known);
    });
  }
});
