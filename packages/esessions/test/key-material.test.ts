import { createCipheriv, createHash, createHmac } from "node:crypto";
import { BalconyError } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { type Check, check, checked, keyRefused, prove } from "../src/identification.js";
import { identityMac, openIdentity, sealIdentity } from "../src/identity.js";
import { type Compatibility, deployed, strict } from "../src/index.js";
import { keyValue, readIdentity, unacceptable, writeIdentity } from "../src/key-value.js";
import { type Cipher, finalSecret, rekeyKeys, sessionKeys, sharedSecret } from "../src/keys.js";
import { bothKeys } from "../src/negotiation.js";
import { nodeCrypto } from "../src/node/index.js";
import { utf8 } from "../src/octets.js";
import { signers } from "./keys.js";
import { given } from "./machines.js";

const hex = (octets: Uint8Array | undefined): string | undefined => octets && Buffer.from(octets).toString("hex");
const octets = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
/** By node:crypto alone: what the text says. */
const hmac = (key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Buffer => {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};
const sha256 = (...parts: readonly Uint8Array[]): string => createHash("sha256").update(Buffer.concat(parts)).digest("hex");

describe("keys (XEP-0116, Generating Session Keys; XEP-0200 §8.2)", () => {
  const k = octets(5);
  const narrow: Compatibility = { ...strict, macKey: "128-bit" };

  it.each<[Cipher, Compatibility, number, number]>([
    ["aes128-ctr", strict, 16, 32],
    ["aes192-ctr", strict, 24, 32],
    ["aes256-ctr", strict, 32, 32],
    ["aes128-ctr", deployed, 32, 32],
    ["aes192-ctr", deployed, 32, 32],
    ["aes192-ctr", narrow, 24, 16],
  ])("of a session in %s (%#)", (cipher, compatibility, cipherOctets, macOctets) => {
    const lengths = { cipher, compatibility };
    const least = (mac: Buffer, count: number): string => mac.subarray(32 - count).toString("hex");
    for (const who of ["Initiator", "Responder"] as const) {
      const keys = sessionKeys(nodeCrypto, k, who, lengths);
      expect([keys.cipher, keys.mac, keys.sigma].map(hex)).toEqual([
        least(hmac(k, `${who} Cipher Key`), cipherOctets),
        least(hmac(k, `${who} MAC Key`), macOctets),
        least(hmac(k, `${who} SIGMA Key`), macOctets),
      ]);
    }
    for (const who of ["Initiator", "Acceptor"] as const) {
      const keys = rekeyKeys(nodeCrypto, Uint8Array.of(0, 0, 1, 2), who, lengths);
      const bare = Uint8Array.of(1, 2); // as a multiple-precision integer: without leading zeros
      expect([keys.cipher, keys.mac].map(hex)).toEqual([least(hmac(bare, `Rekey ${who} Crypt`), cipherOctets), least(hmac(bare, `Rekey ${who} MAC`), macOctets)]);
    }
  });

  it("of both directions are the initiator's and the responder's", () => {
    const { initiator, responder } = bothKeys(nodeCrypto, k, { cipher: "aes128-ctr", setting: "deployed" } as Parameters<typeof bothKeys>[2]);
    expect([hex(initiator.cipher), hex(responder.cipher)]).toEqual([hex(hmac(k, "Initiator Cipher Key")), hex(hmac(k, "Responder Cipher Key"))]);
  });

  it("are made of K = SHA-256 of the power, and at last of K with both other secrets behind it", () => {
    expect(hex(sharedSecret(nodeCrypto, Uint8Array.of(0, 7, 0)))).toBe(sha256(Uint8Array.of(7, 0)));
    const [retained, other] = [octets(1, 2), octets(2, 3)];
    expect([finalSecret(nodeCrypto, k, retained, other), finalSecret(nodeCrypto, k, undefined, other), finalSecret(nodeCrypto, k, undefined, undefined)].map(hex)).toEqual([
      sha256(k, retained, other),
      sha256(k, other),
      sha256(k),
    ]);
  });
});

describe("an identity (XEP-0116, Hiding Bob's Identity)", () => {
  const keys = { cipher: octets(7, 16), mac: octets(9), sigma: octets(11) };
  const counter = Buffer.from("0000000000000000000000000000fffe", "hex");
  const plaintext = utf8("twenty-one characters");

  it.each<[Compatibility, string, string, string]>([
    [strict, "twenty-one characters", "fffe", "00010000"],
    [deployed, "twenty-one characters           ", "ffff", "00010000"],
  ])("is encrypted at the counter, padded where that is deployed, and its MAC has the counter before it ($name)", (compatibility, covered, first, behind) => {
    const sealed = sealIdentity(nodeCrypto, plaintext, { keys, counter, compatibility });
    const identity = createCipheriv("aes-128-ctr", keys.cipher, Buffer.from(`0000000000000000000000000000${first}`, "hex")).update(covered);
    expect([sealed.identity, sealed.mac, sealed.counter].map(hex)).toEqual([
      identity.toString("hex"),
      hmac(keys.mac, Buffer.from("fffe", "hex"), identity).toString("hex"),
      `000000000000000000000000${behind}`,
    ]);
    const opened = openIdentity(nodeCrypto, sealed, { keys, counter, compatibility });
    expect([Buffer.from(opened?.plaintext ?? []).toString(), hex(opened?.counter)]).toEqual([covered, hex(sealed.counter)]);
    for (const altered of [
      { ...sealed, mac: octets(0) },
      { ...sealed, identity: octets(0) },
    ])
      expect(openIdentity(nodeCrypto, altered, { keys, counter, compatibility })).toBeUndefined();
    expect(openIdentity(nodeCrypto, sealed, { keys, counter: sealed.counter, compatibility })).toBeUndefined();
  });

  it("covers both IDs, the value without leading zeros, the key, and the forms in their order", () => {
    const input = { nonces: [octets(1, 8), octets(2, 8)], publicValue: Uint8Array.of(0, 3), publicKey: "<KeyValue/>", forms: ["a", "ä"] } as const;
    expect(hex(identityMac(nodeCrypto, keys.sigma, input))).toBe(hmac(keys.sigma, octets(1, 8), octets(2, 8), Uint8Array.of(3), "<KeyValue/>aä").toString("hex"));
  });
});

describe("an RSA key that is shown", () => {
  const modulus = (bits: number, end = 0x81): Uint8Array => {
    const value = new Uint8Array(Math.ceil(bits / 8));
    value[0] = 1 << ((bits - 1) % 8);
    value[value.length - 1] = (value.length === 1 ? (value[0] ?? 0) : 0) | end;
    return value;
  };
  const exponentFault = "an exponent that is even, too small or too large";

  it.each<[string, Uint8Array, readonly number[], string | undefined]>([
    ["2,048 bits", modulus(2048), [1, 0, 1], undefined],
    ["8,192 bits", modulus(8192), [3], undefined],
    ["an exponent of 32 bits", modulus(2048), [0xff, 0xff, 0xff, 0xff], undefined],
    ["2,047 bits", modulus(2047), [1, 0, 1], "a modulus of 2047 bits"],
    ["8,193 bits", modulus(8193), [1, 0, 1], "a modulus of 8193 bits"],
    ["an even modulus", modulus(2048, 0x80), [1, 0, 1], "an even modulus"],
    ["no exponent", modulus(2048), [], exponentFault],
    ["an exponent of 1", modulus(2048), [1], exponentFault],
    ["an even exponent", modulus(2048), [1, 0, 0], exponentFault],
    ["an exponent of 33 bits", modulus(2048), [1, 0, 0, 0, 1], exponentFault],
  ])("%s", (_, n, exponent, fault) => expect(unacceptable({ modulus: n, exponent: Uint8Array.from(exponent) })).toBe(fault));

  const { publicKey: key } = signers.alice;
  const fingerprint = nodeCrypto.sha256(utf8(keyValue(key)));
  const base64 = (data: Uint8Array): string => Buffer.from(data).toString("base64");
  const signature = "<SignatureValue>AQID</SignatureValue>";
  const read = (method: "key" | "hash", ...parts: readonly (string | Uint8Array)[]) => {
    const shown = readIdentity(method, Buffer.concat(parts.map((part) => Buffer.from(part as string))));
    return shown && [hex(shown.key?.rsa.modulus), shown.key?.covered, hex(shown.fingerprint), hex(shown.signature)];
  };

  it("is read as it is written, by itself or by its fingerprint", () => {
    expect(read("key", writeIdentity(nodeCrypto, "key", key, Uint8Array.of(1, 2, 3)))).toEqual([hex(key.modulus), keyValue(key), undefined, "010203"]);
    expect(read("hash", writeIdentity(nodeCrypto, "hash", key, Uint8Array.of(1, 2, 3)))).toEqual([undefined, undefined, hex(fingerprint), "010203"]);
  });

  const likeTag = utf8("<fingerprin>ABCDEFGHIJKLMNOPQRST");

  it.each<[string, string | Uint8Array, Uint8Array]>([
    ["wrapped", `<fingerprint>${base64(fingerprint)}</fingerprint>`, fingerprint],
    ["in base64", base64(fingerprint), fingerprint],
    ["bare", fingerprint, fingerprint],
    ["bare, and looks like a tag", likeTag, likeTag],
  ])("has a fingerprint that is %s", (_, part, expected) => {
    expect(read("hash", part, signature)).toEqual([undefined, undefined, hex(expected), "010203"]);
  });

  it.each<[string, "key" | "hash", readonly (string | Uint8Array)[]]>([
    ["a fingerprint of 31 octets", "hash", [fingerprint.subarray(1), signature]],
    ["a fingerprint where a key was agreed on", "key", [fingerprint, signature]],
    ["a signature alone where a fingerprint was agreed on", "hash", [signature]],
    ["another element around an RSA key", "key", [keyValue(key).replaceAll("KeyValue>", "Key>").replaceAll("RSAKey>", "RSAKeyValue>"), signature]],
    ["an exponent where the modulus is", "key", [keyValue(key).replaceAll("Modulus", "Exponent"), signature]],
    ["an empty modulus", "key", [keyValue(key).replace(/<Modulus>.*<.Modulus>/, "<Modulus/>"), signature]],
    ["a modulus alone", "key", [keyValue(key).replace(/<Exponent>.*<.Exponent>/, ""), signature]],
    ["elements of another namespace", "key", [keyValue(key).replace("<KeyValue>", "<KeyValue xmlns='urn:example'>"), signature]],
    ["no XML", "key", ["<KeyValue>", signature]],
  ])("is not read from %s", (_, method, parts) => expect(read(method, ...parts)).toBeUndefined());
});

describe("a claim that is looked into", () => {
  const claim = (method: "none" | "key" | "hash") => ({ method, sigma: octets(1), input: { nonces: [octets(2), octets(3)], publicValue: octets(4), forms: ["a"] } }) as const;
  const ends = (result: Check | undefined): string[] =>
    result?.kind === "refused"
      ? result.effects.map((effect) => (effect.kind === "refuse" ? effect.condition : effect.kind === "failed" ? `${effect.error.code} ${effect.error.message}` : effect.kind))
      : [result?.kind ?? "nothing"];
  const failed = (what: string): string[] => ["feature-not-implemented", `esession-check The ESession's negotiation failed a check: ${what}.`];

  it("without a key is its MAC", () => {
    const mac = identityMac(nodeCrypto, octets(1), { ...claim("none").input, publicKey: "" });
    expect(check(given(), claim("none"), mac)).toEqual({ kind: "identified", key: undefined });
    expect(ends(check(given(), claim("none"), octets(0)))).toEqual(failed("the identity's MAC does not match"));
  });

  it("that cannot be read is none", () => {
    for (const method of ["key", "hash"] as const) expect(ends(check(given(), claim(method), utf8("x")))).toEqual(failed("the identity cannot be read"));
  });

  it("is found out as whoever knows the key says: trusted, forged, or for a reason of theirs", () => {
    const { publicKey: key } = signers.bob;
    const verifying = { at: "verifying", key } as const;
    expect(checked(given(), verifying, { kind: "verified", verdict: "trusted" })).toEqual({ kind: "identified", key });
    expect(ends(checked(given(), verifying, { kind: "verified", verdict: "forged" }))).toEqual(failed("the signature is not by the key that is shown"));
    const reason = new BalconyError("key-changed", "Another key was verified.");
    expect(ends(checked(given(), verifying, { kind: "verified", verdict: "distrusted", reason }))).toEqual(["feature-not-implemented", "key-changed Another key was verified."]);
    expect(keyRefused()).toMatchObject({ code: "not-trusted", phase: "negotiate", message: "The other side's key was not accepted." });
  });

  it("is signed with the key behind the MAC", () => {
    const { publicKey } = signers.alice;
    const sealing = { keys: { cipher: octets(1), mac: octets(2), sigma: octets(3) }, counter: octets(4, 16), compatibility: strict };
    const proof = prove(given({ publicKey }), claim("key"), sealing);
    const data = identityMac(nodeCrypto, octets(1), { ...claim("key").input, publicKey: keyValue(publicKey) });
    expect(proof).toEqual({ proving: { method: "key", key: publicKey, sealing }, effects: [{ kind: "sign", data }] });
  });
});
