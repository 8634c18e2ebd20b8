import { type BalconyError, stanzaError } from "@balcony/channel";
import { type Element, type Jid, JidError, normalize, xml } from "@balcony/xml";

export const NS_S5B = "urn:xmpp:jingle:transports:s5b:1";

/** XEP-0260 §2.2 with its suggested preferences. */
const preferences = { direct: 126, assisted: 120, tunnel: 110, proxy: 10 } as const;
export type CandidateType = keyof typeof preferences;

/** Where a bytestream may be had. */
export interface Candidate {
  readonly cid: string;
  /** An IP address or a host name. */
  readonly host: string;
  readonly port: number;
  /** Whose host it is: the offerer's full address, or the proxy's. */
  readonly jid: Jid;
  readonly priority: number;
  readonly type: CandidateType;
}

/** What an offer or answer says. */
export interface Side {
  /** The bytestream's id, chosen by whoever offers the transport. */
  readonly sid: string;
  /** 40 hex digits, where the peer gave them. */
  readonly dstaddr: string | undefined;
  readonly candidates: readonly Candidate[];
}

/** What a transport-info tells. */
export type Notification =
  | { readonly type: "candidate-used"; readonly cid: string }
  | { readonly type: "candidate-error" }
  | { readonly type: "activated"; readonly cid: string }
  | { readonly type: "proxy-error" };

export type Info = Notification | { readonly type: "candidates"; readonly candidates: readonly Candidate[] };

/** docs/limits.md */
const MOST_CANDIDATES = 32;
const LONGEST = 256;
/** XEP-0065 §8: port 1080 if none is said. */
const DEFAULT_PORT = 1080;
const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_-]{1,63})*\.?$/i;
const ipAddress = /^[0-9a-f:.]{2,45}$/i;

/** (2^16)*(type preference) + (local preference): XEP-0260 §2.2. `rank` counts from 0, the best. */
export const priorityOf = (type: CandidateType, rank: number): number => preferences[type] * 65_536 + (65_535 - rank);

/** XEP-0065 §8: an IP address or a host name. */
export const isHost = (text: string): boolean => hostName.test(text) || ipAddress.test(text);

/** A port in decimal digits; undefined for what is none. */
export const portIn = (text = String(DEFAULT_PORT)): number | undefined => (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535 ? Number(text) : undefined);

const malformed = (text: string): BalconyError => stanzaError("bad-request", { text });

/** Throws `stanza-error`: bad-request, feature-not-implemented for UDP, resource-constraint for more than 32 candidates. */
export function readSide(transport: Element): Side {
  const { mode = "tcp", dstaddr } = transport.attrs;
  if (mode === "udp") throw stanzaError("feature-not-implemented", { text: "bytestreams over UDP" });
  if (mode !== "tcp") throw malformed("mode is tcp or udp");
  return { sid: readSid(transport), dstaddr: dstaddr !== undefined && /^[0-9a-f]{40}$/i.test(dstaddr) ? dstaddr.toLowerCase() : undefined, candidates: readCandidates(transport) };
}

/** Throws `stanza-error` (bad-request, item-not-found for another sid, resource-constraint). */
export function readInfo(transport: Element, sid: string): Info {
  if (readSid(transport) !== sid) throw stanzaError("item-not-found", { text: "no bytestream of that sid" });
  const told = ["candidate-used", "candidate-error", "activated", "proxy-error"].flatMap((name) => transport.getChildren(name, NS_S5B));
  const candidates = readCandidates(transport);
  const [first, ...others] = told;
  if (!first) return { type: "candidates", candidates };
  if (others.length > 0 || candidates.length > 0) throw malformed("a transport-info tells one thing"); // §6, schema: xs:choice
  const type = first.getName() as Notification["type"];
  return type === "candidate-used" || type === "activated" ? { type, cid: needed(first, "cid") } : { type };
}

export function writeSide({ sid, dstaddr, candidates }: Side): Element {
  const children = candidates.map(({ cid, host, port, jid, priority, type }) => xml("candidate", { cid, host, jid, port: String(port), priority: String(priority), type }));
  return xml("transport", { xmlns: NS_S5B, sid, dstaddr }, children);
}

export function writeNotification(sid: string, notification: Notification): Element {
  return xml("transport", { xmlns: NS_S5B, sid }, xml(notification.type, "cid" in notification ? { cid: notification.cid } : null));
}

function readSid(transport: Element): string {
  return needed(transport, "sid");
}

function needed(element: Element, name: string): string {
  const value = element.attrs[name];
  if (!value || value.length > LONGEST) throw malformed(`${element.getName()} has no usable ${name}`);
  return value;
}

function readCandidates(transport: Element): Candidate[] {
  const elements = transport.getChildren("candidate", NS_S5B);
  if (elements.length > MOST_CANDIDATES) throw stanzaError("resource-constraint", { text: `more than ${MOST_CANDIDATES} candidates` });
  const candidates = elements.map(readCandidate);
  if (new Set(candidates.map(({ cid }) => cid)).size < candidates.length) throw malformed("two candidates have one cid");
  return candidates;
}

function readCandidate(element: Element): Candidate {
  const { type = "direct" } = element.attrs;
  const port = portIn(element.attrs.port);
  const host = needed(element, "host");
  if (!isHost(host)) throw malformed("host is an IP address or a host name");
  if (port === undefined) throw malformed("port is not from 1 to 65535");
  if (!isCandidateType(type)) throw malformed("type is direct, assisted, tunnel or proxy");
  return {
    cid: needed(element, "cid"),
    host,
    port,
    jid: readJid(element),
    priority: readNumber(needed(element, "priority"), 2 ** 31 - 1, "priority"),
    type,
  };
}

function readJid(element: Element): Jid {
  try {
    return normalize(needed(element, "jid"));
  } catch (error) {
    if (error instanceof JidError) throw malformed("jid is no address");
    throw error;
  }
}

function readNumber(text: string, most: number, name: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > most) throw malformed(`${name} is not from 1 to ${most}`);
  return value;
}

const isCandidateType = (type: string): type is CandidateType => Object.hasOwn(preferences, type);
