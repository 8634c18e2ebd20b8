import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TrustStore } from "../src/index.js";
import { codeOf, handClock, juliet, key, nurse, romeo, use } from "./addresses.js";
import { newFolder } from "./folders.js";
import { julietIdentity, julietRenewed, romeoIdentity } from "./identities.js";

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8);

describe("a store in a folder", () => {
  it("is the same after it was closed and opened", async () => {
    const folder = await newFolder();
    const first = await TrustStore.open({ folder });
    await first.identity(juliet, async () => julietIdentity);
    await first.accepted(juliet, romeo, use(1));
    await first.setVerified(juliet, romeo, key(2), "qr");
    await first.revoke(juliet, romeo, key(3));
    await first.label(juliet, romeo, key(1), 'his "balcony" \\ 🌹 \u00e9');
    await first.accepted(nurse, "__proto__", use(4));
    const [records, nurses] = [first.list(juliet), first.list(nurse)];
    await first.close();

    const second = await TrustStore.open({ folder });
    expect(second.list(juliet)).toEqual(records);
    expect(second.list(nurse)).toEqual(nurses);
    expect(await second.identity(juliet, () => Promise.reject(new Error("made twice")))).toEqual(julietIdentity);
    await second.close();
  });

  it("is for its owner alone, and leaves nothing beside its two files", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder });
    await store.accepted(juliet, romeo, use(1));
    await store.close();
    expect((await readdir(folder)).sort()).toEqual(["keys.json", "trust.json"]);
    expect([await modeOf(folder), await modeOf(join(folder, "keys.json")), await modeOf(join(folder, "trust.json"))]).toEqual(["700", "600", "600"]);
  });

  it("can be read by people", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder, clock: handClock() });
    await store.setVerified(juliet, romeo, key(1), "fingerprint");
    await store.close();
    expect((await readFile(join(folder, "trust.json"), "utf8")).replace(/"mac": "[0-9a-f]{64}"/u, '"mac": "…"')).toMatchInlineSnapshot(`
      "{
        "format": "balcony-trust",
        "version": 2,
        "generation": 1,
        "accounts": {
          "juliet@capulet.lit": {
            "romeo@montague.lit": {
              "devices": [
                {
                  "spki": "0000000000000000000000000000000000000000000000000000000000000001",
                  "firstSeen": "2026-01-01T00:00:00.000Z",
                  "lastSeen": "2026-01-01T00:00:00.000Z",
                  "status": "verified",
                  "verified": {
                    "how": "fingerprint",
                    "at": "2026-01-01T00:00:00.000Z"
                  }
                }
              ],
              "everStreamed": false,
              "tombstone": true
            }
          }
        },
        "mac": "…"
      }
      "
    `);
  });

  it("says what protects it", async () => {
    const [open, closed] = [await newFolder(), await newFolder()];
    const stores = [await TrustStore.open({ folder: open }), await TrustStore.open({ folder: closed, passphrase: "wherefore" }), await TrustStore.inMemory()];
    expect(stores.map(({ protection }) => protection)).toEqual(["file", "passphrase", "memory"]);
  });

  it("writes nothing when nothing changes", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder });
    await store.accepted(juliet, romeo, use(1));
    const before = await readFile(join(folder, "trust.json"), "utf8");
    await store.accepted(juliet, romeo, use(1));
    await store.reset(juliet, nurse);
    await store.remove(juliet, nurse);
    await store.refresh();
    expect(await readFile(join(folder, "trust.json"), "utf8")).toBe(before);
  });

  it("keeps a renewed certificate, and refuses one for another key", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder });
    await store.identity(juliet, async () => julietIdentity);
    await store.replaceCertificate(juliet, julietRenewed);
    expect(await codeOf(store.replaceCertificate(juliet, romeoIdentity.certificate))).toBe("invalid-argument");
    expect(await codeOf(store.replaceCertificate(juliet, "-----BEGIN CERTIFICATE-----\nnone"))).toBe("invalid-argument");
    expect(await codeOf(store.identity(nurse, async () => ({ ...romeoIdentity, certificate: julietRenewed })))).toBe("invalid-argument");
    const again = await TrustStore.open({ folder });
    expect(await again.identity(juliet, async () => romeoIdentity)).toEqual({ ...julietIdentity, certificate: julietRenewed });
    expect(await again.identity(nurse, async () => romeoIdentity)).toEqual(romeoIdentity);
  });

  it("sweeps away what a process that died while writing has left, and nothing else", async () => {
    const folder = await newFolder();
    await mkdir(folder, { mode: 0o700 });
    await writeFile(join(folder, `keys.json.${"x".repeat(22)}.tmp`), "half a k");
    await writeFile(join(folder, "notes.txt"), "mine");
    await TrustStore.open({ folder });
    expect((await readdir(folder)).sort()).toEqual(["keys.json", "notes.txt"]);
  });
});

describe("a passphrase", () => {
  it("keeps the private keys from whoever reads the files", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder, passphrase: "wherefore art thou" });
    await store.identity(juliet, async () => julietIdentity);
    await store.accepted(juliet, romeo, use(1));
    const keys = await readFile(join(folder, "keys.json"), "utf8");
    expect(keys).not.toContain("PRIVATE KEY");
    expect(keys).not.toContain(Buffer.from("PRIVATE KEY").toString("base64").slice(0, -2));
    expect(JSON.parse(keys).kdf).toMatchObject({ name: "scrypt", N: 131_072, r: 8, p: 1 });
    const again = await TrustStore.open({ folder, passphrase: async () => "wherefore art thou" });
    expect(await again.identity(juliet, async () => romeoIdentity)).toEqual(julietIdentity);
    expect(again.show(juliet, romeo)).toEqual(store.show(juliet, romeo));
  });

  it("is refused if it is wrong, missing or empty, and asked for once", async () => {
    const folder = await newFolder();
    expect(await codeOf(TrustStore.open({ folder, passphrase: "" }))).toBe("store-passphrase");
    await TrustStore.open({ folder, passphrase: "wherefore" });
    let asked = 0;
    const wrong = async () => {
      asked++;
      return "therefore";
    };
    expect(await codeOf(TrustStore.open({ folder, passphrase: wrong }))).toBe("store-passphrase");
    expect(asked).toBe(1);
    expect(await codeOf(TrustStore.open({ folder, passphrase: "" }))).toBe("store-passphrase");
    expect(await codeOf(TrustStore.open({ folder }))).toBe("store-passphrase");
  });

  it("is the same passphrase in every Unicode form", async () => {
    const folder = await newFolder();
    await TrustStore.open({ folder, passphrase: "Caf\u00e9" });
    expect(await codeOf(TrustStore.open({ folder, passphrase: "Cafe\u0301" }))).toBe("accepted");
  });

  it("is refused by a store that has none, and not asked for by it", async () => {
    const folder = await newFolder();
    await TrustStore.open({ folder });
    expect(await codeOf(TrustStore.open({ folder, passphrase: "wherefore" }))).toBe("store-passphrase");
    expect(await codeOf(TrustStore.open({ folder, passphrase: () => Promise.reject(new Error("asked")) }))).toBe("accepted");
  });

  it("seals each version of the keys under a nonce of its own", async () => {
    const folder = await newFolder();
    const store = await TrustStore.open({ folder, passphrase: "wherefore" });
    const nonces = new Set<string>();
    for (let index = 0; index < 5; index++) {
      await store.accepted(juliet, romeo, use(index));
      nonces.add(JSON.parse(await readFile(join(folder, "keys.json"), "utf8")).nonce);
    }
    expect(nonces.size).toBe(5);
  });
});
