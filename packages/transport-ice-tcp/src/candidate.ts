import { randomInt } from "node:crypto";
import { isIP } from "node:net";
import { stanzaError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";

export const NS_ICE = "urn:xmpp:jingle:transports:ice:0";
/** RFC 6544 §4.5: the port of an active candidate. */
export const ACTIVE_PORT = 9;
/** Candidates of one side. */
export const CANDIDATE_LIMIT = 32;

export type CandidateType = "host" | "srflx" | "prflx" | "relay";
export type TcpType = "active" | "passive" | "so";

/** A TCP candidate (RFC 8445 §5.1, RFC 6544 §4). */
export interface Candidate {
  readonly foundation: string;
  readonly ip: string;
  readonly port: number;
  readonly priority: number;
  readonly type: CandidateType;
  readonly tcptype: TcpType;
  /** Of a reflexive candidate of ours. */
  readonly base?: { readonly ip: string; readonly port: number } | undefined;
}

export interface Credentials {
  readonly ufrag: string;
  readonly pwd: string;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const iceChars = (length: number): string => Array.from({ length }, () => alphabet[randomInt(64)]).join("");

/** RFC 8445 §5.3: at least 24 and 128 bits; ours have 48 and 144. */
export function newCredentials(): Credentials {
  return { ufrag: iceChars(8), pwd: iceChars(24) };
}

/** What a `<transport/>` of the peer's says. */
export interface Description {
  readonly credentials: Credentials | undefined;
  /** TCP candidates of component 1; all others are left out. */
  readonly candidates: readonly Candidate[];
  readonly complete: boolean;
}

/** Reads a `<transport/>` (XEP-0371 §5.3). @throws `stanza-error`: bad-request, or resource-constraint for too many candidates */
export function readTransport(transport: Element): Description {
  const elements = transport.getChildren("candidate", NS_ICE);
  if (elements.length > CANDIDATE_LIMIT) throw stanzaError("resource-constraint", { text: `more than ${CANDIDATE_LIMIT} candidates` });
  const credentials = readCredentials(transport, elements.length > 0);
  const candidates = elements.map(readCandidate).filter((candidate) => candidate !== undefined);
  return { credentials, candidates, complete: transport.getChild("gathering-complete", NS_ICE) !== undefined };
}

function readCredentials({ attrs: { ufrag, pwd } }: Element, needed: boolean): Credentials | undefined {
  if (ufrag === undefined && pwd === undefined && !needed) return undefined;
  // RFC 8839 §5.4
  if (!ufrag || !/^[A-Za-z0-9+/]{4,256}$/.test(ufrag)) throw malformed("ufrag is missing or none");
  if (!pwd || !/^[A-Za-z0-9+/]{22,256}$/.test(pwd)) throw malformed("pwd is missing or none");
  return { ufrag, pwd };
}

function readCandidate({ attrs }: Element): Candidate | undefined {
  const { component, foundation = "", ip = "", port, priority, protocol, type, tcptype } = attrs;
  if (!protocol) throw malformed("a candidate has no protocol");
  if (!/^[A-Za-z0-9+/]{1,32}$/.test(foundation)) throw malformed("foundation is missing or none");
  const componentId = readNumber("component", component, { least: 1, most: 256 });
  const portNumber = readNumber("port", port, { least: 0, most: 65_535 });
  const priorityNumber = readNumber("priority", priority, { least: 1, most: 2 ** 31 - 1 });
  if (isIP(ip) === 0) throw malformed("ip is no address");
  if (!isType(type)) throw malformed("type is host, prflx, relay or srflx");
  if (protocol.toLowerCase() !== "tcp") return undefined;
  if (!isTcpType(tcptype)) throw malformed("tcptype is active, passive or so");
  if (portNumber === 0) throw malformed("port is 0");
  return componentId === 1 ? { foundation, ip, port: portNumber, priority: priorityNumber, type, tcptype } : undefined;
}

function readNumber(name: string, value: string | undefined, { least, most }: { readonly least: number; readonly most: number }): number {
  const number = value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= least && number <= most)) throw malformed(`${name} is missing or not from ${least} to ${most}`);
  return number;
}

const isType = (type: string | undefined): type is CandidateType => type === "host" || type === "srflx" || type === "prflx" || type === "relay";
const isTcpType = (type: string | undefined): type is TcpType => type === "active" || type === "passive" || type === "so";
const malformed = (text: string) => stanzaError("bad-request", { text });

/** Writes a `<transport/>`; ufrag and pwd go with every one (XEP-0371 §5.3). */
export function writeTransport({ ufrag, pwd }: Credentials, candidates: readonly Candidate[], { complete }: { readonly complete: boolean }): Element {
  return xml("transport", { xmlns: NS_ICE, ice2: "true", pwd, ufrag }, candidates.map(writeCandidate), complete ? xml("gathering-complete") : undefined);
}

function writeCandidate({ foundation, ip, port, priority, type, tcptype, base }: Candidate): Element {
  return xml("candidate", {
    component: "1",
    foundation,
    generation: "0",
    id: `c${foundation}p${port}`,
    ip,
    network: "0",
    port: String(port),
    priority: String(priority),
    protocol: "tcp",
    "rel-addr": base?.ip,
    "rel-port": base && String(base.port),
    tcptype,
    type,
  });
}
