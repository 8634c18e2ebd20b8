import { stanzaError } from "@balcony/channel";
import { addressKind } from "@balcony/jingle";
import { type Element, xml } from "@balcony/xml";

export type CandidateType = "host" | "prflx" | "relay" | "srflx";

/** A UDP candidate (XEP-0176 §5.3). */
export interface Candidate {
  readonly foundation: string;
  readonly priority: number;
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  readonly type: CandidateType;
}

const types: readonly string[] = ["host", "prflx", "relay", "srflx"] satisfies CandidateType[];
/** RFC 8445 §5.1.2 */
const MAX_PRIORITY = 2 ** 31 - 1;
let ids = 0;

/**
 * Reads a `<candidate/>`; undefined for one that is well-formed and yet nothing for us: of another protocol or component, or under a name in mDNS.
 * @throws `stanza-error`: bad-request, and feature-not-implemented for an ICE restart
 */
export function readCandidate({ attrs }: Element): Candidate | undefined {
  const { foundation, id, ip, type } = attrs;
  const component = readNumber(attrs.component, 255);
  if (component === undefined || component === 0) throw malformed("component");
  if (foundation === undefined || !/^[A-Za-z0-9+/]{1,32}$/.test(foundation)) throw malformed("foundation");
  const generation = readNumber(attrs.generation, 255);
  if (generation === undefined) throw malformed("generation");
  if (id === undefined || !/^[\p{L}_][\p{L}\p{N}._-]*$/u.test(id)) throw malformed("id");
  const port = readNumber(attrs.port, 65_535);
  if (port === undefined || port === 0) throw malformed("port");
  const priority = readNumber(attrs.priority, Number.MAX_SAFE_INTEGER);
  if (priority === undefined || priority === 0) throw malformed("priority");
  if (attrs.protocol === undefined) throw malformed("protocol");
  if (type === undefined || !types.includes(type)) throw malformed("type");
  if (attrs["rel-port"] !== undefined && readNumber(attrs["rel-port"], 65_535) === undefined) throw malformed("rel-port");
  if (ip === undefined) throw malformed("ip");
  if (generation > 0) throw stanzaError("feature-not-implemented", { text: "no ICE restart" });
  if (attrs.protocol !== "udp" || component !== 1) return undefined;
  // What browsers write in place of a private address. We look up no names on a peer's word: the peer's own checks bring its address.
  if (/^[\w-]+\.local$/.test(ip)) return undefined;
  if (addressKind(ip) === undefined) throw malformed("ip");
  // The text's own example (§5.8) exceeds what RFC 8445 allows.
  return { foundation, priority: Math.min(priority, MAX_PRIORITY), address: ip, port, type: type as CandidateType };
}

/** No related address: it is there for diagnosis alone, and for relayed candidates it is what a relay is there to hide. */
export function writeCandidate({ foundation, priority, address, port, type }: Candidate): Element {
  ids = (ids + 1) % 0x1_0000;
  return xml("candidate", {
    component: "1",
    foundation,
    generation: "0",
    id: `c${ids}`,
    ip: address,
    network: "0",
    port: String(port),
    priority: String(priority),
    protocol: "udp",
    type,
  });
}

/** "host 192.0.2.7:51234" */
export function describe({ type, address, port }: Pick<Candidate, "type" | "address" | "port">): string {
  return `${type} ${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function readNumber(text: string | undefined, most: number): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return value <= most ? value : undefined;
}

const malformed = (what: string) => stanzaError("bad-request", { text: `a candidate's ${what} is missing or malformed` });
