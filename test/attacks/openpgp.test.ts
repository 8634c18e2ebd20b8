import { TrustStore } from "@balcony/trust";
import { openPgp, readOpenPgpKey, signStatement } from "@balcony/trust-openpgp";
import type { BalconyOptions, Session } from "balcony";
import { beforeAll, describe, expect, it } from "vitest";
import { newKey, publicOf } from "../../packages/trust-openpgp/test/people.js";
import { type LoggedIn, streamBetween } from "../rigs/login.js";
import { codeOf, keyOf, nextError, stage } from "./stage.js";

const on = stage();
const JULIET = "juliet@capulet.lit";
const ROMEO = "romeo@montague.lit";
const trust = { openpgp: openPgp };
const strict: BalconyOptions = { trust, policy: { require: "verified" } };
/** Hers, and one that names her address and that nobody trusts. */
let hers: Awaited<ReturnType<typeof newKey>>;
let forged: typeof hers;

beforeAll(async () => {
  const month = new Date(Date.now() - 30 * 24 * 60 * 60 * 1000);
  hers = await newKey({ date: month });
  forged = await newKey({ date: month });
});

/** Romeo's store, which trusts her OpenPGP key. */
async function trusting(): Promise<TrustStore> {
  const store = await TrustStore.inMemory();
  await store.trustOpenPgp(ROMEO, JULIET, await readOpenPgpKey(publicOf(hers)));
  return store;
}

/** Has somebody show what a key says of a device; of their own where none is named. */
async function show(person: LoggedIn, { key = hers, spki, owner = JULIET }: { key?: typeof hers; spki?: string; owner?: string } = {}): Promise<void> {
  const own = (await person.e2e.identity()).spki;
  const statement = await signStatement({ owner, spki: spki ?? own }, { privateKey: key.write() });
  await person.e2e.store.setOpenPgpStatement(JULIET, Buffer.from(statement).toString("base64"));
}

describe("a device that an OpenPGP key has signed, which the person trusts for its address", () => {
  it.each(["initiator", "responder"] as const)("is verified at first contact, with the %s, also where verified keys alone are taken", async (role) => {
    const romeo = await on.login("romeo", { ...strict, store: await trusting() });
    const juliet = await on.login("juliet");
    await show(juliet);
    const sessions = role === "initiator" ? await streamBetween(romeo, juliet) : await streamBetween(juliet, romeo);
    const [ours] = (role === "initiator" ? sessions : [...sessions].reverse()) as [Session];
    const verified = { how: "openpgp", openpgp: hers.getFingerprint().toUpperCase() };
    expect(ours.security).toMatchObject({ trust: "verified", verified, firstUse: true, alerts: [] });
    expect(romeo.e2e.store.show(ROMEO, JULIET)?.devices).toMatchObject([{ status: "verified", verified }]);
  });

  it("is asked about once, by policy, when all is known", async () => {
    const asked: unknown[] = [];
    const policy = { firstUse: ({ decision }: { decision: unknown }) => asked.push(decision) > 0 };
    const romeo = await on.login("romeo", { trust, policy, store: await trusting() });
    const juliet = await on.login("juliet");
    await show(juliet);
    await streamBetween(romeo, juliet);
    expect(asked).toMatchObject([{ trust: "verified", verification: { how: "openpgp" } }]);
  });

  it("is taken beside another that the person has verified", async () => {
    const romeo = await on.login("romeo", { trust, store: await trusting() });
    const one = await on.login("juliet", { resource: "one" });
    await romeo.e2e.store.setVerified(ROMEO, JULIET, (await one.e2e.identity()).spki, "symbols");
    const two = await on.login("juliet", { resource: "two" });
    expect(await codeOf(romeo.e2e.open(two.self))).toBe("key-changed");
    await show(two);
    expect((await streamBetween(romeo, two))[0].security.trust).toBe("verified");
  });

  it("is one like any other for who trusts no OpenPGP key of them, or does not look", async () => {
    const juliet = await on.login("juliet");
    await show(juliet);
    for (const [resource, options] of Object.entries<BalconyOptions>({ nobodys: { trust }, blind: { store: await trusting() } })) {
      const [ours] = await streamBetween(await on.login("romeo", { resource, ...options }), juliet);
      expect(ours.security).toMatchObject({ trust: "unverified", alerts: [] });
    }
  });
});

describe("no statement verifies", () => {
  it.each<[code: string, what: string, shown: (juliet: LoggedIn) => Promise<void>]>([
    ["openpgp-key-unknown", "by a key that nobody trusts", (juliet) => show(juliet, { key: forged })],
    ["openpgp-other-device", "of another device, replayed by this one", (juliet) => show(juliet, { spki: "0".repeat(64) })],
    ["openpgp-statement", "that is none", (juliet) => juliet.e2e.store.setOpenPgpStatement(JULIET, "AAAA")],
    ["not-trusted", "that is not there", () => Promise.resolve()],
  ])("%s: %s", async (code, _, shown) => {
    const juliet = await on.login("juliet");
    await shown(juliet);
    const romeo = await on.login("romeo", { ...strict, store: await trusting() });
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe(code);
    await failed;
    expect(romeo.e2e.store.show(ROMEO, JULIET)?.devices).toEqual([]);
    // The other way round Romeo's policy is the responder's, and its reason is told to him alone.
    const told = nextError(romeo);
    const theirs = await codeOf(juliet.e2e.open(romeo.self));
    expect((await told).code).toBe(code);
    expect(["none", "session-ended", "closed", "security-error", "tls-rejected", "connection-lost", "truncated"]).toContain(theirs);
  });

  it("where others are taken, too, the person is told", async () => {
    const juliet = await on.login("juliet");
    await show(juliet, { key: forged });
    const [ours] = await streamBetween(await on.login("romeo", { trust, store: await trusting() }), juliet);
    expect(ours.security).toMatchObject({ trust: "unverified", alerts: [{ kind: "openpgp", code: "openpgp-key-unknown" }] });
  });

  it("a key that was revoked, or with which symbols differed", async () => {
    const romeo = await on.login("romeo", { trust, store: await trusting() });
    const juliet = await on.login("juliet");
    await show(juliet);
    const [first, theirs] = await streamBetween(romeo, juliet);
    const spki = keyOf(first);
    await Promise.all([first.close(), theirs.close()]);
    await romeo.e2e.store.recordDifference(ROMEO, JULIET, spki);
    expect(await streamBetween(romeo, juliet).catch((error) => error.code)).toBe("key-changed");
    await romeo.e2e.store.revoke(ROMEO, JULIET, spki);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-revoked");
  });

  it("once the OpenPGP key is known to be revoked, or the person trusts it no more: an old statement, shown again, counts for nothing", async () => {
    const store = await trusting();
    const juliet = await on.login("juliet");
    await show(juliet);
    const before = await on.login("romeo", { trust, store, resource: "before" });
    const sessions = await streamBetween(before, juliet);
    expect(sessions[0].security.trust).toBe("verified");
    await Promise.all(sessions.map((session) => session.close()));
    const revoked = await hers.revoke({ flag: 0 }, new Date(Date.now() - 1000));
    await store.trustOpenPgp(ROMEO, JULIET, await readOpenPgpKey(publicOf(revoked)));
    const [later, hersLater] = await streamBetween(before, juliet);
    expect(later.security).toMatchObject({ trust: "unverified", alerts: [{ kind: "attestation-lost" }, { kind: "openpgp", code: "openpgp-key-revoked" }] });
    await Promise.all([later.close(), hersLater.close()]);
    await store.distrustOpenPgp(ROMEO, JULIET, hers.getFingerprint().toUpperCase());
    expect((await streamBetween(before, juliet))[0].security).toMatchObject({ trust: "unverified", alerts: [] });
  });
});
