import type { Buffer } from "node:buffer";
import { createHash, type KeyObject, randomBytes, sign } from "node:crypto";
import { type Asn1, bits, content, decode, encode, integer, items, nothing, octets, oid, oids, sequence, set, tagged, time, utf8, yes } from "./asn1.js";
import type { KeyType } from "./public-key.js";
import { uriName, xmppAddr } from "./xmpp-addr.js";

/** How each kind of key signs (RFC 5758 §3.2, RFC 8410 §3, RFC 4055 §5). */
export const signatures: Readonly<Record<KeyType, { readonly algorithm: string; readonly hash: string | null; readonly parameters: readonly Asn1[] }>> = {
  "P-256": { algorithm: "1.2.840.10045.4.3.2", hash: "sha256", parameters: [] },
  "P-384": { algorithm: "1.2.840.10045.4.3.3", hash: "sha384", parameters: [] },
  "P-521": { algorithm: "1.2.840.10045.4.3.4", hash: "sha512", parameters: [] },
  Ed25519: { algorithm: "1.3.101.112", hash: null, parameters: [] },
  RSA: { algorithm: "1.2.840.113549.1.1.11", hash: "sha256", parameters: [nothing()] },
};

interface Content {
  readonly address: string;
  readonly privateKey: KeyObject;
  readonly keyType: KeyType;
  readonly spki: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Further names, as URIs. */
  readonly uris: readonly string[];
}

/** A self-signed certificate of X.509 version 3 (RFC 5280 §4.1), in DER. */
export function selfSigned({ address, privateKey, keyType, spki, notBefore, notAfter, uris }: Content): Buffer {
  const { algorithm, hash, parameters } = signatures[keyType];
  const signature = sequence(oid(algorithm), ...parameters);
  // RFC 6120 §13.7.1.1 wants a subject; who it is stands in the subjectAltName alone.
  const name = sequence(set(sequence(oid(oids.commonName), utf8("Balcony"))));
  const tbs = sequence(
    tagged(0, integer(Uint8Array.of(2))), // version 3
    integer(serialNumber()),
    signature,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    decode(spki),
    tagged(3, sequence(...extensions(address, spki, uris))),
  );
  return encode(sequence(tbs, signature, bits(sign(hash, encode(tbs), privateKey))));
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets, and in the shortest form. */
function serialNumber(): Uint8Array {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

function extensions(address: string, spki: Buffer, uris: readonly string[]): Asn1[] {
  return [
    sequence(oid(oids.basicConstraints), yes(), octets(encode(sequence()))),
    sequence(oid(oids.keyUsage), yes(), octets(encode(bits(Uint8Array.of(0x80), 7)))), // digitalSignature
    sequence(oid(oids.extendedKeyUsage), octets(encode(sequence(oid(oids.serverAuth), oid(oids.clientAuth))))),
    sequence(oid(oids.subjectKeyIdentifier), octets(encode(octets(keyIdentifier(spki))))),
    sequence(oid(oids.subjectAltName), octets(encode(sequence(xmppAddr(address), ...uris.map(uriName))))),
  ];
}

/** RFC 7093 §2 method 1: the first 160 bits of the SHA-256 of the key, without its algorithm. */
function keyIdentifier(spki: Buffer): Buffer {
  const [, key] = items(decode(spki));
  return createHash("sha256").update(content(key).subarray(1)).digest().subarray(0, 20);
}
