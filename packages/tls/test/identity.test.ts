import { createPublicKey, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIdentity, exportIdentity, type Identity, importIdentity, readCertificate, renewIdentity } from "../src/index.js";
import { sha256 } from "../src/public-key.js";
import { buildCertificate, key, name, spkiOf } from "./build-certificate.js";

const DAY = 24 * 60 * 60 * 1000;
const shown = ({ address, certificate, fingerprint, notAfter, spki }: Identity) => ({
  address,
  certificate: Buffer.from(certificate).toString("hex"),
  fingerprint,
  notAfter,
  spki,
});
const codeOf = (run: () => unknown): unknown => {
  try {
    run();
    return "accepted";
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
};
const pem = (der: Uint8Array): string => `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE-----\n`;

describe("an identity", () => {
  it("names its address, and says of itself what its certificate says", () => {
    const identity = createIdentity("romeo@montague.lit");
    const certificate = readCertificate(identity.certificate);
    expect(certificate).toMatchObject({
      xmppAddresses: ["romeo@montague.lit"],
      keyType: "P-256",
      fingerprint: identity.fingerprint,
      spki: identity.spki,
      notAfter: identity.notAfter,
    });
    expect(identity.spki).toBe(sha256(createPublicKey(identity.privateKey).export({ format: "der", type: "spki" })));
    expect(identity.fingerprint).toBe(sha256(identity.certificate));
  });

  it.each(["P-256", "P-384", "P-521", "Ed25519"] as const)("is made with a key of the type %s", (keyType) => {
    expect(readCertificate(createIdentity("romeo@montague.lit", { keyType }).certificate).keyType).toBe(keyType);
  });

  it("is made with a key that is there already, RSA too", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const identity = createIdentity("romeo@montague.lit", { privateKey });
    expect(readCertificate(identity.certificate)).toMatchObject({ keyType: "RSA", spki: sha256(spkiOf(privateKey)) });
  });

  it("is new each time: key, serial number and all", () => {
    const [one, two] = [createIdentity("romeo@montague.lit"), createIdentity("romeo@montague.lit")];
    expect(one.spki).not.toBe(two.spki);
    expect(one.fingerprint).not.toBe(two.fingerprint);
  });

  it("has the address in normal form", () => {
    expect(createIdentity("Romeo@Montague.LIT").address).toBe("romeo@montague.lit");
  });

  it("cannot be changed by whoever holds it", () => {
    expect(Object.isFrozen(createIdentity("romeo@montague.lit"))).toBe(true);
  });

  it("does not print its key", () => {
    const identity = createIdentity("romeo@montague.lit");
    const secret = identity.privateKey.export({ format: "jwk" }).d ?? "";
    expect(JSON.stringify(identity)).not.toContain(secret);
    expect(String(identity.privateKey)).not.toContain(secret);
  });

  const refusals: readonly (readonly [string, () => unknown, string])[] = [
    ["an address with a resource", () => createIdentity("romeo@montague.lit/orchard"), "invalid-argument"],
    ["no address", () => createIdentity("romeo@"), "invalid-jid"],
    ["a time beyond the year 9999", () => createIdentity("romeo@montague.lit", { validityDays: 4_000_000 }), "invalid-argument"],
    ["a validity of nothing", () => createIdentity("romeo@montague.lit", { validityDays: 0 }), "invalid-argument"],
    ["a validity that is no number", () => createIdentity("romeo@montague.lit", { validityDays: Number.NaN }), "invalid-argument"],
    ["a now that is no time", () => createIdentity("romeo@montague.lit", { now: new Date(Number.NaN) }), "invalid-argument"],
    ["RSA of 1024 bits", () => createIdentity("romeo@montague.lit", generateKeyPairSync("rsa", { modulusLength: 1024 })), "key-unacceptable"],
    ["secp256k1", () => createIdentity("romeo@montague.lit", generateKeyPairSync("ec", { namedCurve: "secp256k1" })), "key-unacceptable"],
  ];
  it.each(refusals)("is not made of %s", (_name, make, code) => {
    expect(codeOf(make)).toBe(code);
  });
});

describe("renewal", () => {
  it("keeps address and key, and so what peers trust", () => {
    const identity = createIdentity("romeo@montague.lit", { now: new Date(Date.now() - 300 * DAY) });
    const renewed = renewIdentity(identity);
    expect(renewed).toMatchObject({ address: identity.address, spki: identity.spki });
    expect(renewed.privateKey).toBe(identity.privateKey);
    expect(renewed.fingerprint).not.toBe(identity.fingerprint);
    expect(renewed.notAfter.getTime()).toBeGreaterThan(identity.notAfter.getTime());
  });

  it("helps also when the certificate has ended", () => {
    const ended = importIdentity(exportIdentity(createIdentity("romeo@montague.lit", { now: new Date("2001-01-01") })));
    expect(renewIdentity(ended).notAfter.getTime()).toBeGreaterThan(Date.now());
  });
});

describe("an identity as text", () => {
  it("comes back the same", () => {
    const identity = createIdentity("romeo@montague.lit");
    const back = importIdentity(exportIdentity(identity));
    expect(shown(back)).toEqual(shown(identity));
    expect(back.privateKey.equals(identity.privateKey)).toBe(true);
    expect(Object.isFrozen(back)).toBe(true);
  });

  const [romeo, juliet] = [createIdentity("romeo@montague.lit"), createIdentity("juliet@capulet.lit")].map(exportIdentity);
  if (!romeo || !juliet) throw new Error("two were made");
  const owned = (der: Buffer) => ({ certificate: pem(der), privateKey: key.export({ format: "pem", type: "pkcs8" }).toString() });
  const corrupt: readonly (readonly [string, () => { readonly certificate: string; readonly privateKey: string }])[] = [
    ["somebody else's key", () => ({ ...romeo, privateKey: juliet.privateKey })],
    ["no certificate", () => ({ ...romeo, certificate: "" })],
    ["no key", () => ({ ...romeo, privateKey: "" })],
    ["half a certificate", () => ({ ...romeo, certificate: romeo.certificate.slice(0, 300) })],
    ["half a key", () => ({ ...romeo, privateKey: romeo.privateKey.slice(0, 100) })],
    ["certificate and key exchanged", () => ({ certificate: romeo.privateKey, privateKey: romeo.certificate })],
    ["a certificate without an address", () => owned(buildCertificate({ extensions: undefined, version: [] }))],
    ["a certificate that it did not sign", () => owned(buildCertificate({ issuer: name("x"), signature: () => buildSignature() }))],
  ];
  it.each(corrupt)("is refused with %s", (_name, make) => {
    expect(codeOf(() => importIdentity(make()))).toBe("store-corrupt");
  });

  it("does not quote the key in the error", () => {
    const secret = romeo.privateKey.split("\n")[1] ?? "";
    try {
      importIdentity({ ...romeo, privateKey: romeo.privateKey.replace("PRIVATE", "PRIVATES") });
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify([String(error), String((error as Error).cause)])).not.toContain(secret);
    }
  });
});

function buildSignature() {
  return { tagClass: 0, type: 3, constructed: false, value: "\0\x30\x06\x02\x01\x01\x02\x01\x01" };
}

describe("whatever the address and the time", () => {
  const part = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).filter((label) => label.slice(2, 4) !== "--");
  const local = fc.oneof(part, fc.constantFrom("ρωμαῖος", "日本", "ünïcode", "a.b+c"));
  const address = fc.tuple(local, part, part).map(([user, ...labels]) => `${user}@${labels.join(".")}`);
  const { privateKey } = createIdentity("any@key.lit");

  it("a certificate reads back as it was written", () => {
    fc.assert(
      fc.property(
        address,
        fc.date({ min: new Date("1900-01-01"), max: new Date("2400-01-01"), noInvalidDate: true }),
        fc.integer({ min: 1, max: 100_000 }),
        (user, now, validityDays) => {
          const identity = createIdentity(user, { privateKey, now, validityDays });
          const { notAfter, notBefore, xmppAddresses } = readCertificate(identity.certificate);
          expect(xmppAddresses).toEqual([identity.address]);
          expect(notAfter).toEqual(identity.notAfter);
          expect(notBefore.getTime()).toBe(Math.floor((now.getTime() - DAY) / 1000) * 1000);
          expect(Math.abs(notAfter.getTime() - now.getTime() - validityDays * DAY)).toBeLessThan(1000);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("one changed byte never changes what is read: it is refused, but in the names of issuer and subject, to which nothing hangs", () => {
    const identity = createIdentity("romeo@montague.lit");
    const { der: _, fingerprint: __, selfIssued: ___, ...said } = readCertificate(identity.certificate);
    fc.assert(
      fc.property(fc.nat(identity.certificate.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const der = Buffer.from(identity.certificate);
        der[at] = (der[at] ?? 0) ^ flip;
        const code = codeOf(() => readCertificate(der));
        if (code === "accepted") expect(readCertificate(der)).toMatchObject(said);
        else expect(["certificate-invalid", "key-unacceptable"]).toContain(code);
      }),
      { numRuns: 1000 },
    );
  });

  it("any bytes at all give one of two codes, and no other error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(["certificate-invalid", "key-unacceptable"]).toContain(codeOf(() => readCertificate(bytes)));
      }),
      { numRuns: 1000 },
    );
  });

  it("a certificate cut anywhere is refused", () => {
    const { certificate } = createIdentity("romeo@montague.lit");
    for (let length = 0; length < certificate.length; length++) expect(codeOf(() => readCertificate(certificate.subarray(0, length)))).toBe("certificate-invalid");
  });
});
