import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ESession, type ESessionsOptions, type Keys, keyFingerprint, type Signer } from "@balcony/esessions";
import { nodeCrypto, nodeSigner, nodeVerify } from "@balcony/esessions/node";
import { TrustStore } from "@balcony/trust";
import { describe, expect, it } from "vitest";
import { codeOf, keyOf, message, nextError, stage } from "../../../test/attacks/stage.js";
import { type LoggedIn, next, streamBetween } from "../../../test/rigs/login.js";
import { named } from "../src/esessions/rsa-keys.js";
import { type BalconyOptions, type SealedSecurity, type Session, xml } from "../src/index.js";
import { Ceremonies } from "../src/verification/ceremonies.js";
import { Verification, type VerificationRequest } from "../src/verification/verification.js";
import { foreign, foreignClientsLeave } from "./foreign-client.js";

const on = stage();
foreignClientsLeave();
const ROMEO = "romeo@montague.lit";
const JULIET = "juliet@capulet.lit";
const byKey = { policy: { fallback: () => true }, esessions: { identify: ["key"], require: ["key", "hash"] } } satisfies BalconyOptions;
const newSigner = (): Signer => nodeSigner(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
const [hers, another] = [newSigner(), newSigner()];

/** Her keys: she takes whoever signs. */
const keys = (signer: Signer): Keys => ({ signer, verify: nodeVerify, find: () => Promise.resolve(undefined), trust: () => true });
/** A client of 2007 that has an RSA key. */
const keyed = (signer: Signer, parameters: ESessionsOptions["parameters"] = {}): Partial<ESessionsOptions> => ({
  keys: keys(signer),
  parameters: { identify: ["key"], require: ["key"], ...parameters },
});

const security = ({ security: found }: Session): SealedSecurity => {
  if (found.protocol !== "ESession") throw new Error("It is a stream.");
  return found;
};

/** Romeo opens; both ends. */
async function sealed(romeo: LoggedIn, { incoming, juliet }: Awaited<ReturnType<typeof foreign>>): Promise<readonly [Session, ESession]> {
  const come = incoming();
  const ours = await romeo.e2e.open(juliet.self);
  return [ours, await come];
}

describe("the RSA key of a client that is no Balcony", () => {
  it("is remembered as any key is, shown, and the same the next time; ours is the same, too", async () => {
    const romeo = await on.login("romeo", byKey);
    const client = await foreign(on, keyed(hers));
    const [ours, theirs] = await sealed(romeo, client);
    const { keyValue, spki } = named(hers.publicKey);
    const own = named(theirs.security.peerKey ?? another.publicKey);
    expect(security(ours)).toMatchObject({
      trust: "unverified",
      firstUse: true,
      alerts: [],
      peer: { fingerprint: spki },
      own: { fingerprint: own.spki },
      esession: { stanzas: ["message"], keyValues: { own: own.keyValue, peer: keyValue } },
    });
    await ours.close();
    const [again, there] = await sealed(romeo, client);
    expect(security(again)).toMatchObject({ firstUse: false, alerts: [], peer: { fingerprint: spki } });
    expect(named(there.security.peerKey ?? another.publicKey).spki).toBe(own.spki);
    await again.close();
  });

  it("is verified by its fingerprint; then another, and none, are refused", async () => {
    const romeo = await on.login("romeo", { ...byKey, esessions: { identify: ["key"], require: ["key", "none"] } });
    const client = await foreign(on, keyed(hers));
    const [ours] = await sealed(romeo, client);
    await romeo.e2e.store.setVerified(ROMEO, JULIET, keyOf(ours), "fingerprint");
    await ours.close();
    const [again] = await sealed(romeo, client);
    expect(security(again)).toMatchObject({ trust: "verified", verified: { how: "fingerprint" } });
    await again.close();
    const other = await foreign(on, keyed(another));
    expect(await codeOf(romeo.e2e.open(other.juliet.self))).toBe("key-changed");
    const keyless = await foreign(on, keyed(another, { identify: ["none"] }));
    expect(await codeOf(romeo.e2e.open(keyless.juliet.self))).toBe("key-changed");
    expect(romeo.e2e.store.show(ROMEO, JULIET)?.devices.map(({ spki }) => spki)).toEqual([named(hers.publicKey).spki]);
  });

  it("is an alert where it is another than before, and refused for good once it is revoked", async () => {
    const romeo = await on.login("romeo", byKey);
    const [first] = await sealed(romeo, await foreign(on, keyed(hers)));
    await first.close();
    const other = await foreign(on, keyed(another));
    const [ours] = await sealed(romeo, other);
    expect(security(ours).alerts).toEqual([{ kind: "new-key" }, { kind: "secret-missing" }]);
    await ours.close();
    await romeo.e2e.store.revoke(ROMEO, JULIET, named(another.publicKey).spki);
    expect(await codeOf(romeo.e2e.open(other.juliet.self))).toBe("key-revoked");
    const refusal = nextError(romeo);
    const theirs = await other.esessions.initiate(romeo.self);
    expect([(await refusal).code, theirs.channel.self]).toEqual(["key-revoked", other.juliet.self]);
  });

  it("may be named by its hash once it is known, by whoever has it, and outlives the process in the store", async () => {
    const folder = join(await mkdtemp(join(tmpdir(), "balcony-rsa-")), "store");
    const store = await TrustStore.open({ folder, passphrase: "o Romeo" });
    const romeo = await on.login("romeo", { ...byKey, store });
    const hashed = await foreign(on, keyed(hers, { identify: ["hash"] }));
    expect(await codeOf(romeo.e2e.open(hashed.juliet.self))).toBe("not-trusted");
    const [ours, theirs] = await sealed(romeo, await foreign(on, keyed(hers)));
    await ours.close();
    const [again] = await sealed(romeo, hashed);
    expect(security(again)).toMatchObject({ firstUse: false, peer: { fingerprint: named(hers.publicKey).spki } });
    await again.close();
    const reopened = await TrustStore.open({ folder, passphrase: "o Romeo" });
    expect(reopened.show(ROMEO, JULIET)?.devices).toMatchObject([{ spki: named(hers.publicKey).spki, key: Buffer.from(named(hers.publicKey).der).toString("base64") }]);
    expect(reopened.sealing(ROMEO).rsa).toMatch(/^-----BEGIN PRIVATE KEY/);
    const own = keyFingerprint(nodeCrypto, theirs.security.peerKey ?? another.publicKey);
    expect(Buffer.from(own).toString("hex")).toBe(security(ours).esession.keyValues?.own);
    await reopened.close();
    await rm(join(folder, ".."), { recursive: true });
  });

  it("is verified by ceremony with a client that knows it and takes requests; with one that does not, by fingerprint alone", async () => {
    const romeo = await on.login("romeo", { ...byKey, esessions: { ...byKey.esessions, stanzas: ["message", "iq", "presence"] } });
    const client = await foreign(on, keyed(hers, { stanzas: ["message", "iq", "presence"] }));
    const come = client.incoming();
    const ours = await romeo.e2e.open(client.juliet.self);
    const theirs = await come;
    const [own, peer] = [named(theirs.security.ownKey ?? another.publicKey), named(theirs.security.peerKey ?? another.publicKey)];
    const { ctx, ekm } = theirs.bind({ own: own.der, peer: peer.der });
    const store = await TrustStore.inMemory();
    const asked = new Promise<VerificationRequest>((resolve) => {
      const listeners = { listening: () => true, asked: resolve, verified: () => Promise.resolve(), report: () => undefined };
      new Verification(theirs.channel, { binding: { role: theirs.role, spki: peer.spki, ctx, ekm }, store, ceremonies: new Ceremonies() }, listeners, theirs.peer);
    });
    const [mine, julietsOwn] = await Promise.all([ours.verify(), asked.then((request) => request.accept())]);
    expect(mine.symbols).toEqual(julietsOwn.symbols);
    await Promise.all([mine.confirm(), julietsOwn.confirm()]);
    expect(security(ours)).toMatchObject({ trust: "verified", verified: { how: "symbols" }, peer: { fingerprint: own.spki } });
    expect(store.show(JULIET, ROMEO)?.devices).toMatchObject([{ spki: peer.spki, status: "verified" }]);
    await ours.close();
    const [alone] = await sealed(romeo, await foreign(on, keyed(hers)));
    expect(await codeOf(alone.verify())).toBe("verification-unsupported");
    await alone.close();
  });

  it("is asked for in three messages, where that is wanted", async () => {
    const three = { ...byKey.esessions, messages: [3, 4] } satisfies BalconyOptions["esessions"];
    const romeo = await on.login("romeo", { ...byKey, esessions: three });
    const [ours, theirs] = await sealed(romeo, await foreign(on, keyed(hers, { messages: [3] })));
    expect(security(ours)).toMatchObject({ peer: { fingerprint: named(hers.publicKey).spki }, esession: { sas: undefined, retained: "none" } });
    expect(theirs.security.sas).toBeUndefined();
    await ours.close();
    const four = await on.login("romeo", byKey);
    expect(await codeOf((await foreign(on, keyed(hers))).esessions.initiate(four.self, { messages: 3 }))).toBe("stanza-error");
  });

  it("counts nothing between two Balconies, whose devices have their own", async () => {
    const [romeo, juliet] = [await on.login("romeo", byKey), await on.login("juliet", { ...byKey, transports: [] })];
    const [ours, theirs] = await streamBetween(romeo, juliet);
    expect([security(ours).esession.keyValues, security(ours).own.fingerprint]).toEqual([undefined, keyOf(theirs)]);
    expect(romeo.e2e.store.show(ROMEO, JULIET)?.devices).toHaveLength(1);
    await ours.close();
  });
});

describe("what else balcony() passes on", () => {
  const yes = { policy: { fallback: () => true } };

  it("is an other shared secret, without which there is no session", async () => {
    const secret = new Uint8Array(32).fill(7);
    const romeo = await on.login("romeo", { ...yes, esessions: { otherSecret: (peer) => (peer === JULIET ? secret : undefined) } });
    const [ours] = await sealed(romeo, await foreign(on, { otherSecret: () => secret }));
    await ours.close();
    const without = await foreign(on);
    expect(await codeOf(romeo.e2e.open(without.juliet.self))).toBe("esession-check");
  });

  it("is renegotiation: toward less anybody may, toward more the application is asked", async () => {
    const asked: unknown[] = [];
    const romeo = await on.login("romeo", {
      ...yes,
      esessions: {
        renegotiate: (wanted) => {
          asked.push(wanted);
          return true;
        },
      },
    });
    const client = await foreign(on);
    const [ours, theirs] = await sealed(romeo, client);
    expect(security(ours).esession.logging).toBe("mustnot");
    expect(await codeOf(ours.renegotiate({ logging: "may" }))).toBe("declined"); // hers asks nobody
    await theirs.renegotiate({ logging: "may" });
    expect([security(ours).esession.logging, asked]).toEqual(["may", [{ peer: client.juliet.self, logging: "may" }]]);
    await ours.renegotiate({ logging: "mustnot" });
    expect([security(ours).esession.logging, theirs.security.logging]).toEqual(["mustnot", "mustnot"]);
    await ours.close();
  });

  it("is none of a stream's", async () => {
    const [stream] = await streamBetween(await on.login("romeo"), await on.login("juliet"));
    expect(await codeOf(stream.renegotiate({ logging: "may" }))).toBe("invalid-argument");
  });

  it("is which kinds of stanza are encrypted with a client that is no Balcony", async () => {
    const stanzas = ["message", "presence", "iq"] as const;
    const romeo = await on.login("romeo", { ...yes, esessions: { stanzas } });
    const [ours, theirs] = await sealed(romeo, await foreign(on, { parameters: { stanzas } }));
    theirs.channel.onRequest({ type: "get", name: "query", xmlns: "urn:example:age" }, () => xml("query", "urn:example:age", "13"));
    expect((await ours.iqCaller.get(xml("query", "urn:example:age")))?.getText()).toBe("13");
    ours.iqCallee.get("urn:example:age", "query", () => xml("query", "urn:example:age", "16"));
    const asked = await theirs.channel.request(xml("iq", { type: "get" }, xml("query", "urn:example:age")));
    expect(asked.getChild("query")?.getText()).toBe("16");
    const shown = next(ours, "stanza");
    await theirs.channel.send(xml("presence", {}, xml("status", {}, "on the balcony")));
    expect(String(await shown)).toContain("on the balcony");
    const told = new Promise<string>((resolve) => theirs.channel.onStanza(({ stanza }) => void (stanza.name === "presence" && resolve(String(stanza)))));
    await ours.send(xml("presence", {}, xml("status", {}, "in the orchard")));
    expect(await told).toContain("in the orchard");
    await ours.send(message("Grüße"));
    expect(on.seen.some(({ xml: text }) => text.includes("urn:example:age") || text.includes("orchard</status>") || text.includes("balcony</status>"))).toBe(false);
    await ours.close();
  });

  it.each([
    ["an empty list", { identify: [] }],
    ["presence alone", { stanzas: ["presence"] }],
    ["three messages without keys", { messages: [3], require: ["key"] }],
    ["three messages first, and an other secret", { messages: [3], identify: ["key"], require: ["key"], otherSecret: () => undefined }],
  ] satisfies [string, BalconyOptions["esessions"]][])("is refused where it contradicts itself: %s", async (_, esessions) => {
    expect(await codeOf(on.login("romeo", { ...yes, esessions }))).toBe("invalid-argument");
  });
});
