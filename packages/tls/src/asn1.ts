import { Buffer } from "node:buffer";
import asn1 from "node-forge/lib/asn1.js";

/** One value of ASN.1: its tag class and number, and what it holds. */
export type Asn1 = asn1.Value;

const { UNIVERSAL, CONTEXT_SPECIFIC } = asn1.Class;
const { Type } = asn1;

export const oids = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  extendedKeyUsage: "2.5.29.37",
  anyExtendedKeyUsage: "2.5.29.37.0",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  /** id-on-xmppAddr, RFC 6120 §13.7.1.4. */
  xmppAddr: "1.3.6.1.5.5.7.8.5",
  commonName: "2.5.4.3",
  /** PKCS #9, RFC 2985 §5.4.2. */
  extensionRequest: "1.2.840.113549.1.9.14",
} as const;

const binary = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
const primitive = (type: number, bytes: string): Asn1 => asn1.create(UNIVERSAL, type, false, bytes);

export const sequence = (...values: Asn1[]): Asn1 => asn1.create(UNIVERSAL, Type.SEQUENCE, true, values);
export const set = (...values: Asn1[]): Asn1 => asn1.create(UNIVERSAL, Type.SET, true, values);
export const tagged = (number: number, ...values: Asn1[]): Asn1 => asn1.create(CONTEXT_SPECIFIC, number, true, values);
export const oid = (dotted: string): Asn1 => primitive(Type.OID, asn1.oidToDer(dotted).getBytes());
export const integer = (bytes: Uint8Array): Asn1 => primitive(Type.INTEGER, binary(bytes));
export const octets = (bytes: Uint8Array): Asn1 => primitive(Type.OCTETSTRING, binary(bytes));
/** A value of a tag of its context, in place of the type that it has (IMPLICIT). */
export const implicit = (number: number, bytes: Uint8Array): Asn1 => asn1.create(CONTEXT_SPECIFIC, number, false, binary(bytes));
/** A BIT STRING, the last `unused` bits of its last octet left out. */
export const bits = (bytes: Uint8Array, unused = 0): Asn1 => primitive(Type.BITSTRING, String.fromCharCode(unused) + binary(bytes));
export const utf8 = (text: string): Asn1 => primitive(Type.UTF8, binary(Buffer.from(text, "utf8")));
/** BOOLEAN TRUE; FALSE is nowhere written, being what stands where nothing does. */
export const yes = (): Asn1 => primitive(Type.BOOLEAN, "\xff");
export const nothing = (): Asn1 => primitive(Type.NULL, "");

/** RFC 5280 §4.1.2.5: UTCTime through 2049, whose years begin in 1950, and GeneralizedTime otherwise. */
export function time(date: Date): Asn1 {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050 ? primitive(Type.UTCTIME, text.slice(2)) : primitive(Type.GENERALIZEDTIME, text);
}

export const encode = (value: Asn1): Buffer => Buffer.from(asn1.toDer(value).getBytes(), "latin1");

/** Reads DER, all of it. Throws where it is not the one encoding that DER has for what it says. */
export function decode(der: Uint8Array): Asn1 {
  const value = asn1.fromDer(binary(der), { strict: true, parseAllBytes: true, decodeBitStrings: false });
  if (!encode(value).equals(der)) throw new Error("this is BER, and not DER");
  return value;
}

/** The values within a constructed one. Throws where it is primitive. */
export function within(value: Asn1 | undefined): readonly Asn1[] {
  if (!value || !Array.isArray(value.value)) throw new Error("a constructed value was expected");
  return value.value;
}

/** The content of a primitive value. Throws where it is constructed. */
export function content(value: Asn1 | undefined): Buffer {
  if (!value || typeof value.value !== "string") throw new Error("a primitive value was expected");
  return Buffer.from(value.value, "latin1");
}

export const isTagged = (value: Asn1 | undefined, number: number): value is Asn1 => value?.tagClass === CONTEXT_SPECIFIC && value.type === number;
export const isUniversal = (value: Asn1 | undefined, type: keyof typeof Type): value is Asn1 => value?.tagClass === UNIVERSAL && value.type === Type[type];

/** The values within a SEQUENCE. Throws where it is anything else. */
export function items(value: Asn1 | undefined): readonly Asn1[] {
  if (!isUniversal(value, "SEQUENCE")) throw new Error("a sequence was expected");
  return within(value);
}

/** The dotted form of an OBJECT IDENTIFIER. */
export function readOid(value: Asn1 | undefined): string {
  if (!isUniversal(value, "OID")) throw new Error("an object identifier was expected");
  return asn1.derToOid(content(value).toString("latin1"));
}

/** Reads a UTCTime or GeneralizedTime in the form that RFC 5280 §4.1.2.5 allows: to the second, in GMT. */
export function readTime(value: Asn1 | undefined): Date {
  const text = content(value).toString("latin1");
  const digits = isUniversal(value, "UTCTIME") ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}` : text;
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(digits) ?? [];
  if (parts.length === 0 || !(isUniversal(value, "UTCTIME") || isUniversal(value, "GENERALIZEDTIME"))) throw new Error(`${JSON.stringify(text)} is no time`);
  const [year, month, day, hour, minute, second] = parts;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime()) || date.getUTCDate() !== Number(day)) throw new Error(`${JSON.stringify(text)} is no time`);
  return date;
}
