import { chmod, cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { TrustStore } from "../src/index.js";
import { benvolio, codeOf, juliet, key, romeo } from "./addresses.js";
import { newFolder } from "./folders.js";
import { julietIdentity } from "./identities.js";

const old = new URL("version-1/", import.meta.url);
const files = ["keys.json", "trust.json"] as const;

/** A store as version 1 has left it: written by its own code, before there was a version 2. */
async function stored(): Promise<string> {
  const folder = await newFolder();
  await mkdir(folder, { mode: 0o700 });
  for (const name of files) {
    await cp(new URL(name, old), join(folder, name));
    await chmod(join(folder, name), 0o600);
  }
  return folder;
}

const versionOf = async (folder: string): Promise<unknown> => (JSON.parse(await readFile(join(folder, "trust.json"), "utf8")) as { version: unknown }).version;
const at = "2026-01-01T00:00:00.000Z";
const laptop = { spki: key(1), label: "laptop", firstSeen: at, lastSeen: at, status: "verified", verified: { how: "fingerprint", at } };
const lost = { spki: key(3), firstSeen: at, lastSeen: at, status: "revoked", revoked: at };
const met = { devices: [{ spki: key(2), firstSeen: at, lastSeen: at, status: "unverified" }], everStreamed: true, tombstone: false };

it("a store of version 1 is read whole: nothing verified is lost, nothing is made", async () => {
  const store = await TrustStore.open({ folder: await stored() });
  expect(store.list(juliet)).toEqual([
    { peer: benvolio, record: met },
    { peer: romeo, record: { devices: [laptop, lost], everStreamed: true, tombstone: true } },
  ]);
  expect(await store.identity(juliet, () => Promise.reject(new Error("it is there")))).toEqual(julietIdentity);
});

it("it stays as it is until something changes, and is version 2 from then on", async () => {
  const folder = await stored();
  const before = await readFile(join(folder, "trust.json"), "utf8");
  const store = await TrustStore.open({ folder });
  expect(await readFile(join(folder, "trust.json"), "utf8")).toBe(before);
  await store.vouch(juliet, romeo, { by: key(1), spki: key(7) });
  expect(await versionOf(folder)).toBe(2);
  await store.close();
  const again = await TrustStore.open({ folder });
  expect(again.show(juliet, romeo)?.devices.slice(0, 2)).toEqual([laptop, lost]);
  expect(again.show(juliet, romeo)?.devices[2]).toMatchObject({ spki: key(7), status: "verified", verified: { how: "vouched", by: key(1) } });
  expect(again.show(juliet, benvolio)).toEqual(met);
});

it("the old file put back beside the new keys is store-tampered", async () => {
  const folder = await stored();
  const store = await TrustStore.open({ folder });
  await store.setVerified(juliet, benvolio, key(2), "qr");
  await store.close();
  await cp(new URL("trust.json", old), join(folder, "trust.json"));
  await chmod(join(folder, "trust.json"), 0o600);
  expect(await codeOf(TrustStore.open({ folder }))).toBe("store-tampered");
});
