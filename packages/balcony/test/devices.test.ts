import type { BalconyError } from "@balcony/channel";
import { createIdentity, type Identity } from "@balcony/tls";
import { type SignedStatement, type Statement, TrustStore } from "@balcony/trust";
import { describe, expect, it } from "vitest";
import { codeOf, nextError, stage } from "../../../test/attacks/stage.js";
import { type LoggedIn, next, streamBetween } from "../../../test/rigs/login.js";
import { signStatement } from "../src/devices/introductions.js";
import { NS_DEVICES, NS_TRUST_MESSAGE, writeStatement } from "../src/devices/stanzas.js";
import { type Element, type Session, xml } from "../src/index.js";

const on = stage();
const [juliet, romeo, benvolio] = ["juliet@capulet.lit", "romeo@montague.lit", "benvolio@montague.lit"] as const;
/** Romeo's other device. */
const phone = createIdentity(romeo);
const stranger = createIdentity(romeo);

const spkiOf = async ({ e2e }: LoggedIn): Promise<string> => (await e2e.identity()).spki;
const deviceOf = ({ e2e }: LoggedIn, spki: string, peer: string = romeo) => e2e.store.show(juliet, peer)?.devices.find((device) => device.spki === spki);

/** Juliet has verified Romeo's laptop; he has verified hers where `mutual`. */
async function acquainted({ mutual = true, before }: { readonly mutual?: boolean; readonly before?: (store: TrustStore) => Promise<unknown> } = {}) {
  const stores = { romeo: await TrustStore.inMemory(), juliet: await TrustStore.inMemory() };
  await before?.(stores.romeo);
  const [hers, his] = [await on.login("juliet", { store: stores.juliet }), await on.login("romeo", { store: stores.romeo })];
  await stores.juliet.setVerified(juliet, romeo, await spkiOf(his), "qr");
  if (mutual) await stores.romeo.setVerified(romeo, juliet, await spkiOf(hers), "qr");
  return { hers, his };
}

async function said(session: Session, element: Element): Promise<string> {
  return await session.iqCaller.set(element).then(
    () => "result",
    (error: { condition?: string }) => error.condition ?? String(error),
  );
}

const vouch = (identity: Identity, change: Partial<Statement> = {}, now?: number): SignedStatement =>
  signStatement(identity, { kind: "vouch", owner: romeo, subject: phone.spki, audience: juliet, ...change }, now);

describe("a device of one's own that was verified here", () => {
  it("is told to every verified peer at the beginning of a session, and taken there", async () => {
    const { hers, his } = await acquainted({ before: async (store) => await store.setVerified(romeo, romeo, phone.spki, "qr") });
    const heeded = new Promise<Statement>((resolve) => hers.e2e.once("session", (session) => session.once("statement", resolve)));
    await streamBetween(his, hers);
    expect(await heeded).toMatchObject({ kind: "vouch", owner: romeo, signer: romeo, subject: phone.spki, by: await spkiOf(his) });
    expect(deviceOf(hers, phone.spki)).toMatchObject({ status: "verified", verified: { how: "vouched", by: await spkiOf(his) } });
  });

  it("is told once two people have verified each other, and heeded once both have, whoever was first", async () => {
    const { hers, his } = await acquainted({ mutual: false, before: async (store) => await store.setVerified(romeo, romeo, phone.spki, "qr") });
    await hers.e2e.store.reset(juliet, romeo);
    const [ours, theirs] = await streamBetween(his, hers);
    const heeded = next<Statement>(theirs, "statement");
    const asked = next<{ accept(): Promise<{ confirm(): Promise<void> }> }>(theirs, "verification");
    const [mine, answer] = [ours.verify(), (await asked).accept()];
    await (await mine).confirm(); // his client tells now, and hers does not know yet whether to believe it
    expect(await said(ours, xml("query", "jabber:iq:version"))).toBe("service-unavailable"); // what was sent before has come
    expect(deviceOf(hers, phone.spki)).toBeUndefined();
    await (await answer).confirm();
    await heeded;
    expect(deviceOf(hers, phone.spki)).toMatchObject({ status: "verified", verified: { how: "vouched" } });
  });

  it("is let in by its own key from then on, as verified, and how", async () => {
    const { hers, his } = await acquainted();
    const [ours, theirs] = await streamBetween(his, hers);
    const heeded = next(theirs, "statement");
    const store = await TrustStore.inMemory();
    const his2 = await on.login("romeo", { store, resource: "phone" });
    expect(await codeOf(his2.e2e.open(hers.self))).not.toBe("none");
    await ours.tellOfDevice({ kind: "vouch", subject: await spkiOf(his2) });
    await heeded;
    const [, there] = await streamBetween(his2, hers);
    expect(there.security).toMatchObject({ trust: "verified", verified: { how: "vouched", by: await spkiOf(his) } });
  });

  it("is told to nobody who is not verified", async () => {
    const { hers, his } = await acquainted({ mutual: false, before: async (store) => await store.setVerified(romeo, romeo, phone.spki, "qr") });
    const [ours] = await streamBetween(his, hers);
    expect(await codeOf(ours.tellOfDevice({ kind: "vouch", subject: phone.spki }))).toBe("not-trusted");
    expect(await said(ours, xml("query", "jabber:iq:version"))).toBe("service-unavailable");
    expect(deviceOf(hers, phone.spki)).toBeUndefined();
  });

  it("that was revoked here is told to be refused, and what it had open ends", async () => {
    const { hers, his } = await acquainted();
    const his2 = await on.login("romeo", { resource: "phone" });
    const his2Key = await spkiOf(his2);
    const [ours, theirs] = await streamBetween(his, hers);
    const vouched = next(theirs, "statement");
    await ours.tellOfDevice({ kind: "vouch", subject: his2Key });
    await vouched;
    const [far, near] = await streamBetween(his2, hers);
    const why = next<BalconyError>(near, "error");
    const ends = Promise.all([next(near, "close"), next(far, "close")]);
    await ours.tellOfDevice({ kind: "revoke", subject: his2Key });
    expect(await why).toMatchObject({ code: "key-revoked", key: { shown: his2Key } });
    await ends;
    expect(ours.status).toBe("online");
    expect(deviceOf(hers, his2Key)).toMatchObject({ status: "revoked" });
    expect(await codeOf(hers.e2e.open(his2.self))).toBe("key-revoked");
  });
});

describe("what a statement makes of sessions that stand", () => {
  it("an unverified one becomes verified once its key is vouched for", async () => {
    const [hers, his] = [await on.login("juliet"), await on.login("romeo")];
    const his2 = await on.login("romeo", { resource: "phone" });
    const [, near] = await streamBetween(his2, hers);
    const [ours, theirs] = await streamBetween(his, hers);
    await hers.e2e.store.setVerified(juliet, romeo, await spkiOf(his), "fingerprint");
    await ours.close();
    expect([near.security.trust, theirs.security.trust]).toEqual(["unverified", "unverified"]);
    const [again] = await streamBetween(his, hers);
    const became = next(near, "security");
    expect(await said(again, writeStatement(vouch(await his.e2e.identity(), { subject: await spkiOf(his2) })))).toBe("result");
    expect(await became).toMatchObject({ trust: "verified", verified: { how: "vouched" } });
  });

  it("a key that has named its successor is refused, and the successor inherits how it was verified", async () => {
    const { hers, his } = await acquainted();
    const [ours, theirs] = await streamBetween(his, hers);
    const ends = Promise.all([next<BalconyError>(theirs, "error"), next(ours, "close")]);
    expect(await said(ours, writeStatement(vouch(await his.e2e.identity(), { kind: "rotate" })))).toBe("result");
    expect((await ends)[0]).toMatchObject({ code: "key-revoked" });
    expect(deviceOf(hers, phone.spki)).toMatchObject({ status: "verified", verified: { how: "qr" }, replaces: await spkiOf(his) });
    expect(await codeOf(his.e2e.open(hers.self))).not.toBe("none");
  });
});

describe("a statement is refused, nothing is changed and the person's client hears of it,", () => {
  it.each<[what: string, make: (laptop: Identity) => SignedStatement]>([
    ["that another key has signed (wrong signer)", () => vouch(stranger)],
    ["that the device which it is about has signed", () => vouch(phone, { kind: "revoke" })],
    ["whose signature is another statement's", (laptop) => ({ ...vouch(laptop), signature: vouch(laptop, { subject: stranger.spki }).signature })],
    [
      "that names the laptop's key over an Ed25519 signature (another kind of key)",
      (laptop) => ({ ...vouch(laptop), signature: vouch(createIdentity(romeo, { keyType: "Ed25519" })).signature }),
    ],
    ["about another bare address", (laptop) => vouch(laptop, { owner: benvolio })],
    ["about our own devices", (laptop) => vouch(laptop, { owner: juliet })],
    ["for somebody else (delivered over a stream that it was not made for)", (laptop) => vouch(laptop, { audience: benvolio })],
    ["from long ago (replay)", (laptop) => vouch(laptop, {}, Date.now() - 25 * 3_600_000)],
    ["from tomorrow", (laptop) => vouch(laptop, {}, Date.now() + 25 * 3_600_000)],
    ["that vouches for its own signer (cycle)", (laptop) => vouch(laptop, { subject: laptop.spki })],
    ["that replaces its signer by itself (cycle)", (laptop) => vouch(laptop, { kind: "rotate", subject: laptop.spki })],
  ])("%s", async (_, make) => {
    const { hers, his } = await acquainted();
    const [ours] = await streamBetween(his, hers);
    const before = hers.e2e.store.show(juliet, romeo);
    const heard = nextError(hers);
    expect(await said(ours, writeStatement(make(await his.e2e.identity())))).toBe("not-acceptable");
    expect(await heard).toMatchObject({ code: "statement-invalid", phase: "trust", peer: romeo });
    expect(hers.e2e.store.show(juliet, romeo)).toEqual(before);
  });

  it.each<[what: string, prepare: (store: TrustStore, laptop: string) => Promise<unknown>, change: Partial<Statement>, code: string]>([
    ["from a device that was itself vouched for", async (store, laptop) => await demoted(store, laptop), {}, "not-trusted"],
    ["for a key that was revoked", async (store) => await store.revoke(juliet, romeo, phone.spki), {}, "key-revoked"],
    ["that puts a revoked key in its own place", async (store) => await store.revoke(juliet, romeo, phone.spki), { kind: "rotate" }, "key-revoked"],
    ["that puts a known key in its own place", async (store) => await store.setVerified(juliet, romeo, phone.spki, "qr"), { kind: "rotate" }, "invalid-argument"],
    [
      "for a key that is known as somebody else's",
      async (store) =>
        await store.accepted(juliet, benvolio, { spki: phone.spki, decision: { action: "accept", trust: "unverified", firstUse: true, alerts: [] }, streamed: true }),
      {},
      "statement-invalid",
    ],
    ["for one more key than a device may vouch for", async (store, laptop) => await fill(store, laptop), {}, "too-many-devices"],
  ])("%s", async (_, prepare, change, code) => {
    const { hers, his } = await acquainted();
    const laptop = await spkiOf(his);
    await prepare(hers.e2e.store, laptop);
    const [ours] = await streamBetween(his, hers);
    const before = hers.e2e.store.show(juliet, romeo);
    const heard = nextError(hers);
    expect(await said(ours, writeStatement(vouch(await his.e2e.identity(), change)))).toBe("result"); // what became of it is not told
    expect(await heard).toMatchObject({ code, phase: "trust", peer: romeo });
    expect(hers.e2e.store.show(juliet, romeo)).toEqual(before);
  });

  it("from a device that is not verified, with the same answer as from one that is", async () => {
    const [hers, his] = [await on.login("juliet"), await on.login("romeo")];
    const [ours] = await streamBetween(his, hers);
    expect(await said(ours, writeStatement(vouch(await his.e2e.identity())))).toBe("result");
    await ours.close();
    expect(deviceOf(hers, phone.spki)).toBeUndefined();
  });

  it("from a device that was revoked while its stream stands", async () => {
    const { hers, his } = await acquainted();
    const [ours] = await streamBetween(his, hers);
    await hers.e2e.store.revoke(juliet, romeo, await spkiOf(his));
    const heard = nextError(hers);
    expect(await said(ours, writeStatement(vouch(await his.e2e.identity())))).toBe("result");
    expect(await heard).toMatchObject({ code: "not-trusted" });
    expect(deviceOf(hers, phone.spki)).toBeUndefined();
  });

  it("where a third delivers what was signed for us", async () => {
    const { hers, his } = await acquainted();
    const third = await on.login("benvolio");
    await hers.e2e.store.setVerified(juliet, benvolio, await spkiOf(third), "qr");
    const [theirs] = await streamBetween(third, hers);
    const heard = nextError(hers);
    expect(await said(theirs, writeStatement(vouch(await his.e2e.identity())))).toBe("not-acceptable");
    expect(await heard).toMatchObject({ code: "statement-invalid", peer: benvolio });
    expect(deviceOf(hers, phone.spki)).toBeUndefined();
  });

  it("again and again: after the first time it changes nothing, and what was revoked since stays so", async () => {
    const { hers, his } = await acquainted();
    const [ours, theirs] = await streamBetween(his, hers);
    const first = next(theirs, "statement");
    const statement = writeStatement(vouch(await his.e2e.identity()));
    expect(await said(ours, statement)).toBe("result");
    await first;
    await hers.e2e.store.revoke(juliet, romeo, phone.spki);
    const heard = nextError(hers);
    expect(await said(ours, statement)).toBe("result");
    expect(await heard).toMatchObject({ code: "key-revoked" });
    expect(deviceOf(hers, phone.spki)).toMatchObject({ status: "revoked" });
  });

  it("by which a peer would have another's key refused before it is met", async () => {
    const { hers, his } = await acquainted();
    const third = await on.login("benvolio");
    const [ours, near] = await streamBetween(his, hers);
    const heeded = next(near, "statement");
    expect(await said(ours, writeStatement(vouch(await his.e2e.identity(), { kind: "revoke", subject: await spkiOf(third) })))).toBe("result");
    await heeded;
    expect(deviceOf(hers, await spkiOf(third))).toBeUndefined();
    const [opened] = await streamBetween(third, hers);
    expect(opened.security.trust).toBe("unverified");
  });
});

describe("a statement that is malformed is a bad request", () => {
  const good = (): Element => writeStatement(vouch(phone));
  const owner = (element: Element): Element => element.getChild("key-owner") as Element;
  const proof = (element: Element): Element => element.getChild("proof") as Element;
  const key = Buffer.alloc(32).toString("base64");

  const table: readonly (readonly [section: string, what: string, spoil: (element: Element) => unknown, condition: string])[] = [
    ["XEP-0434 §4", "no usage", (it) => delete it.attrs.usage, "feature-not-implemented"],
    ["XEP-0450 §1", "that of automatic trust management, whose rules are others", (it) => (it.attrs.usage = "urn:xmpp:atm:1"), "feature-not-implemented"],
    ["XEP-0434 §4", "the keys of OMEMO", (it) => (it.attrs.encryption = "urn:xmpp:omemo:2"), "feature-not-implemented"],
    ["XEP-0434 §4", "no key-owner", (it) => (it.children = [proof(it)]), "bad-request"],
    ["§3", "two key-owners", (it) => it.append(xml("key-owner", { xmlns: NS_TRUST_MESSAGE, jid: romeo })), "bad-request"],
    ["§3", "no proof", (it) => (it.children = [owner(it)]), "bad-request"],
    ["§3", "two proofs", (it) => it.append(xml("proof", NS_DEVICES)), "bad-request"],
    ["§3", "something else", (it) => it.append(xml("label", NS_DEVICES)), "bad-request"],
    ["XEP-0434 §4", "no owner's address", (it) => delete owner(it).attrs.jid, "bad-request"],
    ["XEP-0434 §4", "a full address as owner", (it) => (owner(it).attrs.jid = `${romeo}/orchard`), "bad-request"],
    ["XEP-0434 §4", "no address as owner", (it) => (owner(it).attrs.jid = "@"), "bad-request"],
    ["XEP-0434 §4", "no key", (it) => (owner(it).children = []), "bad-request"],
    ["§3", "two keys", (it) => owner(it).append(xml("trust", NS_TRUST_MESSAGE, key)), "bad-request"],
    ["§3", "one more that is distrusted, and not the signer's", (it) => owner(it).append(xml("distrust", NS_TRUST_MESSAGE, key)), "bad-request"],
    ["§3", "two distrusted", (it) => (owner(it).children = [1, 2].map(() => xml("distrust", NS_TRUST_MESSAGE, key))), "bad-request"],
    ["§3", "something else about a key", (it) => owner(it).append(xml("label", NS_TRUST_MESSAGE, key)), "bad-request"],
    ["XEP-0434 §4", "a key in hex", (it) => (owner(it).children = [xml("trust", NS_TRUST_MESSAGE, phone.spki.slice(0, 43))]), "bad-request"],
    ["§2", "a key of 31 bytes", (it) => (owner(it).children = [xml("trust", NS_TRUST_MESSAGE, Buffer.alloc(31).toString("base64"))]), "bad-request"],
    ["§2", "an empty key", (it) => (owner(it).children = [xml("trust", NS_TRUST_MESSAGE)]), "bad-request"],
    ["RFC 4648 §3.5", "a key with bits left over", (it) => (owner(it).children = [xml("trust", NS_TRUST_MESSAGE, key.replace("A=", "B="))]), "bad-request"],
    ["RFC 4648 §3.3", "a key with a line break", (it) => (owner(it).children = [xml("trust", NS_TRUST_MESSAGE, key.replace("A", "A\n"))]), "bad-request"],
    ["§3", "no signer", (it) => delete proof(it).attrs.signer, "bad-request"],
    ["§3", "a signer that is none", (it) => (proof(it).attrs.signer = "a@b/c"), "bad-request"],
    ["§3", "a reader that is none", (it) => (proof(it).attrs.for = ""), "bad-request"],
    ["§3", "no key of the signer's", (it) => delete proof(it).attrs.key, "bad-request"],
    ["§3", "a key of the signer's in no base64", (it) => (proof(it).attrs.key = "***"), "bad-request"],
    ["§3", "no signature", (it) => (proof(it).children = []), "bad-request"],
    ["§2", "a key of the signer's that is none", (it) => (proof(it).attrs.key = key), "not-acceptable"],
    ["§2", "no date", (it) => delete proof(it).attrs.at, "not-acceptable"],
    ["§2", "a signature of a kilobyte", (it) => (proof(it).children = [Buffer.alloc(1025).toString("base64")]), "not-acceptable"],
    ["§2", "a key of the signer's of a kilobyte and more", (it) => (proof(it).attrs.key = Buffer.alloc(3000).toString("base64")), "not-acceptable"],
  ];

  it("by section, what is wrong, and the answer", async () => {
    const { hers, his } = await acquainted();
    const [ours] = await streamBetween(his, hers);
    const before = hers.e2e.store.show(juliet, romeo);
    for (const [section, what, spoil, condition] of table) {
      const element = good();
      spoil(element);
      expect(await said(ours, element), `${section}: ${what}`).toBe(condition);
    }
    expect(hers.e2e.store.show(juliet, romeo)).toEqual(before);
  });

  it("and one that is too large for a stanza ends the stream", async () => {
    const { hers, his } = await acquainted();
    const [ours, theirs] = await streamBetween(his, hers);
    const ended = Promise.all([next<BalconyError>(theirs, "error"), next(ours, "close")]);
    const element = good();
    proof(element).attrs.key = "A".repeat(9000);
    void said(ours, element);
    expect((await ended)[0]).toMatchObject({ code: "policy-violation" });
    expect(deviceOf(hers, phone.spki)).toBeUndefined();
  });
});

/** The laptop is verified no more by a person, but by a tablet that vouches for it. */
async function demoted(store: TrustStore, laptop: string): Promise<void> {
  await store.reset(juliet, romeo);
  await store.setVerified(juliet, romeo, stranger.spki, "qr");
  await store.vouch(juliet, romeo, { by: stranger.spki, spki: laptop });
}

async function fill(store: TrustStore, laptop: string): Promise<void> {
  for (let index = 0; index < 32; index++) await store.vouch(juliet, romeo, { by: laptop, spki: index.toString(16).padStart(64, "0") });
}
