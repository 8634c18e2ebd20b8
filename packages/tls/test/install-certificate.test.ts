import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from "node:crypto";
import type { BalconyError } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { bits, decode, encode, items, oids, sequence, time, yes } from "../src/asn1.js";
import { certificateRequest, createIdentity, importIdentity, installCertificate } from "../src/index.js";
import { xmppAddr } from "../src/xmpp-addr.js";
import { altNames, buildCertificate, extension, keyUsage, name, type Parts, spkiOf, usages } from "./build-certificate.js";

const ROMEO = "romeo@montague.lit";
const DAY = 24 * 60 * 60 * 1000;
const now = Date.now();
const identity = createIdentity(ROMEO);
const fresh = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const keys = { root: fresh(), middle: fresh(), other: fresh(), own: identity.privateKey };
const pem = (der: Uint8Array): string => new X509Certificate(der).toString();
const pkcs8 = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }).toString();
const signing = [extension(oids.basicConstraints, encode(sequence(yes())), yes()), keyUsage(0x06)];
const between = (from: number, to: number) => sequence(time(new Date(now + from * DAY)), time(new Date(now + to * DAY)));

function issued(subject: keyof typeof keys, issuer: keyof typeof keys, change: Partial<Parts> = {}): string {
  return pem(
    buildCertificate({
      privateKey: keys[issuer],
      issuer: name(issuer),
      subject: name(subject),
      spki: decode(spkiOf(keys[subject])),
      validity: between(-2, 2),
      signature: (tbs) => bits(sign("sha256", tbs, keys[issuer])),
      extensions: subject === "own" ? [altNames(xmppAddr(ROMEO)), keyUsage(0x80)] : signing,
      ...change,
    }),
  );
}
const root = issued("root", "root");
const middle = issued("middle", "root");
const own = issued("own", "middle");
const named = (...names: string[]): string => issued("own", "middle", { extensions: [altNames(...names.map(xmppAddr)), keyUsage(0x80)] });
const used = (...ids: string[]): string => issued("own", "middle", { extensions: [altNames(xmppAddr(ROMEO)), keyUsage(0x80), usages(...ids)] });

describe("installing what an authority has issued", () => {
  it.each([
    ["in order", own + middle + root],
    ["in any order, with others between", root + issued("other", "root") + own + middle],
  ])("keeps one's own first and its issuers behind it: %s", (_, certificate) => {
    const installed = installCertificate({ certificate }, { identity, now });
    expect(installed.certificate).toBe(own + middle + root);
    const read = importIdentity(installed);
    expect([read.address, read.spki, read.chain?.length]).toEqual([ROMEO, identity.spki, 2]);
  });

  it("takes another key that is given", () => {
    const theirs = issued("other", "middle", { extensions: [altNames(xmppAddr(ROMEO)), keyUsage(0x80)] });
    const installed = installCertificate({ certificate: theirs, privateKey: pkcs8(keys.other) }, { identity, now });
    expect(importIdentity(installed).spki).not.toBe(identity.spki);
  });

  it.each<[code: string, what: string, certificate: string, privateKey?: string]>([
    ["invalid-argument", "nothing", ""],
    ["invalid-argument", "no certificate", "juliet"],
    ["invalid-argument", "a certificate that cannot be read", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ["invalid-argument", "that of another key", issued("other", "middle")],
    ["invalid-argument", "a key that cannot be read", own, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"],
    ["invalid-argument", "a key that is not the certificate's", own, pkcs8(keys.other)],
    ["certificate-no-address", "no address", issued("own", "middle", { extensions: [keyUsage(0x80)] })],
    ["address-mismatch", "somebody else's address", named("juliet@capulet.lit")],
    ["address-mismatch", "another address beside", named(ROMEO, "juliet@capulet.lit")],
    ["address-mismatch", "the address with a resource", named(`${ROMEO}/orchard`)],
    ["certificate-expired", "its time is over", issued("own", "middle", { validity: between(-3, -1) })],
    ["certificate-not-yet-valid", "its time has not come", issued("own", "middle", { validity: between(1, 3) })],
    ["certificate-usage", "for clients alone", used(oids.clientAuth)],
    ["certificate-usage", "for servers alone", used(oids.serverAuth)],
  ])("%s: %s", (code, _, certificate, privateKey) => {
    const thrown = (): string => {
      try {
        installCertificate({ certificate, ...(privateKey !== undefined && { privateKey }) }, { identity, now });
        return "none";
      } catch (error) {
        return (error as BalconyError).code;
      }
    };
    expect(thrown()).toBe(code);
  });

  it.each([
    ["both", [oids.clientAuth, oids.serverAuth]],
    ["any", [oids.anyExtendedKeyUsage]],
  ] as const)("of use by %s is taken", (_, ids) => {
    const certificate = used(...ids);
    expect(installCertificate({ certificate }, { identity, now }).certificate).toBe(certificate);
  });
});

describe("a request", () => {
  it.each(["P-256", "P-384", "P-521", "Ed25519"] as const)("of a key of %s holds its key, names the address, and is signed by it", (keyType) => {
    const one = createIdentity(ROMEO, { keyType });
    const der = Buffer.from(certificateRequest(one).replace(/-----[^-]+-----|\s/gu, ""), "base64");
    const [info, , signature] = items(decode(der));
    expect(encode(items(info)[2] ?? sequence())).toEqual(spkiOf(one.privateKey));
    expect(der.includes(encode(altNames(xmppAddr(ROMEO))))).toBe(true);
    expect(signature).toBeDefined();
  });
});
