import { Buffer } from "node:buffer";
import { stanzaError } from "@balcony/channel";
import { readAbout, type SignedStatement, type Statement } from "@balcony/trust";
import { bare, childElements, type Element, type Jid, JidError, normalize, xml } from "@balcony/xml";

/** XEP-0434: whose keys are trusted or not. */
export const NS_TRUST_MESSAGE = "urn:xmpp:tm:1";
/** How ours are to be understood and proved: docs/xep-e2e-devices.md. XEP-0450's rules are not these: a device that was itself vouched for vouches for none. */
export const NS_DEVICES = "urn:xmpp:balcony:devices:0";
const NS_KEYS = "urn:xmpp:jingle:apps:xmlstream:0";

/** The one child of an IQ set, answered by an empty result. */
export function writeStatement({ key, signature, statement }: SignedStatement): Element {
  const { at, audience, by, kind, owner, signer, subject } = statement;
  const trust = kind === "revoke" ? undefined : xml("trust", {}, base64(Buffer.from(subject, "hex")));
  const distrust = kind === "vouch" ? undefined : xml("distrust", {}, base64(Buffer.from(kind === "rotate" ? by : subject, "hex")));
  return xml(
    "trust-message",
    { xmlns: NS_TRUST_MESSAGE, usage: NS_DEVICES, encryption: NS_KEYS },
    xml("key-owner", { jid: owner }, trust, distrust),
    xml("proof", { xmlns: NS_DEVICES, signer, key: base64(key), at, ...(audience !== undefined && { for: audience }) }, base64(signature)),
  );
}

/** Reads one. Nothing of it is believed yet. Throws `bad-request` for what is malformed, `feature-not-implemented` for another usage or protocol than ours. */
export function readStatement(element: Element, hash: (bytes: Uint8Array) => string): SignedStatement {
  const { encryption, usage } = element.attrs;
  if (usage !== NS_DEVICES || encryption !== NS_KEYS) throw stanzaError("feature-not-implemented", { text: "another usage or encryption" });
  const owner = one(element, "key-owner", NS_TRUST_MESSAGE);
  const proof = one(element, "proof", NS_DEVICES);
  if (childElements(element).length > 2) throw malformed("one key-owner and one proof");
  const key = bytes(proof.attrs.key, "key");
  const by = hash(key);
  const { at = "", signer, for: audience } = proof.attrs;
  const statement: Statement = {
    ...about(owner, by),
    owner: address(owner.attrs.jid, "jid"),
    signer: address(signer, "signer"),
    by,
    ...(audience !== undefined && { audience: address(audience, "for") }),
    at,
  };
  return { statement, key, signature: bytes(proof.getText(), "signature") };
}

function about(owner: Element, by: string): Pick<Statement, "kind" | "subject"> {
  const children = childElements(owner);
  const named = (name: string): readonly string[] =>
    children.filter((child) => child.is(name, NS_TRUST_MESSAGE)).map((child) => Buffer.from(bytes(child.getText(), name)).toString("hex"));
  const [trust, distrust] = [named("trust"), named("distrust")];
  if (trust.length > 1 || distrust.length > 1 || trust.length + distrust.length !== children.length) throw malformed("one key at a time");
  if ([...trust, ...distrust].some((key) => key.length !== 64)) throw malformed("a key is the SHA-256 of its SubjectPublicKeyInfo");
  try {
    return readAbout(trust[0], distrust[0], by);
  } catch {
    throw malformed("it trusts or distrusts one key, or trusts one in place of its signer's");
  }
}

function one(parent: Element, name: string, xmlns: string): Element {
  const [found, ...more] = childElements(parent).filter((child) => child.is(name, xmlns));
  if (!found || more.length > 0) throw malformed(`one ${name}`);
  return found;
}

function address(text: string | undefined, name: string): Jid {
  try {
    const read = normalize(text ?? "");
    if (read === bare(read)) return read;
  } catch (error) {
    if (!(error instanceof JidError)) throw error;
  }
  throw malformed(`${name} is a bare address`);
}

/** Strict: one text for the same bytes (RFC 4648 §3.5). */
function bytes(text: string | undefined, name: string): Uint8Array {
  const read = Buffer.from(text ?? "", "base64");
  if (!text || base64(read) !== text) throw malformed(`${name} is in base64`);
  return new Uint8Array(read);
}

const base64 = (octets: Uint8Array): string => Buffer.from(octets).toString("base64");
const malformed = (text: string) => stanzaError("bad-request", { text });
