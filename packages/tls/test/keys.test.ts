import { BalconyError } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { decode } from "../src/asn1.js";
import { readCertificate } from "../src/index.js";
import { sha256 } from "../src/public-key.js";
import { buildCertificate, name } from "./build-certificate.js";
import { atInfinity, coordinateIn, dsaLike, ed25519Point, encodingsOfOneKey, ofCurve, offTheCurve, ofKind, rsa, rsaPss, rsaWithoutNull } from "./keys.js";

const F4 = Uint8Array.of(1, 0, 1);
const littleEndian = (digits: string): Buffer => Buffer.from(digits, "hex").reverse();
const P = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";

/** A certificate for that key; who signed it is not looked at, as somebody else issued it. */
const certificateOf = (spki: Buffer): Buffer => buildCertificate({ spki: decode(spki), issuer: name("somebody else") });

function verdict(spki: Buffer): string {
  try {
    return readCertificate(certificateOf(spki)).keyType;
  } catch (error) {
    if (error instanceof BalconyError) return error.code;
    throw error;
  }
}

const accepted: readonly (readonly [string, () => Buffer, string])[] = [
  ["P-256", () => ofCurve("P-256"), "P-256"],
  ["P-384", () => ofCurve("P-384"), "P-384"],
  ["P-521", () => ofCurve("P-521"), "P-521"],
  ["RSA of 2048 bits", () => rsa({ bits: 2048, exponent: F4 }), "RSA"],
  ["RSA of 3072 bits with the exponent 3", () => rsa({ bits: 3072, exponent: Uint8Array.of(3) }), "RSA"],
  ["RSA of 8192 bits with the largest exponent", () => rsa({ bits: 8192, exponent: Uint8Array.of(0xff, 0xff, 0xff, 0xff) }), "RSA"],
];

const refused: readonly (readonly [string, () => Buffer])[] = [
  ["the same key, compressed", () => encodingsOfOneKey.compressed],
  ["the same key, hybrid", () => encodingsOfOneKey.hybrid],
  ["the same key with explicit parameters", () => encodingsOfOneKey["with explicit parameters"]],
  ["the same key, compressed, with explicit parameters", () => encodingsOfOneKey["compressed, with explicit parameters"]],
  ["P-224", () => ofCurve("secp224r1")],
  ["secp256k1", () => ofCurve("secp256k1")],
  ["brainpoolP256r1", () => ofCurve("brainpoolP256r1")],
  ["a point that is not on the curve", offTheCurve],
  ["the point at infinity", atInfinity],
  ["Ed448", () => ofKind("ed448")],
  ["X25519, which cannot sign", () => ofKind("x25519")],
  ["DSA", dsaLike],
  ["RSA of 1024 bits", () => rsa({ bits: 1024, exponent: F4 })],
  ["RSA of 2047 bits", () => rsa({ bits: 2047, exponent: F4 })],
  ["RSA of 8193 bits", () => rsa({ bits: 8193, exponent: F4 })],
  ["RSA of 16384 bits", () => rsa({ bits: 16_384, exponent: F4 })],
  ["RSA with the exponent 1, for which anybody can sign", () => rsa({ bits: 2048, exponent: Uint8Array.of(1) })],
  ["RSA with an even exponent", () => rsa({ bits: 2048, exponent: Uint8Array.of(4) })],
  ["RSA with an exponent of 2³² + 1", () => rsa({ bits: 2048, exponent: Uint8Array.of(1, 0, 0, 0, 1) })],
  ["RSA with an exponent of 2,000 bits", () => rsa({ bits: 2048, exponent: Buffer.alloc(250, 0x55) })],
  ["RSA without its NULL", () => rsaWithoutNull(2048)],
  ["RSA-PSS", rsaPss],
  ["Ed25519 of 31 bytes", () => ed25519Point(Buffer.alloc(31, 7))],
  ["Ed25519 with y = p − 1, of order 2", () => ed25519Point(littleEndian(`${P.slice(0, -1)}c`))],
  ["Ed25519 with y = 0, of order 4", () => ed25519Point(Buffer.alloc(32))],
  ["Ed25519 with y = 1, the identity", () => ed25519Point(littleEndian("01".padStart(64, "0")))],
  ["Ed25519 with y = 1 and the sign set, the identity once more", () => ed25519Point(littleEndian(`80${"01".padStart(62, "0")}`))],
  ["Ed25519 with y = p + 1, the identity encoded otherwise", () => ed25519Point(littleEndian(`${P.slice(0, -1)}e`))],
  ["Ed25519 with y = p + 3, a point encoded otherwise", () => ed25519Point(littleEndian(`${P.slice(0, -2)}f0`))],
  ["Ed25519 of order 8", () => ed25519Point(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex"))],
  ["Ed25519 of order 8, the other one", () => ed25519Point(Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex"))],
];

describe("keys", () => {
  it.each(accepted)("accepts %s", (_name, spki, type) => {
    expect(verdict(spki())).toBe(type);
  });

  it.each(refused)("refuses %s", (_name, spki) => {
    expect(verdict(spki())).toBe("key-unacceptable");
  });

  it("hashes the SubjectPublicKeyInfo as it stands", () => {
    const spki = encodingsOfOneKey.uncompressed;
    expect(readCertificate(certificateOf(spki)).spki).toBe(sha256(spki));
  });

  it("refuses encodings that are really of one key, and have a hash each", () => {
    const { uncompressed, compressed, hybrid } = encodingsOfOneKey;
    expect(new Set([uncompressed, compressed, hybrid].map(coordinateIn)).size).toBe(1);
    expect(new Set(Object.values(encodingsOfOneKey).map(sha256)).size).toBe(Object.keys(encodingsOfOneKey).length);
  });
});
