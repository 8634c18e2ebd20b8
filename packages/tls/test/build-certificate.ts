import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { type Asn1, bits, decode, encode, integer, octets, oid, oids, sequence, set, tagged, time, utf8, yes } from "../src/asn1.js";
import { xmppAddr } from "../src/xmpp-addr.js";

export const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
export const spkiOf = (privateKey: KeyObject): Buffer => createPublicKey(privateKey).export({ format: "der", type: "spki" });

export const ecdsa = sequence(oid("1.2.840.10045.4.3.2"));
export const name = (text: string): Asn1 => sequence(set(sequence(oid(oids.commonName), utf8(text))));

/** One extension; `critical` is what stands between its name and its value. */
export const extension = (id: string, value: Buffer, ...critical: Asn1[]): Asn1 => sequence(oid(id), ...critical, octets(value));
export const altNames = (...names: Asn1[]): Asn1 => extension(oids.subjectAltName, encode(sequence(...names)));
export const usages = (...ids: string[]): Asn1 => extension(oids.extendedKeyUsage, encode(sequence(...ids.map(oid))));
export const keyUsage = (...octet: number[]): Asn1 => extension(oids.keyUsage, encode(bits(Uint8Array.from(octet), 1)), yes());

export interface Parts {
  readonly privateKey: KeyObject;
  readonly version: readonly Asn1[];
  readonly serial: Asn1;
  readonly innerAlgorithm: Asn1;
  readonly outerAlgorithm: Asn1;
  readonly issuer: Asn1;
  readonly subject: Asn1;
  readonly validity: Asn1;
  readonly spki: Asn1;
  /** The list within [3]; undefined leaves it out. */
  readonly extensions: readonly Asn1[] | undefined;
  /** What stands in the place of [3], where it is not a list of extensions. */
  readonly optional: readonly Asn1[] | undefined;
  readonly signature: (tbs: Buffer) => Asn1;
  readonly more: readonly Asn1[];
}

const DAY = 24 * 60 * 60 * 1000;

/** A certificate that is right in all but what `parts` says otherwise. */
export function buildCertificate(parts: Partial<Parts> = {}): Buffer {
  const privateKey = parts.privateKey ?? key;
  const { extensions = [altNames(xmppAddr("romeo@montague.lit"))] } = parts;
  const tbs = sequence(
    ...(parts.version ?? [tagged(0, integer(Uint8Array.of(2)))]),
    parts.serial ?? integer(Uint8Array.of(1)),
    parts.innerAlgorithm ?? ecdsa,
    parts.issuer ?? name("x"),
    parts.validity ?? sequence(time(new Date(Date.now() - DAY)), time(new Date(Date.now() + DAY))),
    parts.subject ?? name("x"),
    parts.spki ?? decode(spkiOf(privateKey)),
    ...(parts.optional ?? ("extensions" in parts && parts.extensions === undefined ? [] : [tagged(3, sequence(...extensions))])),
  );
  const signature = parts.signature ?? ((bytes: Buffer) => bits(sign("sha256", bytes, privateKey)));
  return encode(sequence(tbs, parts.outerAlgorithm ?? parts.innerAlgorithm ?? ecdsa, signature(encode(tbs)), ...(parts.more ?? [])));
}
