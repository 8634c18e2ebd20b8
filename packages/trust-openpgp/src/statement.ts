import { BalconyError } from "@balcony/channel";
import { childElements, type Element, normalize, onlyChild, parseElement, serialize, xml } from "@balcony/xml";

const NS_OPENPGP = "urn:xmpp:openpgp:0";
const NS_DEVICE = "urn:xmpp:balcony:openpgp:0";

/** What an OpenPGP key says: this is a device of the address, until then. */
export interface DeviceStatement {
  /** Bare, in normal form. */
  readonly owner: string;
  /** SHA-256 of the device's SubjectPublicKeyInfo: 64 lower-case hex digits. */
  readonly spki: string;
  /** Milliseconds since 1970. */
  readonly made: number;
  readonly until: number;
}

/** The text that is signed: one `<sign/>` of XEP-0373 §3.1, addressed to its own signer, as it is for whoever gets it. */
export function writeStatement({ made, owner, spki, until }: DeviceStatement): string {
  const device = xml("device", { xmlns: NS_DEVICE, jid: owner, spki, until: stamp(until) });
  return serialize(xml("sign", { xmlns: NS_OPENPGP }, xml("to", { jid: owner }), xml("time", { stamp: stamp(made) }), xml("payload", {}, device)));
}

/** Throws `openpgp-statement` for what is none. */
export function readStatement(text: Uint8Array): DeviceStatement {
  const sign = parsed(text);
  if (!sign.is("sign", NS_OPENPGP)) throw malformed("it signs no <sign/>");
  const [to, time, payload] = [one(sign, "to"), one(sign, "time"), one(sign, "payload")];
  const others = childElements(sign).filter((child) => !["to", "time", "payload", "rpad"].includes(child.name));
  const device = onlyChild(payload);
  if (others.length > 0 || !device?.is("device", NS_DEVICE)) throw malformed("it is about no device");
  const { jid, spki = "", until } = device.attrs;
  if (!/^[0-9a-f]{64}$/u.test(spki)) throw malformed("it names no key of a device");
  const owner = address(jid);
  if (address(to.attrs.jid) !== owner) throw malformed("it is addressed to somebody else than it is about");
  return { owner, spki, made: date(time.attrs.stamp), until: date(until) };
}

export const malformed = (why: string, cause?: unknown): BalconyError =>
  new BalconyError("openpgp-statement", `The statement of their OpenPGP key cannot be taken: ${why}.`, { phase: "trust", cause });

function parsed(text: Uint8Array): Element {
  try {
    return parseElement(text, { depth: 4 });
  } catch (cause) {
    throw malformed("what is signed is no XML", cause);
  }
}

function one(parent: Element, name: string): Element {
  const [found, ...more] = parent.getChildren(name, NS_OPENPGP);
  if (!found || more.length > 0) throw malformed(`it has not one <${name}/>`);
  return found;
}

function address(text: string | undefined): string {
  try {
    const read = normalize(text ?? "");
    if (!read.includes("/")) return read;
  } catch (cause) {
    throw malformed("an address in it is none", cause);
  }
  throw malformed("an address in it names a resource");
}

const stamp = (time: number): string => new Date(time).toISOString().replace(/\.\d{3}Z$/u, "Z");

/** XEP-0082 §3.2. */
function date(text: string | undefined): number {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/u.test(text ?? "") ? Date.parse(text ?? "") : Number.NaN;
  if (Number.isNaN(time)) throw malformed("a date in it is none");
  return time;
}
