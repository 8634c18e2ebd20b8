import { BalconyError } from "@balcony/channel";
import { malformedTable, type Row, type Rule } from "@balcony/test-kit";
import asn1 from "node-forge/lib/asn1.js";
import { expect, it } from "vitest";
import { type Asn1, bits, decode, encode, integer, nothing, octets, oid, oids, sequence, set, tagged, utf8, within, yes } from "../src/asn1.js";
import { readCertificate } from "../src/index.js";
import { xmppAddr } from "../src/xmpp-addr.js";
import { altNames, buildCertificate, ecdsa, extension, key, keyUsage, name, usages } from "./build-certificate.js";

const rules: readonly Rule[] = [
  { section: "RFC 5280 §4.1", text: "A certificate is DER, and a sequence of three parts" },
  { section: "RFC 5280 §4.1.1.2", text: "signatureAlgorithm MUST contain the same algorithm identifier as the signature field" },
  { section: "RFC 5280 §4.1.2.1", text: "When extensions are used, version MUST be 3" },
  { section: "RFC 5280 §4.1.2.5.1", text: "UTCTime MUST be expressed in GMT and MUST include seconds" },
  { section: "RFC 5280 §4.1.2.5.2", text: "GeneralizedTime MUST be in GMT, MUST include seconds and MUST NOT include fractional seconds" },
  { section: "RFC 5280 §4.1.2.9", text: "Extensions are one sequence of one or more" },
  { section: "RFC 5280 §4.2 a", text: "A certificate MUST NOT include more than one instance of a particular extension" },
  { section: "RFC 5280 §4.2 b", text: "A critical extension that is not recognised MUST reject the certificate" },
  { section: "RFC 5280 §4.2.1.3", text: "Where keyUsage appears at least one bit MUST be set" },
  { section: "RFC 5280 §4.2.1.6", text: "Where subjectAltName is present the sequence MUST contain at least one entry" },
  { section: "RFC 5280 §4.2.1.12", text: "extKeyUsage is a sequence of one or more key purposes" },
  { section: "RFC 5280 §6.1.3", text: "The signature is that of the issuer's key" },
  { section: "RFC 6120 §13.7.1.4", text: "An xmppAddr is one UTF8String that holds an XMPP address" },
  { section: "RFC 8446 §4.4.2.2", text: "If keyUsage is present, digitalSignature MUST be set" },
  { section: "X.690 §8.1.3", text: "What an encoding says of its length is so" },
  { section: "X.690 §8.3.2", text: "An integer has the fewest octets" },
  { section: "X.690 §10.1", text: "DER: lengths in the fewest octets, and definite" },
  { section: "X.690 §11.1", text: "DER: TRUE is FF" },
  { section: "X.690 §11.5", text: "DER: what is the default is left out" },
  { section: "security.md, The TLS channel", text: "A certificate of more than 16 KiB is not looked at" },
];

const good = buildCertificate();
const raw = (type: keyof typeof asn1.Type, text: string): Asn1 => asn1.create(asn1.Class.UNIVERSAL, asn1.Type[type], false, text);
const until = (notAfter: Asn1): Buffer => buildCertificate({ validity: sequence(raw("UTCTIME", "200101000000Z"), notAfter) });
const unknown = (...critical: Asn1[]): Buffer => buildCertificate({ extensions: [extension("1.2.3.4", Buffer.of(5, 0), ...critical)] });
const named = (...names: Asn1[]): Buffer => buildCertificate({ extensions: [altNames(...names)] });
const address = (bytes: string | Uint8Array): Asn1 => tagged(0, oid(oids.xmppAddr), tagged(0, raw("UTF8", Buffer.from(bytes as string).toString("latin1"))));
/** The outermost sequence with other octets for its length. */
const withLength = (...length: number[]): Buffer => Buffer.concat([Buffer.of(0x30), Buffer.from(length), good.subarray(4)]);
const outer = good.length - 4;
const huge = buildCertificate({ extensions: [altNames(xmppAddr("romeo@montague.lit")), extension("1.2.3.4", Buffer.alloc(16 * 1024))] });
const signedByAnother = buildCertificate({ signature: () => bits(Buffer.from("3006020101020101", "hex")) });

const invalid = "certificate-invalid";
const structure = "RFC 5280 §4.1";
const rows: readonly Row<Uint8Array>[] = [
  { name: "no bytes at all", breaks: structure, input: Buffer.alloc(0), code: invalid },
  { name: "text", breaks: structure, input: Buffer.from("-----BEGIN CERTIFICATE-----"), code: invalid },
  { name: "an integer", breaks: structure, input: encode(integer(Uint8Array.of(1))), code: invalid },
  { name: "an empty sequence", breaks: structure, input: encode(sequence()), code: invalid },
  { name: "a set instead of a sequence", breaks: structure, input: encode(set(...within(decode(good)))), code: invalid },
  { name: "no signature", breaks: structure, input: encode(sequence(...within(decode(good)).slice(0, 2))), code: invalid },
  { name: "a fourth part", breaks: structure, input: buildCertificate({ more: [nothing()] }), code: invalid },
  { name: "a signature that is no bit string", breaks: structure, input: buildCertificate({ signature: octets }), code: invalid },
  { name: "an issuer that is no sequence", breaks: structure, input: buildCertificate({ issuer: nothing() }), code: invalid },
  { name: "a subject that is no name", breaks: structure, input: buildCertificate({ issuer: name("y"), subject: sequence(nothing()) }), code: invalid },
  { name: "a serial number that is no integer", breaks: structure, input: buildCertificate({ serial: utf8("1") }), code: invalid },
  { name: "a key that is no sequence", breaks: structure, input: buildCertificate({ spki: nothing() }), code: invalid },
  { name: "a second certificate behind it", breaks: structure, input: Buffer.concat([good, good]), code: invalid },
  { name: "one byte behind it", breaks: structure, input: Buffer.concat([good, Buffer.of(0)]), code: invalid },
  { name: "200 levels of nesting", breaks: structure, input: nested(200), code: invalid },
  { name: "5,000 levels of nesting", breaks: structure, input: nested(5000), code: invalid },

  { name: "another algorithm outside", breaks: "RFC 5280 §4.1.1.2", input: buildCertificate({ outerAlgorithm: sequence(oid("1.2.840.10045.4.3.3")) }), code: invalid },
  { name: "parameters outside and none inside", breaks: "RFC 5280 §4.1.1.2", input: buildCertificate({ outerAlgorithm: sequence(...within(ecdsa), nothing()) }), code: invalid },

  { name: "extensions in version 2", breaks: "RFC 5280 §4.1.2.1", input: buildCertificate({ version: [tagged(0, integer(Uint8Array.of(1)))] }), code: invalid },
  { name: "extensions in version 1", breaks: "RFC 5280 §4.1.2.1", input: buildCertificate({ version: [] }), code: invalid },
  { name: "version 4", breaks: "RFC 5280 §4.1.2.1", input: buildCertificate({ version: [tagged(0, integer(Uint8Array.of(3)))] }), code: invalid },
  { name: "a version that is no integer", breaks: "RFC 5280 §4.1.2.1", input: buildCertificate({ version: [tagged(0, octets(Uint8Array.of(2)))] }), code: invalid },

  { name: "without seconds", breaks: "RFC 5280 §4.1.2.5.1", input: until(raw("UTCTIME", "4001010000Z")), code: invalid },
  { name: "with an offset", breaks: "RFC 5280 §4.1.2.5.1", input: until(raw("UTCTIME", "400101000000+0100")), code: invalid },
  { name: "without a zone", breaks: "RFC 5280 §4.1.2.5.1", input: until(raw("UTCTIME", "400101000000")), code: invalid },
  { name: "on the 30th of February", breaks: "RFC 5280 §4.1.2.5.1", input: until(raw("UTCTIME", "400230000000Z")), code: invalid },
  { name: "in the 13th month", breaks: "RFC 5280 §4.1.2.5.1", input: until(raw("UTCTIME", "401301000000Z")), code: invalid },
  { name: "with a year of four digits", breaks: "RFC 5280 §4.1.2.5.1", input: until(raw("UTCTIME", "20400101000000Z")), code: invalid },
  { name: "an end that is no time", breaks: "RFC 5280 §4.1.2.5.1", input: until(utf8("400101000000Z")), code: invalid },
  { name: "no end", breaks: "RFC 5280 §4.1.2.5.1", input: buildCertificate({ validity: sequence(raw("UTCTIME", "200101000000Z")) }), code: invalid },
  { name: "with a fraction", breaks: "RFC 5280 §4.1.2.5.2", input: until(raw("GENERALIZEDTIME", "20600101000000.5Z")), code: invalid },
  { name: "without seconds", breaks: "RFC 5280 §4.1.2.5.2", input: until(raw("GENERALIZEDTIME", "206001010000Z")), code: invalid },
  { name: "in local time", breaks: "RFC 5280 §4.1.2.5.2", input: until(raw("GENERALIZEDTIME", "20600101000000")), code: invalid },
  { name: "with a year of two digits", breaks: "RFC 5280 §4.1.2.5.2", input: until(raw("GENERALIZEDTIME", "600101000000Z")), code: invalid },

  { name: "an empty list", breaks: "RFC 5280 §4.1.2.9", input: buildCertificate({ extensions: [] }), code: invalid },
  { name: "two lists", breaks: "RFC 5280 §4.1.2.9", input: buildCertificate({ optional: [tagged(3, sequence(altNames(xmppAddr("a@b.lit"))), sequence())] }), code: invalid },
  { name: "no list", breaks: "RFC 5280 §4.1.2.9", input: buildCertificate({ optional: [tagged(3)] }), code: invalid },
  { name: "a second [3]", breaks: "RFC 5280 §4.1.2.9", input: buildCertificate({ optional: [list(usages(oids.clientAuth)), list(altNames(xmppAddr("a@b.lit")))] }), code: invalid },
  { name: "something behind [3]", breaks: "RFC 5280 §4.1.2.9", input: buildCertificate({ optional: [list(altNames(xmppAddr("a@b.lit"))), nothing()] }), code: invalid },
  { name: "an extension without a value", breaks: "RFC 5280 §4.1.2.9", input: buildCertificate({ extensions: [sequence(oid("1.2.3.4"))] }), code: invalid },
  {
    name: "an extension of four parts",
    breaks: "RFC 5280 §4.1.2.9",
    input: buildCertificate({ extensions: [sequence(oid("1.2.3.4"), yes(), octets(Buffer.of(5, 0)), nothing())] }),
    code: invalid,
  },
  {
    name: "a value that is no octet string",
    breaks: "RFC 5280 §4.1.2.9",
    input: buildCertificate({ extensions: [sequence(oid("1.2.3.4"), bits(Buffer.of(5, 0)))] }),
    code: invalid,
  },
  {
    name: "a name that is no identifier",
    breaks: "RFC 5280 §4.1.2.9",
    input: buildCertificate({ extensions: [sequence(utf8("1.2.3.4"), octets(Buffer.of(5, 0)))] }),
    code: invalid,
  },

  {
    name: "two subjectAltNames, the second of somebody else",
    breaks: "RFC 5280 §4.2 a",
    input: buildCertificate({ extensions: [altNames(xmppAddr("a@b.lit")), altNames(xmppAddr("c@d.lit"))] }),
    code: invalid,
  },
  {
    name: "the same extension twice",
    breaks: "RFC 5280 §4.2 a",
    input: buildCertificate({ extensions: [extension("1.2.3.4", Buffer.of(5, 0)), extension("1.2.3.4", Buffer.of(5, 0))] }),
    code: invalid,
  },
  { name: "an unknown critical extension", breaks: "RFC 5280 §4.2 b", input: unknown(yes()), code: invalid },
  { name: "critical name constraints", breaks: "RFC 5280 §4.2 b", input: buildCertificate({ extensions: [extension("2.5.29.30", encode(sequence()), yes())] }), code: invalid },

  { name: "no bit set", breaks: ["RFC 5280 §4.2.1.3", "RFC 8446 §4.4.2.2"], input: buildCertificate({ extensions: [keyUsage(0)] }), code: invalid },
  { name: "no octet", breaks: "RFC 5280 §4.2.1.3", input: buildCertificate({ extensions: [extension(oids.keyUsage, encode(bits(Buffer.alloc(0))), yes())] }), code: invalid },
  {
    name: "no bit string",
    breaks: "RFC 5280 §4.2.1.3",
    input: buildCertificate({ extensions: [extension(oids.keyUsage, encode(octets(Buffer.of(0x80))), yes())] }),
    code: invalid,
  },
  { name: "for key agreement alone", breaks: "RFC 8446 §4.4.2.2", input: buildCertificate({ extensions: [keyUsage(0x08)] }), code: invalid },
  { name: "for signing certificates alone", breaks: "RFC 8446 §4.4.2.2", input: buildCertificate({ extensions: [keyUsage(0x04)] }), code: invalid },

  { name: "without an entry", breaks: "RFC 5280 §4.2.1.6", input: named(), code: invalid },
  { name: "no sequence", breaks: "RFC 5280 §4.2.1.6", input: buildCertificate({ extensions: [extension(oids.subjectAltName, encode(xmppAddr("a@b.lit")))] }), code: invalid },
  {
    name: "bytes that are no ASN.1",
    breaks: "RFC 5280 §4.2.1.6",
    input: buildCertificate({ extensions: [extension(oids.subjectAltName, Buffer.from("a@b.lit"))] }),
    code: invalid,
  },
  { name: "without a purpose", breaks: "RFC 5280 §4.2.1.12", input: buildCertificate({ extensions: [usages()] }), code: invalid },
  {
    name: "a purpose that is no identifier",
    breaks: "RFC 5280 §4.2.1.12",
    input: buildCertificate({ extensions: [extension(oids.extendedKeyUsage, encode(sequence(utf8("clientAuth"))))] }),
    code: invalid,
  },
  {
    name: "a purpose that is not in a sequence",
    breaks: "RFC 5280 §4.2.1.12",
    input: buildCertificate({ extensions: [extension(oids.extendedKeyUsage, encode(oid(oids.clientAuth)))] }),
    code: invalid,
  },

  { name: "self-issued, and signed by nobody", breaks: "RFC 5280 §6.1.3", input: signedByAnother, code: invalid },
  { name: "self-issued, and one byte changed", breaks: "RFC 5280 §6.1.3", input: tampered(), code: invalid },
  { name: "self-issued, with an unknown algorithm", breaks: "RFC 5280 §6.1.3", input: buildCertificate({ innerAlgorithm: sequence(oid("1.2.3.4")) }), code: invalid },

  ...(
    [
      ["an IA5String", tagged(0, oid(oids.xmppAddr), tagged(0, asn1.create(asn1.Class.UNIVERSAL, 22, false, "a@b.lit")))],
      ["an octet string", tagged(0, oid(oids.xmppAddr), tagged(0, octets(Buffer.from("a@b.lit"))))],
      ["two strings", tagged(0, oid(oids.xmppAddr), tagged(0, utf8("a@b.lit"), utf8("c@d.lit")))],
      ["two values", tagged(0, oid(oids.xmppAddr), tagged(0, utf8("a@b.lit")), tagged(0, utf8("c@d.lit")))],
      ["a value without its tag", tagged(0, oid(oids.xmppAddr), utf8("a@b.lit"))],
      ["no value", tagged(0, oid(oids.xmppAddr))],
      ["an otherName without a type", tagged(0, tagged(0, utf8("a@b.lit")))],
      ["bytes that are not UTF-8", address(Buffer.of(0x61, 0xff, 0x40, 0x62))],
      ["an overlong NUL", address(Buffer.of(0x61, 0xc0, 0x80, 0x40, 0x62))],
      ["half a surrogate pair", address(Buffer.of(0xed, 0xa0, 0x80, 0x40, 0x62))],
      ["a NUL within", address("romeo@montague.lit\0.evil.lit")],
      ["a NUL at the end", address("romeo@montague.lit\0")],
      ["a byte order mark", address("\ufeffromeo@montague.lit")],
      ["nothing", address("")],
      ["a localpart alone", address("romeo@")],
      ["a domain with a space", address("romeo@montague lit")],
      ["a line break", address("romeo@montague.lit\n")],
      ["two at signs", address("romeo@montague@lit")],
      ["a part of 1,100 bytes", address(`${"a".repeat(1100)}@montague.lit`)],
      ["a text that turns direction", address("romeo\u202e@montague.lit")],
    ] as const
  ).map(([what, input]) => ({ name: what, breaks: "RFC 6120 §13.7.1.4", input: named(input), code: invalid })),
  { name: "a good one before a bad one", breaks: "RFC 6120 §13.7.1.4", input: named(xmppAddr("romeo@montague.lit"), address("\0")), code: invalid },

  { name: "cut in the middle", breaks: "X.690 §8.1.3", input: good.subarray(0, good.length / 2), code: invalid },
  { name: "one byte short", breaks: "X.690 §8.1.3", input: good.subarray(0, -1), code: invalid },
  { name: "a length of 2 GiB", breaks: "X.690 §8.1.3", input: Buffer.concat([Buffer.of(0x30, 0x84, 0x7f, 0xff, 0xff, 0xff), good.subarray(4)]), code: invalid },
  { name: "a length of 2⁶⁴", breaks: "X.690 §8.1.3", input: Buffer.concat([Buffer.of(0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0), good.subarray(4)]), code: invalid },
  { name: "a length in one octet too many", breaks: "X.690 §10.1", input: withLength(0x83, 0, outer >> 8, outer & 0xff), code: invalid },
  { name: "an indefinite length", breaks: "X.690 §10.1", input: Buffer.concat([Buffer.of(0x30, 0x80), good.subarray(4), Buffer.of(0, 0)]), code: invalid },
  { name: "an integer with a needless zero", breaks: "X.690 §8.3.2", input: withNeedlessZero(), code: invalid },
  { name: "TRUE as 01", breaks: "X.690 §11.1", input: unknown(raw("BOOLEAN", "\x01")), code: invalid },
  { name: "TRUE of two octets", breaks: "X.690 §11.1", input: unknown(raw("BOOLEAN", "\xff\xff")), code: invalid },
  { name: "FALSE where it is the default", breaks: "X.690 §11.5", input: unknown(raw("BOOLEAN", "\x00")), code: invalid },
  {
    name: "version 1 where it is the default",
    breaks: "X.690 §11.5",
    input: buildCertificate({ version: [tagged(0, integer(Uint8Array.of(0)))], extensions: undefined }),
    code: invalid,
  },

  { name: "a little more than 16 KiB", breaks: "security.md, The TLS channel", input: huge, code: invalid },
];

function nested(levels: number): Buffer {
  let der = encode(nothing());
  for (let level = 0; level < levels && der.length < 16_000; level++) der = wrapped(der);
  return der;
}

function wrapped(der: Buffer): Buffer {
  if (der.length < 0x80) return Buffer.concat([Buffer.of(0x30, der.length), der]);
  if (der.length < 0x100) return Buffer.concat([Buffer.of(0x30, 0x81, der.length), der]);
  return Buffer.concat([Buffer.of(0x30, 0x82, der.length >> 8, der.length & 0xff), der]);
}

/** The version as 02 02 00 02, the lengths around it made right. */
function withNeedlessZero(): Buffer {
  const der = Buffer.concat([good.subarray(0, 8), Buffer.of(0xa0, 4, 2, 2, 0, 2), good.subarray(13)]);
  for (const at of [2, 6]) der.writeUInt16BE(good.readUInt16BE(at) + 1, at);
  return der;
}

function list(...extensions: Asn1[]): Asn1 {
  return tagged(3, sequence(...extensions));
}

/** The address replaced by one of the same length, under the old signature. */
function tampered(): Buffer {
  const der = Buffer.from(buildCertificate({ privateKey: key }));
  der.write("fabio", der.indexOf("romeo"));
  return der;
}

malformedTable("a malformed certificate", {
  rules,
  rows,
  run: (der) => {
    try {
      readCertificate(der);
      return "accepted";
    } catch (error) {
      if (error instanceof BalconyError) return error.code;
      throw error;
    }
  },
});

it("what the table changes is right where nothing is changed", () => {
  expect(readCertificate(good).xmppAddresses).toEqual(["romeo@montague.lit"]);
  expect(readCertificate(named(address("Romeo@Montague.lit"), xmppAddr("fabio@montague.lit"))).xmppAddresses).toEqual(["romeo@montague.lit", "fabio@montague.lit"]);
  expect(readCertificate(until(raw("GENERALIZEDTIME", "20600101000000Z"))).notAfter.toISOString()).toBe("2060-01-01T00:00:00.000Z");
  expect(readCertificate(until(raw("UTCTIME", "500101000000Z"))).notAfter.toISOString()).toBe("1950-01-01T00:00:00.000Z");
  expect(readCertificate(buildCertificate({ version: [], extensions: undefined })).xmppAddresses).toEqual([]);
  expect(readCertificate(unknown()).usages).toBeUndefined();
});
