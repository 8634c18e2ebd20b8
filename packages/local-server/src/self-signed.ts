import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

const DAY = 24 * 60 * 60 * 1000;
const LIFETIME = 30 * DAY;

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
/** [0] and [3], constructed: version and extensions (RFC 5280 §4.1). */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** dNSName of GeneralName (RFC 5280 §4.2.1.6). */
const DNS_NAME = 0x82;

const ECDSA_WITH_SHA256 = "06082a8648ce3d040302";
const COMMON_NAME = "0603550403";
const SUBJECT_ALT_NAME = "0603551d11";

/** DER: tag, length, contents (X.690 §8.1). */
function der(tag: number, ...contents: (Uint8Array | string)[]): Buffer {
  const body = Buffer.concat(contents.map((part) => (typeof part === "string" ? Buffer.from(part, "hex") : part)));
  const length = body.length < 0x80 ? [body.length] : body.length < 0x100 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}

/** YYMMDDhhmmssZ */
const utcTime = (at: number): Buffer => der(UTC_TIME, Buffer.from(`${new Date(at).toISOString().slice(2, 19).replaceAll(/[-:T]/g, "")}Z`));

const pem = (label: string, bytes: Buffer): string => `-----BEGIN ${label}-----\n${bytes.toString("base64").replaceAll(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;

/** Makes a P-256 key and a certificate for these domains, signed by itself, valid from an hour ago for 30 days (RFC 5280). Both in PEM. */
export function selfSigned(domains: readonly string[]): { readonly key: string; readonly cert: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const now = Date.now();
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from("Balcony's local server")))));
  const names = der(SEQUENCE, ...domains.map((domain) => der(DNS_NAME, Buffer.from(domain))));
  const serial = randomBytes(16);
  serial[0] = 0x40 | ((serial[0] ?? 0) & 0x3f); // positive and of full length
  const body = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, "02")),
    der(INTEGER, serial),
    algorithm,
    name,
    der(SEQUENCE, utcTime(now - DAY / 24), utcTime(now + LIFETIME)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(EXTENSIONS, der(SEQUENCE, der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, names)))),
  );
  const cert = der(SEQUENCE, body, algorithm, der(BIT_STRING, "00", sign("sha256", body, privateKey)));
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), cert: pem("CERTIFICATE", cert) };
}
