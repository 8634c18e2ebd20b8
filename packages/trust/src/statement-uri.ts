import { Buffer } from "node:buffer";
import { BalconyError } from "@balcony/channel";
import { isSpki } from "./record.js";
import type { Statement } from "./statements.js";
import { readBareAddress, splitXmppUri } from "./xmpp-uri.js";

/** The protocol whose keys are meant: XEP-0247's streams under STARTTLS or XTLS. */
const NS_KEYS = "urn:xmpp:jingle:apps:xmlstream:0";
const QUERY = "trust-message";
/** Characters of the longest that is read: more than any of ours has. */
const LONGEST = 4096;

/** A statement with what proves it. */
export interface SignedStatement {
  readonly statement: Statement;
  /** The signer's SubjectPublicKeyInfo, in DER. */
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * A statement as a Trust Message URI (XEP-0434 §7.1), to be shown as a QR code, mailed or kept: `xmpp:romeo@montague.lit?trust-message;encryption=…;trust=…`. Behind the pairs that XEP-0434 knows stand
 * who has signed it, when, for whom, with which key, and the signature. It is not secret.
 */
export function statementUri({ key, signature, statement }: SignedStatement): string {
  const { at, audience, by, kind, owner, signer, subject } = statement;
  const about = { vouch: [`trust=${subject}`], rotate: [`trust=${subject}`, `distrust=${by}`], revoke: [`distrust=${subject}`] }[kind];
  const said = [
    `encryption=${NS_KEYS}`,
    ...about,
    `signer=${encodeURIComponent(signer)}`,
    `at=${at}`,
    ...(audience === undefined ? [] : [`for=${encodeURIComponent(audience)}`]),
    `key=${Buffer.from(key).toString("base64url")}`,
    `signature=${Buffer.from(signature).toString("base64url")}`,
  ];
  return `xmpp:${owner.split("@").map(encodeURIComponent).join("@")}?${QUERY};${said.join(";")}`;
}

/**
 * Reads what `statementUri()` has written; white space around it and line breaks in it do not matter. Nothing of it is believed yet.
 * @param options `normalize` brings addresses to their normal form: @balcony/xml's; `hash` is SHA-256 in lower-case hex
 * @throws `invalid-argument` for what is none, `invalid-jid` for one whose addresses are none
 */
export function parseStatementUri(
  text: string,
  { hash, normalize }: { readonly normalize: (address: string) => string; readonly hash: (bytes: Uint8Array) => string },
): SignedStatement {
  const joined = text.replace(/\s/gu, "");
  if (joined.length > LONGEST) throw unusable(`it has ${joined.length} characters`);
  const uri = splitXmppUri(joined);
  if (uri?.type !== QUERY) throw unusable("it is no trust-message of XEP-0434");
  const values = readPairs(uri.pairs);
  if (uri.pairs[0] !== `encryption=${NS_KEYS}`) throw unusable("it is about the keys of another protocol");
  const key = bytes(values.get("key"), "key");
  const by = hash(key);
  const audience = values.get("for");
  const about = readAbout(values.get("trust"), values.get("distrust"), by);
  return {
    statement: {
      ...about,
      owner: readBareAddress(uri.path, normalize),
      signer: readBareAddress(values.get("signer") ?? "", normalize),
      by,
      ...(audience !== undefined && { audience: readBareAddress(audience, normalize) }),
      at: values.get("at") ?? "",
    },
    key,
    signature: bytes(values.get("signature"), "signature"),
  };
}

/** What is said of which key: the shape of XEP-0434 tells the three kinds apart. */
export function readAbout(trust: string | undefined, distrust: string | undefined, by: string): Pick<Statement, "kind" | "subject"> {
  if (trust !== undefined && distrust === undefined) return { kind: "vouch", subject: trust };
  if (trust !== undefined && distrust === by) return { kind: "rotate", subject: trust };
  if (trust === undefined && distrust !== undefined) return { kind: "revoke", subject: distrust };
  throw unusable("it trusts nothing and distrusts nothing, or a key that is not its signer's beside one that it trusts");
}

const names = new Set(["encryption", "trust", "distrust", "signer", "at", "for", "key", "signature"]);

function readPairs(pairs: readonly string[]): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const pair of pairs) {
    const [, name = "", value = ""] = /^([a-z]+)=(.*)$/u.exec(pair) ?? [];
    if (!names.has(name)) throw unusable(`it has ${JSON.stringify(pair.slice(0, 40))}, which nobody knows`);
    if (values.has(name)) throw unusable(`it has more than one ${name}: one key at a time`);
    values.set(name, value);
  }
  for (const name of ["trust", "distrust"]) if (values.has(name) && !isSpki(values.get(name) ?? "")) throw unusable(`its ${name} is not 64 lower-case hex digits`);
  return values;
}

function bytes(text: string | undefined, name: string): Uint8Array {
  const read = Buffer.from(text ?? "", "base64url");
  if (!text || read.toString("base64url") !== text) throw unusable(`its ${name} is not in base64url`);
  return new Uint8Array(read);
}

function unusable(why: string, cause?: unknown): BalconyError {
  return new BalconyError("invalid-argument", `That is no statement about a key: ${why}.`, {
    phase: "trust",
    hint: "Give the whole of it, from `xmpp:` to its last character.",
    cause,
  });
}
