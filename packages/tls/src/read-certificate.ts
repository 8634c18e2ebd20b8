import type { Buffer } from "node:buffer";
import { type KeyObject, X509Certificate } from "node:crypto";
import { BalconyError } from "@balcony/channel";
import { type Asn1, content, decode, encode, isTagged, isUniversal, items, oids, readOid, readTime, within } from "./asn1.js";
import { acceptableKey, type KeyType, sha256 } from "./public-key.js";
import { readUris, readXmppAddresses } from "./xmpp-addr.js";

/** Bytes of the largest certificate that is looked at. */
const MOST_BYTES = 16 * 1024;
/** The extensions whose meaning is heeded; any other that is critical refuses the certificate (RFC 5280 §4.2). */
const understood: ReadonlySet<string> = new Set([oids.basicConstraints, oids.keyUsage, oids.extendedKeyUsage, oids.subjectAltName]);

/** What a certificate says. Who vouches for it is not looked at: trust hangs on `spki`. */
export interface PeerCertificate {
  readonly der: Uint8Array;
  /** What the peer has sent behind it, as it came: DER, and nobody has looked at it. */
  readonly chain: readonly Uint8Array[];
  /** Does it say that it signed itself? Then nobody else vouches for it. */
  readonly selfIssued: boolean;
  /** SHA-256 of the certificate: 64 lower-case hex digits. Changes with each renewal. */
  readonly fingerprint: string;
  /** SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. What trust hangs on. */
  readonly spki: string;
  readonly keyType: KeyType;
  /** The addresses that it names as id-on-xmppAddr (RFC 6120 §13.7.1.4), in normal form. */
  readonly xmppAddresses: readonly string[];
  /** What else it calls itself, as URIs: nobody has looked at them. */
  readonly uris: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Object identifiers of its extended key usage; undefined where it has none, and so may be used for anything. */
  readonly usages: readonly string[] | undefined;
}

/**
 * Reads a certificate from its DER. Whether it is valid now is not looked at.
 * @throws `certificate-invalid` where it is malformed, `key-unacceptable` where its key is of a kind, size or encoding that is not accepted
 */
export function readCertificate(der: Uint8Array, chain: readonly Uint8Array[] = []): PeerCertificate {
  if (der.length > MOST_BYTES) throw invalid(`it has ${der.length} bytes`);
  const { extensions, notAfter, notBefore, selfIssued, spki } = readOrRefuse("it cannot be read", () => readFields(der));
  const keyType = acceptableKey(spki);
  const x509 = readOrRefuse("it cannot be read", () => new X509Certificate(der));
  const key = readOrRefuse("its key cannot be read", () => x509.publicKey);
  if (!isKeyIn(spki, key)) throw invalid("it is not read alike by OpenSSL");
  if (selfIssued && !readOrRefuse("its signature cannot be read", () => x509.verify(key))) throw invalid("it is not signed by its own key, as it says it is");
  return {
    der,
    chain,
    selfIssued,
    fingerprint: sha256(der),
    spki: sha256(spki),
    keyType,
    notBefore,
    notAfter,
    ...readOrRefuse("an extension is malformed", () => {
      checkKeyUsage(extensions.get(oids.keyUsage));
      const names = extensions.get(oids.subjectAltName);
      return { xmppAddresses: readXmppAddresses(names), uris: readUris(names), usages: readUsages(extensions.get(oids.extendedKeyUsage)) };
    }),
  };
}

interface Fields {
  readonly spki: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Issuer and subject are one: the certificate says that it signs itself. */
  readonly selfIssued: boolean;
  readonly extensions: ReadonlyMap<string, Buffer>;
}

/** RFC 5280 §4.1. */
export function readFields(der: Uint8Array): Fields {
  const [tbs, algorithm, signature, ...more] = items(decode(der));
  if (!isUniversal(signature, "BITSTRING") || more.length > 0) throw new Error("a certificate has three parts");
  const fields = [...items(tbs)];
  const version = isTagged(fields[0], 0) ? readVersion(fields.shift()) : 1;
  const [, signatureAlgorithm, issuer, validity, subject, spki, ...optional] = fields;
  if (!signatureAlgorithm || !algorithm || !encode(signatureAlgorithm).equals(encode(algorithm))) throw new Error("it names two signature algorithms"); // §4.1.1.2
  const [notBefore, notAfter] = items(validity);
  const extensions = optional.find((field) => isTagged(field, 3));
  if (extensions && version !== 3) throw new Error("extensions stand in version 3 only"); // §4.1.2.9
  return {
    spki: encodeSequence(spki),
    notBefore: readTime(notBefore),
    notAfter: readTime(notAfter),
    selfIssued: encodeSequence(issuer).equals(encodeSequence(subject)),
    extensions: readExtensions(extensions),
  };
}

function readVersion(field: Asn1 | undefined): number {
  const [version] = within(field);
  const value = content(version);
  // DER leaves a default out, and version 1 is the default.
  if (!isUniversal(version, "INTEGER") || value.length !== 1 || (value[0] !== 1 && value[0] !== 2)) throw new Error("it has an unknown version");
  return value[0] + 1;
}

function encodeSequence(value: Asn1 | undefined): Buffer {
  if (!isUniversal(value, "SEQUENCE")) throw new Error("a sequence was expected");
  return encode(value);
}

function readExtensions(field: Asn1 | undefined): ReadonlyMap<string, Buffer> {
  const extensions = new Map<string, Buffer>();
  if (!field) return extensions;
  const [list, ...more] = within(field);
  if (more.length > 0 || items(list).length === 0) throw new Error("there is one list of extensions, with at least one in it");
  for (const extension of items(list)) {
    const [name, ...rest] = items(extension);
    const id = readOid(name);
    const value = rest.at(-1);
    const critical = rest.length === 2 && isTrue(rest[0]);
    if (rest.length > 2 || !isUniversal(value, "OCTETSTRING")) throw new Error(`the extension ${id} is malformed`);
    if (extensions.has(id)) throw new Error(`it has the extension ${id} twice`); // §4.2
    if (critical && !understood.has(id)) throw new Error(`it has the critical extension ${id}, which is not understood`); // §4.2
    extensions.set(id, content(value));
  }
  return extensions;
}

// DER leaves FALSE out, being the default, and writes TRUE in one way.
function isTrue(value: Asn1 | undefined): true {
  if (!isUniversal(value, "BOOLEAN") || content(value).toString("hex") !== "ff") throw new Error("a truth value is malformed");
  return true;
}

/** RFC 8446 §4.4.2.2: where key usage is stated, digitalSignature is in it. */
function checkKeyUsage(extension: Buffer | undefined): void {
  if (!extension) return;
  const usage = decode(extension);
  if (!isUniversal(usage, "BITSTRING") || ((content(usage)[1] ?? 0) & 0x80) === 0) throw new Error("its key usage does not allow it to sign");
}

/** RFC 5280 §4.2.1.12. */
function readUsages(extension: Buffer | undefined): readonly string[] | undefined {
  if (!extension) return undefined;
  const usages = items(decode(extension)).map(readOid);
  if (usages.length === 0) throw new Error("its extended key usage is empty");
  return usages;
}

const isKeyIn = (spki: Buffer, key: KeyObject): boolean => key.export({ format: "der", type: "spki" }).equals(spki);

function readOrRefuse<T>(why: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(why, cause); // what the cause says may quote the peer
  }
}

export function invalid(why: string, cause?: unknown): BalconyError {
  return new BalconyError("certificate-invalid", `The certificate: ${why}.`, { cause });
}
