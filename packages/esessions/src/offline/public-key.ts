import { Buffer } from "node:buffer";
import { BalconyError } from "@balcony/channel";
import { type Element, type Jid, xml } from "@balcony/xml";
import type { Crypto, RsaKey } from "../crypto.js";
import { unacceptable } from "../key-value.js";
import { equal, fromBase64, minimal, toBase64, utf8 } from "../octets.js";

export const NS_PUBKEY = "urn:xmpp:pubkey:2";

/** A public key as it is published (XEP-0189). */
export interface PublishedKey {
  readonly key: RsaKey;
  /** Bare address. */
  readonly jid: Jid;
  /** Milliseconds since 1970; to the second on the wire. */
  readonly begin: number;
  readonly end: number;
}

/** Decimal digits of the largest modulus that is accepted, and some. */
const MOST_DIGITS = 2_500;

/** A `<pubkey/>` as the prose of XEP-0189 has it. */
export function writePublicKey(crypto: Crypto, { begin, end, jid, key }: PublishedKey): Element {
  const [from, to] = [dateTime(begin), dateTime(end)];
  const [modulus, exponent] = [decimal(key.modulus), decimal(key.exponent)];
  return xml(
    "pubkey",
    NS_PUBKEY,
    xml("begin", {}, from),
    xml("end", {}, to),
    xml("jid", {}, jid),
    xml(
      "rsakey",
      {},
      xml("modulus", {}, modulus),
      xml("publicExponent", {}, exponent),
      xml("print", { algo: "sha-256" }, toBase64(crypto.sha256(utf8(from + to + jid + modulus + exponent)))),
    ),
  );
}

interface Reading {
  readonly crypto: Crypto;
  /** Whose it must be. */
  readonly jid: Jid;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Reads a SubjectPublicKeyInfo, DER: what the examples of XEP-0189 have in `<key/>`. */
  readonly fromSpki: (der: Uint8Array) => RsaKey | undefined;
}

const bad = (what: string): BalconyError => new BalconyError("key-unacceptable", `A published key breaks XEP-0189: ${what}.`, { phase: "trust" });

/**
 * Reads a `<pubkey/>`: with `<rsakey/>`, as the prose and the schema have it, or with `<key/>`, as the examples do. Whose it really is nobody knows from this.
 * @throws `key-unacceptable`, `address-mismatch`, `expired`
 */
export function readPublicKey(pubkey: Element, { crypto, fromSpki, jid, now }: Reading): RsaKey {
  const text = (parent: Element, name: string): string => {
    const [child, second] = parent.getChildren(name);
    if (!child || second) throw bad(`not one <${name}/>`);
    return child.getText().replace(/[ \t\r\n]+/g, "");
  };
  const [begin, end, owner] = [text(pubkey, "begin"), text(pubkey, "end"), text(pubkey, "jid")];
  const rsakey = pubkey.getChild("rsakey");
  const key = rsakey ? fromDecimals(text(rsakey, "modulus"), text(rsakey, "publicExponent")) : fromSpki(fromBase64(text(pubkey, "key")) ?? new Uint8Array());
  if (!key) throw bad("no RSA key");
  const fault = unacceptable(key);
  if (fault) throw bad(fault);
  if (rsakey) {
    const print = crypto.sha256(utf8(begin + end + owner + decimal(key.modulus) + decimal(key.exponent)));
    if ((rsakey.getChild("print")?.attrs.algo ?? "sha-256") === "sha-256" && !isPrint(text(rsakey, "print"), print)) throw bad("the fingerprint is of something else");
  }
  if (owner !== jid) throw new BalconyError("address-mismatch", `A key was published for ${jid} that names another address.`, { phase: "trust" });
  const [from, to] = [Date.parse(begin), Date.parse(end)];
  if (!DATE_TIME.test(begin) || !DATE_TIME.test(end) || Number.isNaN(from) || Number.isNaN(to) || from > to) throw bad("its dates are no period");
  if (now < from || now > to) throw new BalconyError("expired", `A key of ${jid} is not valid now.`, { phase: "trust" });
  return key;
}

/** XEP-0082. The examples leave the zone out; then it is UTC, as the text says. */
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

export const dateTime = (milliseconds: number): string => `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;

/** Milliseconds since 1970, or NaN for what is no XEP-0082 DateTime. */
export const readDateTime = (text: string): number => (DATE_TIME.test(text) ? Date.parse(text) : Number.NaN);

const decimal = (integer: Uint8Array): string => BigInt(`0x${Buffer.from(integer).toString("hex") || "0"}`).toString();

function fromDecimals(modulus: string, exponent: string): RsaKey | undefined {
  const [n, e] = [octetsOf(modulus), octetsOf(exponent)];
  return n && e ? { modulus: n, exponent: e } : undefined;
}

function octetsOf(digits: string): Uint8Array | undefined {
  if (!/^[1-9][0-9]*$/.test(digits) || digits.length > MOST_DIGITS) return undefined;
  const hex = BigInt(digits).toString(16);
  return minimal(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex"));
}

/** In base64, as the prose has it, or in hexadecimal, as the examples do. */
function isPrint(text: string, print: Uint8Array): boolean {
  const value = /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, "hex") : fromBase64(text);
  return value !== undefined && equal(value, print);
}
