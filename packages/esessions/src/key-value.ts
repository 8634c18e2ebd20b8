import { Buffer } from "node:buffer";
import { childElements, type Element, parseElement, XmlError } from "@balcony/xml";
import { canonical } from "./canonical.js";
import { strict } from "./compatibility.js";
import type { Crypto, RsaKey } from "./crypto.js";
import { concat, fromBase64, minimal, toBase64, utf8 } from "./octets.js";

/** How a side is identified (XEP-0116, `init_pubkey` and `resp_pubkey`): by its public key, by that key's fingerprint, or not at all. */
export type Identification = "key" | "hash" | "none";

/** What the signatures are, as `sign_algs` names it. */
export const RSA_SHA256 = "http://www.w3.org/2000/09/xmldsig#rsa-sha256";
const NS_SIGNATURE = "http://www.w3.org/2000/09/xmldsig#";

/** Bits of a modulus. */
const SHORTEST = 2048;
const LONGEST = 8192;

/** Why a key is not accepted, or undefined where it is: 2048 to 8192 bits, and an odd exponent from 3 to below 2³². */
export function unacceptable({ exponent, modulus }: RsaKey): string | undefined {
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
  if (bits < SHORTEST || bits > LONGEST) return `a modulus of ${bits} bits`;
  if (((modulus.at(-1) ?? 0) & 1) === 0) return "an even modulus";
  const value = exponent.reduce((sum, octet) => sum * 256 + octet, 0);
  if (exponent.length > 4 || value < 3 || value % 2 === 0) return "an exponent that is even, too small or too large";
  return undefined;
}

/** The normalised `<KeyValue/>` (XML Signature §4.4.2): no namespaces, no white space. */
export function keyValue({ exponent, modulus }: RsaKey): string {
  const value = (name: string, integer: Uint8Array): string => `<${name}>${toBase64(minimal(integer))}</${name}>`;
  return `<KeyValue><RSAKeyValue>${value("Modulus", modulus)}${value("Exponent", exponent)}</RSAKeyValue></KeyValue>`;
}

/** XEP-0116: the fingerprint of a key is the hash of its normalised `<KeyValue/>`. */
export const keyFingerprint = (crypto: Crypto, key: RsaKey): Uint8Array => crypto.sha256(utf8(keyValue(key)));

/** pubKey and sign as they are encrypted (XEP-0116, "Hiding Bob's Identity"). A fingerprint is wrapped by either side: the text wraps Bob's alone. */
export function writeIdentity(crypto: Crypto, method: "key" | "hash", key: RsaKey, signature: Uint8Array): Uint8Array {
  const shown = method === "key" ? keyValue(key) : `<fingerprint>${toBase64(keyFingerprint(crypto, key))}</fingerprint>`;
  return utf8(`${shown}<SignatureValue>${toBase64(signature)}</SignatureValue>`);
}

/** An identity that was decrypted, and is not verified yet. */
export interface ShownIdentity {
  /** With `key`: the key, and what of it the MAC covers. */
  readonly key?: { readonly rsa: RsaKey; readonly covered: string };
  /** With `hash`. */
  readonly fingerprint?: Uint8Array;
  readonly signature: Uint8Array;
}

/** Reads what `writeIdentity` writes, and a fingerprint that is not wrapped, in base64 or bare. Undefined where it is anything else. */
export function readIdentity(method: "key" | "hash", plaintext: Uint8Array): ShownIdentity | undefined {
  const start = Buffer.from(plaintext).indexOf("<SignatureValue");
  const wrapped = Buffer.from(plaintext.subarray(0, 12)).equals(Buffer.from("<fingerprint"));
  const bare = method === "hash" && start > 0 && !wrapped ? bareFingerprint(plaintext.subarray(0, start)) : undefined;
  const parts = childrenOf(bare ? plaintext.subarray(start) : plaintext);
  if (!parts) return undefined;
  const [first, last] = bare ? [undefined, parts[0]] : parts;
  const signature = last && isNamed(last, "SignatureValue") ? octetsOf(last) : undefined;
  if (!signature || parts.length !== (bare ? 1 : 2)) return undefined;
  if (bare) return { fingerprint: bare, signature };
  if (method === "hash") {
    const fingerprint = first && isNamed(first, "fingerprint") ? octetsOf(first) : undefined;
    return fingerprint?.length === 32 ? { fingerprint, signature } : undefined;
  }
  const rsa = first && isNamed(first, "KeyValue") ? rsaOf(first) : undefined;
  return first && rsa ? { key: { rsa, covered: canonical(first, strict) }, signature } : undefined;
}

function bareFingerprint(octets: Uint8Array): Uint8Array | undefined {
  const value = octets.length === 32 ? octets : fromBase64(Buffer.from(octets).toString("latin1"));
  return value?.length === 32 ? value : undefined;
}

function childrenOf(octets: Uint8Array): Element[] | undefined {
  try {
    return childElements(parseElement(concat(utf8("<identity>"), octets, utf8("</identity>"))));
  } catch (error) {
    if (error instanceof XmlError) return undefined;
    throw error;
  }
}

function rsaOf(element: Element): RsaKey | undefined {
  const [value, ...others] = childElements(element);
  if (!value || others.length > 0 || !isNamed(value, "RSAKeyValue")) return undefined;
  const [modulus, exponent, ...more] = childElements(value);
  if (!modulus || !exponent || more.length > 0 || !isNamed(modulus, "Modulus") || !isNamed(exponent, "Exponent")) return undefined;
  const [n, e] = [octetsOf(modulus), octetsOf(exponent)];
  return n && e && n.length > 0 && e.length > 0 ? { modulus: minimal(n), exponent: minimal(e) } : undefined;
}

const isNamed = (element: Element, name: string): boolean => element.getName() === name && ["", NS_SIGNATURE].includes(element.getNS() ?? "");
const octetsOf = (element: Element): Uint8Array | undefined => (childElements(element).length > 0 ? undefined : fromBase64(element.getText()));
