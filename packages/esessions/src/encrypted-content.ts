import { BalconyError } from "@balcony/channel";
import { childElements, type Element, isElement, xml } from "@balcony/xml";
import { NS_ENCRYPTED } from "./namespaces.js";
import { fromBase64, toBase64 } from "./octets.js";

/** What a `<c/>` holds (XEP-0200 §5). */
export interface EncryptedContent {
  /** m_final; absent from a stanza that only re-keys. */
  readonly data?: Uint8Array;
  /** The sender's new e, as it begins a re-key. */
  readonly key?: Uint8Array;
  /** How many of the receiver's re-keys the sender has seen since it last sent. */
  readonly seen: number;
  readonly mac: Uint8Array;
  /** What the MAC covers, the counter apart: every child but `<mac/>`, without xmlns and white space. */
  readonly covered: string;
}

const ALLOWED = new Set(["data", "key", "new", "old", "mac"]);
/** Old MAC keys in one stanza. */
const MOST_OLD = 64;

const malformed = (message: string): BalconyError => new BalconyError("stanza-malformed", `An encrypted stanza breaks XEP-0200: ${message}.`, { phase: "session" });

/** Reads a `<c/>`. Nothing in it can be trusted until its MAC is verified. @throws `stanza-malformed` */
export function readEncrypted(c: Element): EncryptedContent {
  const parts = new Map<string, Element>();
  let covered = "";
  let old = 0;
  if (c.children.some((child) => !isElement(child) && String(child).trim() !== "")) throw malformed("text between the children of <c/>");
  for (const child of childElements(c)) {
    const name = child.getName();
    if (!ALLOWED.has(name) || child.getNS() !== NS_ENCRYPTED) throw malformed(`<${name}/> in <c/>`);
    if (childElements(child).length > 0) throw malformed(`an element in <${name}/>`);
    if (name === "old") {
      if (++old > MOST_OLD) throw malformed(`more than ${MOST_OLD} <old/>`);
    } else if (parts.has(name)) throw malformed(`two <${name}/>`);
    parts.set(name, child);
    // XEP-0200 §5: white space is not covered; base64 has none that means anything.
    if (name !== "mac") covered += `<${name}>${child.getText().replace(/[ \t\r\n]+/g, "")}</${name}>`;
  }
  const data = octets(parts, "data");
  const key = octets(parts, "key");
  const mac = octets(parts, "mac");
  if (!mac) throw malformed("no <mac/>");
  if (parts.has("old")) octets(parts, "old");
  return { ...(data ? { data } : {}), ...(key ? { key } : {}), seen: count(parts.get("new")), mac, covered };
}

function octets(parts: ReadonlyMap<string, Element>, name: string): Uint8Array | undefined {
  const element = parts.get(name);
  if (!element) return undefined;
  const value = fromBase64(element.getText());
  // An empty <data/> would leave the counter where it is (XEP-0200 §5 counts blocks), and could be played again.
  if (!value || value.length === 0) throw malformed(`<${name}/> is not base64, or empty`);
  return value;
}

function count(element: Element | undefined): number {
  if (!element) return 0;
  const text = element.getText().trim();
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw malformed("<new/> is no positive number");
  return Number(text);
}

/** The parts of a `<c/>` to be sent, in the order in which they are written. */
export interface Outgoing {
  readonly data: Uint8Array | undefined;
  readonly key: Uint8Array | undefined;
  readonly seen: number;
  readonly old: readonly Uint8Array[];
}

/** Writes a `<c/>`; `mac` is given what it covers. */
export function writeEncrypted({ data, key, seen, old }: Outgoing, mac: (covered: string) => Uint8Array): Element {
  const parts: [name: string, text: string][] = [];
  if (data) parts.push(["data", toBase64(data)]);
  if (key) parts.push(["key", toBase64(key)]);
  if (seen > 0) parts.push(["new", String(seen)]);
  for (const one of old) parts.push(["old", toBase64(one)]);
  const covered = parts.map(([name, text]) => `<${name}>${text}</${name}>`).join("");
  return xml(
    "c",
    NS_ENCRYPTED,
    parts.map(([name, text]) => xml(name, {}, text)),
    xml("mac", {}, toBase64(mac(covered))),
  );
}
