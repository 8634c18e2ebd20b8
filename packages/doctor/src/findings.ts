import type { Jid } from "@balcony/xml";

/** What a probe has found, or why it found nothing. */
export type Outcome<T> =
  | { readonly found: T /** of the whole probe */; readonly ms: number }
  | { readonly failed: { /** a code of docs/errors.md */ readonly code: string; readonly message: string }; readonly ms: number };

/** What a server offers to whoever connects to it (RFC 6120 §5, §6). */
export interface ServerSecurity {
  /** Where: "capulet.lit:5222". */
  readonly endpoint: string;
  /** How TLS begins; `none` where the server offers none. */
  readonly tls: "starttls" | "direct" | "none";
  /** "TLSv1.3" */
  readonly protocol?: string;
  readonly cipher?: string;
  readonly certificate?: ServerCertificate;
  /** SASL mechanisms behind TLS; of a server that is asked as a server, whether it takes certificates (EXTERNAL) or dialback. */
  readonly mechanisms: readonly string[];
  /** Types of channel binding (XEP-0440), or of which nothing is said. */
  readonly channelBinding: readonly string[];
}

export interface ServerCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** ISO 8601 */
  readonly validTo: string;
  /** Why this machine would not accept it for the domain; absent where it would. */
  readonly refusal?: string;
}

export interface ServerFeatures {
  readonly name: string | undefined;
  /** How many are announced; of them, those that streams are the better for, by specification. */
  readonly count: number;
  readonly useful: Readonly<Record<string, boolean>>;
}

/** What the server carries in-band, measured with blocks to ourselves. */
export interface InBand {
  /** ms from a block to its answer, the best of a few */
  readonly roundTrip: number;
  /** bytes of one block */
  readonly blockSize: number;
  /** bytes of blocks, of base64 and of XML around them, that came back */
  readonly bytes: number;
  /** payload bytes a second, of the later half: behind whatever the server lets through at first */
  readonly rate: number;
  /** Does it get slower than it began: is there a limit? */
  readonly throttled: boolean;
}

/** A bytestreams proxy of our server (XEP-0065). */
export interface ProxyServer {
  readonly jid: Jid;
  readonly host: string;
  readonly port: number;
  /** ms from connecting until a byte that went in by one connection has come out of the other; or why none did */
  readonly carried: Outcome<{ readonly ms: number }>;
}

export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** A STUN or TURN server, as our server names it (XEP-0215) or the caller does. */
export interface Service {
  readonly type: "stun" | "turn" | "stuns" | "turns";
  readonly transport: "udp" | "tcp";
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  /** Never in findings. */
  readonly password?: string;
}

export interface StunServer {
  readonly service: Service;
  /** Where the server sees us. */
  readonly mapped: Outcome<Endpoint>;
}

export interface TurnServer {
  readonly service: Service;
  /** Where it would relay for us. */
  readonly relayed: Outcome<Endpoint>;
}

/** How what lies between us and the Internet treats UDP (RFC 4787, RFC 5780), as far as the servers that there are can tell. */
export interface Nat {
  readonly local: Endpoint;
  readonly mapped: Endpoint;
  readonly mapping: "none" | "endpoint-independent" | "address-dependent" | "unknown";
  /** Who may send to us where we have sent to one: `unknown` where no server answers from another address. */
  readonly filtering: "endpoint-independent" | "address-dependent" | "address-and-port-dependent" | "unknown";
  readonly hairpin: boolean;
}

/** A router that maps ports on request (UPnP, NAT-PMP). */
export interface Gateway {
  readonly protocol: string;
  readonly external: Endpoint;
}

export interface Peer {
  readonly resources: readonly PeerResource[];
}

export interface PeerResource {
  readonly address: Jid;
  readonly streams: boolean;
  /** Transports by name; `missing`, what it lacks of ours. */
  readonly transports: readonly string[];
  readonly xtls: boolean;
}

/** What can be known of the way between our server and the peer's: what the peer's offers to anybody, and how long a question takes. What the two agree on is not shown to clients. */
export interface Federation {
  readonly domain: string;
  readonly security: Outcome<ServerSecurity>;
  /** ms for a question to the peer's server and its answer, through ours */
  readonly roundTrip: Outcome<{ readonly ms: number }>;
}

export interface Findings {
  readonly self: Jid;
  readonly server: Outcome<ServerSecurity>;
  readonly features: Outcome<ServerFeatures>;
  readonly inBand: Outcome<InBand>;
  readonly proxies: Outcome<readonly ProxyServer[]>;
  readonly services: Outcome<readonly Service[]>;
  readonly stun: readonly StunServer[];
  readonly turn: readonly TurnServer[];
  readonly nat: Outcome<Nat>;
  readonly gateway: Outcome<Gateway>;
  readonly peer?: Outcome<Peer>;
  readonly federation?: Federation;
}
