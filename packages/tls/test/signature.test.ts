import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkSignature, createIdentity, type Identity, signBytes } from "../src/index.js";

const bytes = new TextEncoder().encode("wherefore art thou");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const identities: Readonly<Record<string, Identity>> = {
  "P-256": createIdentity("romeo@montague.lit"),
  "P-384": createIdentity("romeo@montague.lit", { keyType: "P-384" }),
  "P-521": createIdentity("romeo@montague.lit", { keyType: "P-521" }),
  Ed25519: createIdentity("romeo@montague.lit", { keyType: "Ed25519" }),
  RSA: createIdentity("romeo@montague.lit", { privateKey: rsa }),
};
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "none";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe.each(Object.entries(identities))("a signature by a key of %s", (type, identity) => {
  const signed = signBytes(identity, bytes);

  it("is that of its key, over its bytes alone", () => {
    expect(checkSignature(signed, bytes)).toBe(identity.spki);
    expect(codeOf(() => checkSignature(signed, bytes.subarray(1)))).toBe("statement-invalid");
  });

  it("fails with any bit turned, cut short, grown or empty", () => {
    for (let at = 0; at < signed.signature.length; at += 7) {
      const turned = Uint8Array.from(signed.signature);
      turned[at] = (turned[at] ?? 0) ^ 1;
      expect(codeOf(() => checkSignature({ ...signed, signature: turned }, bytes))).toBe("statement-invalid");
    }
    for (const signature of [signed.signature.subarray(1), new Uint8Array([...signed.signature, 0]), new Uint8Array(), new Uint8Array(2000)]) {
      expect(codeOf(() => checkSignature({ ...signed, signature }, bytes))).toBe("statement-invalid");
    }
  });

  it("is no other key's, of whatever kind", () => {
    for (const [other, { privateKey }] of Object.entries(identities)) {
      if (other === type) continue;
      expect(
        codeOf(() => checkSignature({ ...signed, key: signBytes({ privateKey }, bytes).key }, bytes)),
        other,
      ).toBe("statement-invalid");
    }
  });
});

describe("a key", () => {
  const signed = signBytes(identities["P-256"] as Identity, bytes);

  it.each([
    ["that is none", new Uint8Array(91)],
    ["that is empty", new Uint8Array()],
    ["that is far too long", new Uint8Array(10_000)],
    ["of a curve that is not accepted", generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey.export({ format: "der", type: "spki" })],
    ["that is compressed", compressed(signed.key)],
  ])("%s is refused before anything is checked with it", (_, key) => {
    expect(codeOf(() => checkSignature({ ...signed, key }, bytes))).toBe("key-unacceptable");
  });
});

/** The same key in another encoding has another hash. */
function compressed(spki: Uint8Array): Uint8Array {
  const point = [2 + ((spki.at(-1) ?? 0) & 1), ...spki.subarray(27, 59)];
  return Uint8Array.from([0x30, 0x39, ...spki.subarray(2, 23), 0x03, 0x22, 0x00, ...point]);
}
