import { describe, expect, it } from "vitest";
import { MAX_OPENPGP_KEY, MAX_OPENPGP_KEYS, MAX_STATEMENT, TrustStore } from "../src/index.js";
import { juliet, key, romeo } from "./addresses.js";
import { julietIdentity } from "./identities.js";

const clock = () => Date.parse("2026-02-02T00:00:00Z");
const fingerprint = (n: number): string => n.toString(16).toUpperCase().padStart(40, "0");
const bytes = (length = 3): Uint8Array => new Uint8Array(length).fill(7);
const signed = (n: number) => ({ how: "openpgp", at: "2026-02-02T00:00:00.000Z", openpgp: fingerprint(n) }) as const;
const store = async (): Promise<TrustStore> => await TrustStore.inMemory({ clock });
const accepted = async (into: TrustStore, spki: string, by: number): Promise<unknown> =>
  await into.accepted(juliet, romeo, { spki, streamed: true, decision: { action: "accept", trust: "verified", verification: signed(by), firstUse: true, alerts: [] } });

describe("OpenPGP keys that the person takes for a peer's", () => {
  it("are kept, each in its newest copy", async () => {
    const kept = await store();
    await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(1), key: bytes() });
    await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(2), key: bytes() });
    await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(1), key: bytes(6) });
    expect(kept.show(juliet, romeo)).toEqual({
      devices: [],
      everStreamed: false,
      tombstone: false,
      openpgp: [
        { fingerprint: fingerprint(2), key: "BwcH", at: "2026-02-02T00:00:00.000Z" },
        { fingerprint: fingerprint(1), key: "BwcHBwcH", at: "2026-02-02T00:00:00.000Z" },
      ],
    });
  });

  it("are no more than eight for one address", async () => {
    const kept = await store();
    for (let n = 0; n < MAX_OPENPGP_KEYS; n++) await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(n), key: bytes() });
    await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(0), key: bytes(6) }); // a newer copy is not one more
    await expect(kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(99), key: bytes() })).rejects.toMatchObject({ code: "too-many-devices" });
  });

  it.each([
    ["a fingerprint in lower case", { fingerprint: "a".repeat(40), key: bytes() }],
    ["a short fingerprint", { fingerprint: "A".repeat(39), key: bytes() }],
    ["a fingerprint that ends too late", { fingerprint: "A".repeat(41), key: bytes() }],
    ["a fingerprint behind something else", { fingerprint: `0x${"A".repeat(40)}`, key: bytes() }],
    ["a fingerprint between the two lengths", { fingerprint: "A".repeat(63), key: bytes() }],
    ["an empty key", { fingerprint: fingerprint(1), key: bytes(0) }],
    ["a key that is too large", { fingerprint: fingerprint(1), key: bytes(MAX_OPENPGP_KEY + 1) }],
  ])("%s is invalid-argument", async (_, given) => {
    await expect((await store()).trustOpenPgp(juliet, romeo, given)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("may have the long fingerprint of version 5 and 6, and 32 KiB", async () => {
    const kept = await store();
    await kept.trustOpenPgp(juliet, romeo, { fingerprint: "A".repeat(64), key: bytes(MAX_OPENPGP_KEY) });
    expect(kept.show(juliet, romeo)?.openpgp).toHaveLength(1);
  });

  it("verify devices, which are unverified once the key is trusted no more, and another's are not", async () => {
    const kept = await store();
    for (const n of [1, 2]) await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(n), key: bytes() });
    await accepted(kept, key(1), 1);
    await accepted(kept, key(2), 2);
    await kept.setVerified(juliet, romeo, key(3), "symbols");
    await kept.distrustOpenPgp(juliet, romeo, fingerprint(1));
    expect(kept.show(juliet, romeo)?.openpgp?.map((one) => one.fingerprint)).toEqual([fingerprint(2)]);
    const statuses = kept.show(juliet, romeo)?.devices.map(({ spki, status, verified }) => [spki, status, verified?.how]);
    expect(statuses).toEqual([
      [key(1), "unverified", undefined],
      [key(2), "verified", "openpgp"],
      [key(3), "verified", "symbols"],
    ]);
    expect(kept.show(juliet, romeo)?.tombstone).toBe(true);
  });

  it("leave nothing behind of an address of which nothing else is known", async () => {
    const kept = await store();
    await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(1), key: bytes() });
    await expect(kept.distrustOpenPgp(juliet, romeo, fingerprint(2))).rejects.toMatchObject({ code: "invalid-argument" });
    await kept.distrustOpenPgp(juliet, romeo, fingerprint(1));
    expect(kept.show(juliet, romeo)).toBeUndefined();
    await expect(kept.distrustOpenPgp(juliet, romeo, fingerprint(1))).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("stay when devices are forgotten, and go with a reset", async () => {
    const kept = await store();
    await kept.trustOpenPgp(juliet, romeo, { fingerprint: fingerprint(1), key: bytes() });
    await kept.remove(juliet, romeo);
    await kept.require(juliet, romeo, "verified");
    await kept.require(juliet, romeo, undefined);
    expect(kept.show(juliet, romeo)?.openpgp).toHaveLength(1);
    await kept.reset(juliet, romeo);
    expect(kept.show(juliet, romeo)).toBeUndefined();
  });

  it("make nobody who vouches for others", async () => {
    const kept = await store();
    await accepted(kept, key(1), 1);
    await expect(kept.vouch(juliet, romeo, { by: key(1), spki: key(2) })).rejects.toMatchObject({ code: "not-trusted" });
  });
});

describe("what our own OpenPGP key says of our key", () => {
  it("is kept beside it, also when the certificate is renewed, and can be taken away", async () => {
    const kept = await store();
    await kept.identity(juliet, () => Promise.resolve(julietIdentity));
    expect(kept.openPgpStatement(juliet)).toBeUndefined();
    await kept.setOpenPgpStatement(juliet, "BwcH");
    await kept.replaceCertificate(juliet, julietIdentity.certificate);
    expect(kept.openPgpStatement(juliet)).toBe("BwcH");
    await kept.setOpenPgpStatement(juliet, undefined);
    expect(kept.openPgpStatement(juliet)).toBeUndefined();
  });

  it("may be as long as what is taken from peers", async () => {
    const kept = await store();
    await kept.identity(juliet, () => Promise.resolve(julietIdentity));
    const longest = Buffer.alloc(MAX_STATEMENT, 7).toString("base64");
    await kept.setOpenPgpStatement(juliet, longest);
    expect(kept.openPgpStatement(juliet)).toBe(longest);
  });

  it.each([
    ["no base64", "BwcH!"],
    ["nothing", ""],
    ["too long", "BwcH".repeat(Math.ceil((MAX_STATEMENT + 1) / 3))],
  ])("%s is invalid-argument", async (_, statement) => {
    const kept = await store();
    await kept.identity(juliet, () => Promise.resolve(julietIdentity));
    await expect(kept.setOpenPgpStatement(juliet, statement)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("of an account that has no key yet is invalid-argument", async () => {
    await expect((await store()).setOpenPgpStatement(juliet, "BwcH")).rejects.toMatchObject({ code: "invalid-argument" });
  });
});
