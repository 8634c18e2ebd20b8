import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import { TrustStore } from "@balcony/trust";
import type { BalconyOptions, Session } from "balcony";
import { describe, expect, it } from "vitest";
import { bits, decode, encode, oids, sequence, yes } from "../../packages/tls/src/asn1.js";
import { xmppAddr } from "../../packages/tls/src/xmpp-addr.js";
import { altNames, buildCertificate, extension, keyUsage, name, spkiOf, usages } from "../../packages/tls/test/build-certificate.js";
import { streamBetween } from "../rigs/login.js";
import { codeOf, nextError, stage } from "./stage.js";

const on = stage();
const JULIET = "juliet@capulet.lit";
const ROMEO = "romeo@montague.lit";
const fresh = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const authority = { key: fresh(), name: name("Escalus") };
const pem = (der: Buffer): string => new X509Certificate(der).toString();
const anchors = pem(
  buildCertificate({
    privateKey: authority.key,
    issuer: authority.name,
    subject: authority.name,
    extensions: [extension(oids.basicConstraints, encode(sequence(yes())), yes()), keyUsage(0x06)],
  }),
);

/** Juliet's store, with a certificate that `issuer` has issued for `address`. */
async function certified({ issuer = authority.key, use = [] as readonly string[], key = fresh() } = {}): Promise<TrustStore> {
  const certificate = buildCertificate({
    privateKey: key,
    issuer: authority.name,
    subject: name("Juliet"),
    extensions: [altNames(xmppAddr(JULIET)), keyUsage(0x80), ...(use.length > 0 ? [usages(...use)] : [])],
    signature: (tbs) => bits(sign("sha256", tbs, issuer)),
    spki: decode(spkiOf(key)),
  });
  const store = await TrustStore.inMemory();
  await store.identity(JULIET, () => Promise.resolve({ certificate: pem(certificate), privateKey: key.export({ format: "pem", type: "pkcs8" }).toString() }));
  return store;
}

const trusting: BalconyOptions = { trust: { anchors } };
const strict: BalconyOptions = { ...trusting, policy: { require: "verified" } };

describe("a certificate of an authority that the person trusts", () => {
  it.each(["initiator", "responder"] as const)("verifies the %s's peer at first contact, also where verified keys alone are taken, and is recorded by its name", async (role) => {
    const romeo = await on.login("romeo", strict);
    const juliet = await on.login("juliet", { store: await certified() });
    const sessions = role === "initiator" ? await streamBetween(romeo, juliet) : await streamBetween(juliet, romeo);
    const [ours] = (role === "initiator" ? sessions : [...sessions].reverse()) as [Session];
    expect(ours.security).toMatchObject({ trust: "verified", verified: { how: "ca" }, alerts: [] });
    expect(romeo.e2e.store.show(ROMEO, JULIET)?.devices).toMatchObject([{ status: "verified", verified: { how: "ca" } }]);
  });

  it("says nothing to whoever trusts nobody: the key is one like any other", async () => {
    const [ours] = await streamBetween(await on.login("romeo"), await on.login("juliet", { store: await certified() }));
    expect(ours.security).toMatchObject({ trust: "unverified", alerts: [] });
  });

  it("introduces another key of the address, and no authority does what it has not", async () => {
    const romeo = await on.login("romeo", trusting);
    for (const resource of ["one", "two"]) {
      const [ours] = await streamBetween(romeo, await on.login("juliet", { resource, store: await certified() }));
      expect(ours.security.trust).toBe("verified");
    }
    const signedByHerself = await on.login("juliet", { resource: "three" });
    expect(await codeOf(romeo.e2e.open(signedByHerself.self))).toBe("key-changed");
  });

  it("introduces no key against what a person has verified", async () => {
    const romeo = await on.login("romeo", trusting);
    const juliet = await on.login("juliet");
    await romeo.e2e.store.setVerified(ROMEO, JULIET, (await juliet.e2e.identity()).spki, "symbols");
    const other = await on.login("juliet", { resource: "other", store: await certified() });
    expect(await codeOf(romeo.e2e.open(other.self))).toBe("key-changed");
  });

  it("counts no more once the person does not trust the authority any more", async () => {
    const store = await TrustStore.inMemory();
    const romeo = await on.login("romeo", { ...trusting, store });
    const juliet = await on.login("juliet", { store: await certified() });
    const [first] = await streamBetween(romeo, juliet);
    expect(first.security.trust).toBe("verified");
    const later = await on.login("romeo", { resource: "later", store });
    const [ours] = await streamBetween(later, juliet);
    expect(ours.security).toMatchObject({ trust: "unverified", alerts: [{ kind: "attestation-lost" }] });
  });
});

describe("where verified keys alone are taken, what is wrong with a certificate is told by its code", () => {
  it.each([
    ["certificate-authority-unknown", "an authority that nobody trusts", { issuer: fresh() }],
    ["certificate-usage", "use by TLS clients alone", { use: [oids.clientAuth] }],
  ] as const)("%s: %s", async (code, _, wrong) => {
    const romeo = await on.login("romeo", strict);
    const juliet = await on.login("juliet", { store: await certified(wrong) });
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe(code);
    await failed;
    expect(romeo.e2e.store.list(ROMEO)).toEqual([]);
  });

  it("elsewhere it is taken as any key is, and the person is told", async () => {
    const [ours] = await streamBetween(await on.login("romeo", trusting), await on.login("juliet", { store: await certified({ issuer: fresh() }) }));
    expect(ours.security).toMatchObject({ trust: "unverified", alerts: [{ kind: "certificate", code: "certificate-authority-unknown" }] });
  });
});

it("trust anchors that are none are told at once", async () => {
  await expect(on.login("romeo", { trust: { anchors: "nobody" } })).rejects.toMatchObject({ code: "invalid-argument" });
});
