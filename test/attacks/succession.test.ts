import { createIdentity, exportIdentity, type Identity, signBytes } from "@balcony/tls";
import { type Statement, statementBytes, statementUri, TrustStore } from "@balcony/trust";
import { rotateKey } from "balcony";
import { describe, expect, it } from "vitest";
import { type LoggedIn, streamBetween } from "../rigs/login.js";
import { codeOf, keyOf, nextError, stage } from "./stage.js";

const on = stage();
const JULIET = "juliet@capulet.lit";
const ROMEO = "romeo@montague.lit";

async function storeOf(identity: Identity): Promise<TrustStore> {
  const store = await TrustStore.inMemory();
  await store.identity(JULIET, () => Promise.resolve(exportIdentity(identity)));
  return store;
}

/** Romeo, who has verified this key of hers. */
async function romeoKnowing({ spki }: Pick<Identity, "spki">): Promise<LoggedIn> {
  const romeo = await on.login("romeo");
  await romeo.e2e.store.setVerified(ROMEO, JULIET, spki, "symbols");
  return romeo;
}

/** Her next key, with what `signer` says of it in its certificate. */
function heirOf(signer: Identity, said: Partial<Statement> = {}): Identity {
  const fresh = createIdentity(JULIET);
  const statement: Statement = { kind: "rotate", owner: JULIET, signer: JULIET, by: signer.spki, subject: fresh.spki, at: new Date().toISOString(), ...said };
  return createIdentity(JULIET, { privateKey: fresh.privateKey, uris: [statementUri({ statement, ...signBytes(signer, statementBytes(statement)) })] });
}

describe("a new key", () => {
  it("is followed by whoever has verified the old one, who have nothing to do, also after several; the old one is refused", async () => {
    const store = await storeOf(createIdentity(JULIET));
    const first = await on.login("juliet", { store, resource: "first" });
    const romeo = await romeoKnowing(await first.e2e.identity());
    const [before] = await streamBetween(romeo, first);
    expect(before.security.trust).toBe("verified");
    const asked: unknown[] = [];
    const thief = await on.login("juliet", { store: await sameKeys(store), resource: "thief" });
    const [one, two] = [await rotateKey(store, JULIET), await rotateKey(store, JULIET)];
    expect([one.from, two.from]).toEqual([keyOf(before), one.to]);
    romeo.e2e.on("error", (error) => asked.push(error));
    const [after] = await streamBetween(romeo, first); // who is online all the time
    expect(after.security).toMatchObject({ trust: "verified", verified: { how: "symbols" }, firstUse: false, alerts: [] });
    expect([keyOf(after), asked]).toEqual([two.to, []]);
    expect(romeo.e2e.store.show(ROMEO, JULIET)?.devices).toMatchObject([
      { spki: one.from, status: "revoked", replacedBy: two.to },
      { spki: two.to, status: "verified", replaces: one.from },
    ]);
    expect(await codeOf(romeo.e2e.open(thief.self))).toBe("key-revoked");
  });

  it("is one like any other to whoever has not verified the old one", async () => {
    const old = createIdentity(JULIET);
    const romeo = await on.login("romeo");
    await (await streamBetween(romeo, await on.login("juliet", { store: await storeOf(old) })))[0].close();
    const [session] = await streamBetween(romeo, await on.login("juliet", { resource: "new", store: await storeOf(heirOf(old)) }));
    expect(session.security).toMatchObject({ trust: "unverified", firstUse: true, alerts: [{ kind: "new-key" }] });
  });
});

describe("nobody follows", () => {
  const old = createIdentity(JULIET);
  const thief = createIdentity(JULIET);
  const good = heirOf(old);
  const [uri = ""] = good.uris ?? [];

  it.each<[what: string, identity: () => Identity]>([
    ["a key that signs for itself", () => heirOf(thief)],
    ["a key that says somebody else has signed", () => heirOf(thief, { by: old.spki })],
    ["a key that carries what was signed of another", () => createIdentity(JULIET, { uris: [uri] })],
    ["a key that was vouched for, and does not take the place of another", () => heirOf(old, { kind: "vouch" })],
    ["what was said to somebody else", () => heirOf(old, { audience: "nurse@capulet.lit" })],
    ["what was said of somebody else", () => heirOf(old, { owner: ROMEO })],
    ["a statement that is cut short", () => createIdentity(JULIET, { uris: [uri.slice(0, -1)] })],
    ["other names", () => createIdentity(JULIET, { uris: ["https://capulet.lit/juliet", "xmpp:juliet@capulet.lit"] })],
    ["what stands behind more names than are looked at", () => createIdentity(JULIET, { privateKey: good.privateKey, uris: [...Array<string>(4).fill("urn:a:b"), uri] })],
  ])("%s", async (_, identity) => {
    const romeo = await romeoKnowing(old);
    const juliet = await on.login("juliet", { store: await storeOf(identity()) });
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-changed");
    await failed;
    expect(romeo.e2e.store.show(ROMEO, JULIET)?.devices).toMatchObject([{ spki: old.spki, status: "verified" }]);
  });

  it("a key whose predecessor was revoked", async () => {
    const romeo = await romeoKnowing(old);
    await romeo.e2e.store.revoke(ROMEO, JULIET, old.spki);
    const juliet = await on.login("juliet", { store: await storeOf(good) });
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-changed");
  });
});

/** What another process would open. */
async function sameKeys(store: TrustStore): Promise<TrustStore> {
  const identity = await store.identity(JULIET, () => Promise.reject(new Error("There is one.")));
  const copy = await TrustStore.inMemory();
  await copy.identity(JULIET, () => Promise.resolve(identity));
  return copy;
}
