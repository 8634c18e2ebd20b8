import { BalconyError, randomId } from "@balcony/channel";
import { bare, domainOf, type Element, type Jid, normalize, xml } from "@balcony/xml";
import { streamError } from "./stream-error.js";

export const NS_STREAMS = "http://etherx.jabber.org/streams";
export const NS_CLIENT = "jabber:client";

/** Who opened the stream. With Jingle it is whoever offered the session. */
export type Role = "initiator" | "responder";

/** Where a stream stands: the addresses of its two ends in normal form, and which end we are. */
export interface Ends {
  readonly role: Role;
  readonly self: Jid;
  readonly peer: Jid;
}

/** What the peer's stream header said (RFC 6120 §4.7). */
export interface StreamHeader {
  /** In normal form; undefined where the header had none. */
  readonly from: Jid | undefined;
  /** In normal form; undefined where the header had none. */
  readonly to: Jid | undefined;
  /** The responder's; an initiator's is ignored (§4.7.3). */
  readonly id: string | undefined;
  readonly version: string;
  /** The stream's `xml:lang`. */
  readonly lang: string | undefined;
  /** Attributes of other namespaces, by `{namespace}name`: what a side says about itself before anything else, at no cost of time. Who knows none of them ignores them. */
  readonly extra: ReadonlyMap<string, string>;
}

/** An attribute of another namespace for our own header. */
export interface ExtraAttribute {
  readonly xmlns: string;
  readonly name: string;
  readonly value: string;
}

/** What we open our direction of the stream with. As responder an XML declaration stands in front (gnutls-cli waits for one), and a fresh id within. */
export function writeHeader({ role, self, peer }: Ends, addresses: "shown" | "hidden", extra: readonly ExtraAttribute[] = []): string {
  const shown = addresses === "shown" ? { from: self, to: peer } : {};
  const id = role === "responder" ? { id: randomId() } : {};
  const others = Object.fromEntries(
    extra.flatMap(({ name, value, xmlns }, index) => [
      [`xmlns:e${index}`, xmlns],
      [`e${index}:${name}`, value],
    ]),
  );
  const empty = xml("stream:stream", { xmlns: NS_CLIENT, "xmlns:stream": NS_STREAMS, ...shown, ...id, version: "1.0", ...others }).toString();
  return `${role === "responder" ? "<?xml version='1.0'?>" : ""}${empty.slice(0, -"/>".length)}>`;
}

/**
 * Reads and judges the peer's header.
 * @param under what the stream runs on: before TLS a wrong address is a mistake, inside it means that we talk to somebody else
 * @returns the header, or an error with code `bad-format`, `bad-namespace-prefix`, `invalid-namespace`, `unsupported-version`;
 * before TLS `invalid-from`, `improper-addressing`; inside it `address-mismatch`
 */
export function readHeader(element: Element, ends: Ends, under: "plain" | "tls"): StreamHeader | BalconyError {
  try {
    return judge(element, ends, under);
  } catch (error) {
    if (error instanceof BalconyError) return error;
    throw error;
  }
}

function judge(element: Element, ends: Ends, under: "plain" | "tls"): StreamHeader {
  const { attrs } = element;
  if (element.getNS() !== NS_STREAMS) throw streamError("invalid-namespace", `The stream's root is in the namespace ${element.getNS() ?? "of nothing"}.`);
  if (element.getName() !== "stream") throw streamError("bad-format", `The stream begins with <${element.name}>.`);
  // RFC 6120 §4.8.5: the prefix may be held to be `stream`.
  if (element.name !== "stream:stream") throw streamError("bad-namespace-prefix", `The stream begins with <${element.name}>.`);
  if (attrs.xmlns !== NS_CLIENT) throw streamError("invalid-namespace", `The stream's content is in the namespace ${attrs.xmlns ?? "of nothing"}.`);
  const version = readVersion(attrs.version, ends.role);
  const from = readAddress(attrs.from, "invalid-from");
  const to = readAddress(attrs.to, "improper-addressing");
  if (from !== undefined && bare(from) !== bare(ends.peer)) throw wrongAddress("invalid-from", `The header comes from ${from}, and the peer is ${ends.peer}.`, under);
  if (to !== undefined && !isForUs(to, ends, under)) throw wrongAddress("improper-addressing", `The header is for ${to}, and we are ${ends.self}.`, under);
  return { from, to, id: ends.role === "initiator" ? attrs.id : undefined, version, lang: attrs["xml:lang"], extra: readExtra(attrs) };
}

/** Prefixed attributes, under the namespaces that the header itself declares. */
function readExtra(attrs: Element["attrs"]): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(attrs).flatMap(([key, value]) => {
      const [, prefix = "", name] = /^([^:]+):([^:]+)$/u.exec(key) ?? [];
      const xmlns = attrs[`xmlns:${prefix}`];
      return name === undefined || xmlns === undefined || value === undefined ? [] : [[`{${xmlns}}${name}`, value] as const];
    }),
  );
}

/** RFC 6120 §4.7.5: numbers, not fractions; the responder never answers with more than the initiator said. */
function readVersion(version: string | undefined, role: Role): string {
  const [, major, minor] = /^(\d{1,9})\.(\d{1,9})$/.exec(version ?? "") ?? [];
  const known = Number(major) === 1 && Number(minor) === 0;
  const later = Number(major) >= 1;
  if (version === undefined || !(known || (later && role === "responder"))) {
    throw streamError("unsupported-version", version === undefined ? "The header has no version." : `The header has version ${version}.`);
  }
  return version;
}

function readAddress(address: string | undefined, condition: "invalid-from" | "improper-addressing"): Jid | undefined {
  if (address === undefined) return undefined;
  try {
    return normalize(address);
  } catch (cause) {
    throw streamError(condition, `The header has an address that is none: ${JSON.stringify(address)}.`, { cause });
  }
}

// Generic STARTTLS clients (openssl s_client, gnutls-cli) put a host name into `to` before TLS, as if we were a server.
function isForUs(to: Jid, { self, role }: Ends, under: "plain" | "tls"): boolean {
  return bare(to) === bare(self) || (under === "plain" && role === "responder" && to === domainOf(self));
}

function wrongAddress(condition: "invalid-from" | "improper-addressing", message: string, under: "plain" | "tls") {
  return under === "plain" ? streamError(condition, message) : streamError("address-mismatch", message, { condition });
}
