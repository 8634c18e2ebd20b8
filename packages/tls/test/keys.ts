import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { type Asn1, bits, encode, integer, nothing, octets, oid, sequence } from "../src/asn1.js";
import { spkiOf } from "./build-certificate.js";

const EC = "1.2.840.10045.2.1";
const P256 = "1.2.840.10045.3.1.7";
const hex = (digits: string): Uint8Array => Buffer.from(digits.replaceAll(" ", ""), "hex");

export const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const point = spkiOf(p256).subarray(-65);
const x = point.subarray(1, 33);
const y = point.subarray(33);
const odd = (y.at(-1) ?? 0) & 1;

const spki = (algorithm: Asn1, bytes: Uint8Array): Buffer => encode(sequence(algorithm, bits(bytes)));
const named = (curve: string, bytes: Uint8Array): Buffer => spki(sequence(oid(EC), oid(curve)), bytes);

/** The parameters of P-256 written out (RFC 3279 §2.3.5, SEC 2 §2.4.2) instead of named. */
const explicitP256 = sequence(
  integer(Uint8Array.of(1)),
  sequence(oid("1.2.840.10045.1.1"), integer(hex("00 ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"))),
  sequence(octets(hex("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc")), octets(hex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"))),
  octets(hex("04 6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296 4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")),
  integer(hex("00 ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")),
  integer(Uint8Array.of(1)),
);

/** One key of P-256 in every encoding that OpenSSL takes, each with a hash of its own. */
export const encodingsOfOneKey = {
  uncompressed: spkiOf(p256),
  compressed: named(P256, Buffer.concat([Uint8Array.of(2 + odd), x])),
  hybrid: named(P256, Buffer.concat([Uint8Array.of(6 + odd), x, y])),
  "with explicit parameters": spki(sequence(oid(EC), explicitP256), point),
  "compressed, with explicit parameters": spki(sequence(oid(EC), explicitP256), Buffer.concat([Uint8Array.of(2 + odd), x])),
} as const;

export const ed25519Point = (bytes: Uint8Array): Buffer => spki(sequence(oid("1.3.101.112")), bytes);

const RSA = sequence(oid("1.2.840.113549.1.1.1"), nothing());
const positive = (bytes: Uint8Array): Asn1 => integer((bytes[0] ?? 0) & 0x80 ? Buffer.concat([Uint8Array.of(0), bytes]) : bytes);
/** An RSA key with a modulus of so many bits, which nobody can factor or use: reading is what is tested. */
export function rsa({ bits: length, exponent, algorithm = RSA }: { readonly bits: number; readonly exponent: Uint8Array; readonly algorithm?: Asn1 }): Buffer {
  const modulus = Buffer.alloc(Math.ceil(length / 8), 0xa5);
  modulus[0] = ((0x80 >> ((8 - (length % 8)) % 8)) | 1) & 0xff;
  modulus[modulus.length - 1] = 0xa5;
  return spki(algorithm, encode(sequence(positive(modulus), positive(exponent))));
}
export const rsaWithoutNull = (bits: number): Buffer => rsa({ bits, exponent: Uint8Array.of(1, 0, 1), algorithm: sequence(oid("1.2.840.113549.1.1.1")) });
export const rsaPss = (): Buffer => rsa({ bits: 2048, exponent: Uint8Array.of(1, 0, 1), algorithm: sequence(oid("1.2.840.113549.1.1.10")) });

export const ofCurve = (namedCurve: string): Buffer => spkiOf(generateKeyPairSync("ec", { namedCurve }).privateKey);
export const ofKind = (kind: "ed448" | "x25519"): Buffer =>
  (kind === "ed448" ? generateKeyPairSync("ed448") : generateKeyPairSync("x25519")).publicKey.export({ format: "der", type: "spki" });
export const offTheCurve = (): Buffer => named(P256, Buffer.concat([Uint8Array.of(4), x, Buffer.alloc(32, 1)]));
export const atInfinity = (): Buffer => named(P256, Uint8Array.of(0));
export const dsaLike = (): Buffer => spki(sequence(oid("1.2.840.10040.4.1")), encode(integer(Uint8Array.of(5))));

/** The x coordinate that OpenSSL finds in an encoding of a key of P-256. */
export const coordinateIn = (der: Buffer): string | undefined => createPublicKey({ key: der, format: "der", type: "spki" }).export({ format: "jwk" }).x;
