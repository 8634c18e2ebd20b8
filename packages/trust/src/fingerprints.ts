import { BalconyError } from "@balcony/channel";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { type BareJid, type DirectHow, isSpki } from "./record.js";
import { readBareAddress, splitXmppUri } from "./xmpp-uri.js";

/** A whole fingerprint, as a person has typed, pasted or scanned it. */
export interface GivenFingerprint {
  /** SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. */
  readonly spki: string;
  /** Whose it is, where it says so: a bare address in normal form. */
  readonly address?: BareJid;
  /** By what name a verification with it is recorded. */
  readonly how: DirectHow;
}

const QUERY = "balcony-fingerprint";

/** For reading and comparing: eight groups of eight hex digits. */
export function formatFingerprint(spki: string): string {
  return (checked(spki).match(/.{8}/gu) ?? []).join(" ");
}

/** For reading aloud: 24 words of BIP 39's English list, the last of which checks the others. They are as public as the fingerprint. */
export function fingerprintWords(spki: string): readonly string[] {
  const bytes = Uint8Array.from(checked(spki).match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
  return entropyToMnemonic(bytes, wordlist).split(" ");
}

/** For a QR code: `xmpp:juliet@capulet.lit?balcony-fingerprint;spki=…` (XEP-0147). `address` is bare and in normal form. */
export function fingerprintUri(address: BareJid, spki: string): string {
  const path = address.split("@").map(encodeURIComponent).join("@");
  return `xmpp:${path}?${QUERY};spki=${checked(spki)}`;
}

/**
 * Reads a fingerprint in any of its forms: 64 hex digits in either case, with spaces and colons or without; its 24 words; its URI. It must be whole: what
 * is too short is refused, never compared as a prefix.
 * @param options `normalize` brings the address in a URI to its normal form: @balcony/xml's
 * @throws `invalid-argument` for what is no whole fingerprint, `invalid-jid` for a URI whose address is none
 */
export function parseFingerprint(text: string, { normalize }: { readonly normalize: (address: string) => string }): GivenFingerprint {
  const trimmed = text.trim();
  if (/^xmpp:/iu.test(trimmed)) return parseUri(trimmed, normalize);
  if (/^[a-z]+(\s+[a-z]+){23}$/iu.test(trimmed)) return { spki: parseWords(trimmed), how: "fingerprint" };
  const spki = trimmed.replace(/[\s:]/gu, "").toLowerCase();
  if (!isSpki(spki)) throw unusable("64 hex digits, 24 words or an xmpp: URI are wanted, and all of them");
  return { spki, how: "fingerprint" };
}

/**
 * Is this the fingerprint of that key of that address? `other-address`: it is somebody else's, and says nothing about this key.
 * @param key `peer` is bare and in normal form, `spki` that of the key which the peer has proved to hold
 */
export function compareFingerprint(given: GivenFingerprint, key: { readonly peer: BareJid; readonly spki: string }): "same" | "different" | "other-address" {
  if (given.address !== undefined && given.address !== key.peer) return "other-address";
  return isSpki(given.spki) && equal(given.spki, key.spki) ? "same" : "different";
}

function parseUri(text: string, normalize: (address: string) => string): GivenFingerprint {
  const uri = splitXmppUri(text);
  if (!uri) throw unusable("the URI has no bare address, or nothing behind it");
  const values = uri.pairs.filter((pair) => pair.startsWith("spki="));
  if (uri.type !== QUERY || values.length !== 1) throw unusable("the URI holds no fingerprint, or more than one");
  const spki = (values[0] ?? "").slice("spki=".length).toLowerCase();
  if (!isSpki(spki)) throw unusable("the URI's fingerprint is not 64 hex digits");
  return { spki, address: readBareAddress(uri.path, normalize), how: "qr" };
}

function parseWords(text: string): string {
  try {
    const bytes = mnemonicToEntropy(text.toLowerCase().split(/\s+/u).join(" "), wordlist);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch (error) {
    throw unusable("one of the words is wrong", error);
  }
}

function checked(spki: string): string {
  if (!isSpki(spki)) throw unusable("64 lower-case hex digits are wanted");
  return spki;
}

function unusable(why: string, cause?: unknown): BalconyError {
  return new BalconyError("invalid-argument", `That is no whole fingerprint: ${why}.`, {
    phase: "trust",
    hint: "Compare the fingerprint from its first to its last character.",
    cause,
  });
}

/** Takes the same time wherever the first difference is. */
function equal(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= a.charCodeAt(index) ^ b.charCodeAt(index);
  return difference === 0;
}
