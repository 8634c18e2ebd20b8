import { BalconyError } from "@balcony/channel";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { hashFields } from "../ceremony/fields.js";
import type { BareJid } from "../record.js";
import { readBareAddress, splitXmppUri } from "../xmpp-uri.js";

/** A secret that two people share to verify each other once, in its canonical form. */
export interface Code {
  /** `ridge-lemon-4020`, or 32 lower-case hex digits. */
  readonly text: string;
  /** Bits that whoever guesses has to guess: 31.8 of words, 128 of a scanned secret. */
  readonly entropy: number;
  /** Whose invitation it is, where it says so: a bare address in normal form. */
  readonly address?: BareJid;
}

/** Words in the list: BIP 39's English one, whose words all differ in their first four letters. */
const WORDS = wordlist.length;
const [FIRST_NUMBER, NUMBERS] = [100, 900];
/** What a code of two words and a number has to be guessed from: 2048 × 2048 × 900. The last digit only checks the rest. */
export const CODES = WORDS * WORDS * NUMBERS;
export const CODE_BITS = Math.log2(CODES);
const SECRET_BYTES = 16;
const SECRET = /^[0-9a-f]{32}$/u;
const QUERY = "balcony-code";

/**
 * A code for people: two words and a number, whose last digit checks the rest.
 * @param random fills the bytes given with random ones, from a cryptographic source
 */
export function wordCode(random: (bytes: Uint8Array) => Uint8Array): Code {
  const below = (limit: number): number => uniform(random, limit);
  return fromParts(wordlist[below(WORDS)] ?? "", wordlist[below(WORDS)] ?? "", FIRST_NUMBER + below(NUMBERS));
}

/** A code for machines, shown by one as a QR code and scanned by the other: 128 bits. */
export function secretCode(random: (bytes: Uint8Array) => Uint8Array): Code {
  const bytes = random(new Uint8Array(SECRET_BYTES));
  return { text: Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""), entropy: SECRET_BYTES * 8 };
}

/** What goes into CPace as PRS: the canonical form's bytes. */
export const codeBytes = ({ text }: Code): Uint8Array => utf8ToBytes(text);

/** What is kept of a code that was used. */
export function spentHash({ text }: Code): string {
  return Array.from(hashFields("balcony-code-spent-1", text), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** For a QR code: `xmpp:juliet@capulet.lit?balcony-code;secret=…` (XEP-0147). `address` is that of whoever invites: bare, in normal form. */
export function codeUri(address: BareJid, { text }: Code): string {
  return `xmpp:${address.split("@").map(encodeURIComponent).join("@")}?${QUERY};secret=${text}`;
}

/**
 * Reads a code as people type it: in any case, in any form of Unicode, with whatever between its parts; its URI; the secret alone.
 * What is mistyped is found here, mostly: a word that is not in the list, a number whose last digit does not fit the rest. Nothing is spent then.
 * @param options `normalize` brings the address in a URI to its normal form: @balcony/xml's
 * @throws `code-invalid`, `invalid-jid` for a URI whose address is none
 */
export function parseCode(typed: string, { normalize }: { readonly normalize: (address: string) => string }): Code {
  const text = typed.normalize("NFKC").trim();
  if (/^xmpp:/iu.test(text)) return parseUri(text, normalize);
  return parseText(text.toLowerCase());
}

function parseText(text: string): Code {
  if (SECRET.test(text)) return { text, entropy: SECRET_BYTES * 8 };
  const [first, second, third] = text.match(/\p{L}+/gu) ?? [];
  const number = (text.match(/\p{N}+/gu) ?? []).join("");
  if (first === undefined || second === undefined || third !== undefined || !/^[1-9]\d{3}$/u.test(number)) throw invalid("two words and a number of four digits are wanted");
  for (const word of [first, second]) if (!wordlist.includes(word)) throw invalid(`${JSON.stringify(word)} is no word of a code${similar(word)}`);
  const code = fromParts(first, second, Math.floor(Number(number) / 10));
  if (!code.text.endsWith(number)) throw invalid("its last digit does not fit the rest: something is mistyped, or the words are in another order");
  return code;
}

function parseUri(text: string, normalize: (address: string) => string): Code {
  const uri = splitXmppUri(text);
  const [secret, second] = uri?.pairs.filter((pair) => pair.startsWith("secret=")) ?? [];
  if (uri?.type !== QUERY || secret === undefined || second !== undefined) throw invalid("the URI holds none");
  return { ...parseText(decoded(secret.slice("secret=".length)).normalize("NFKC").toLowerCase()), address: readBareAddress(uri.path, normalize) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("the URI is malformed");
  }
}

function fromParts(first: string, second: string, number: number): Code {
  return { text: `${first}-${second}-${number}${checkDigit(first, second, number)}`, entropy: CODE_BITS };
}

/** The first two bytes, big-endian, of H("balcony-code-check-1", first word, second word, number), modulo 10. */
function checkDigit(first: string, second: string, number: number): number {
  const [high = 0, low = 0] = hashFields("balcony-code-check-1", first, second, String(number));
  return (high * 256 + low) % 10;
}

/** Uniform below `limit`: what would make the small values likelier is thrown away. */
function uniform(random: (bytes: Uint8Array) => Uint8Array, limit: number): number {
  for (;;) {
    const [high = 0, low = 0] = random(new Uint8Array(2));
    const value = high * 256 + low;
    if (value < 65_536 - (65_536 % limit)) return value % limit;
  }
}

/** Four letters tell the words of the list apart. */
function similar(word: string): string {
  const found = word.length >= 4 ? wordlist.find((candidate) => candidate.slice(0, 4) === word.slice(0, 4)) : undefined;
  return found === undefined ? "" : `; is it ${found}?`;
}

const invalid = (why: string): BalconyError =>
  new BalconyError("code-invalid", `That is no code: ${why}.`, { phase: "trust", hint: "A code looks like ridge-lemon-4020. Nothing was sent, and the code is not used up." });
