import type { Duplex } from "node:stream";
import type { StanzaChannel } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import type { AddressPolicy } from "./address-policy.js";

/** Who offered the session. It stays so for the session's life, whoever sends what later. */
export type Role = "initiator" | "responder";

/** Two ways to a peer: from machine to machine, or through somebody else's, be it a proxy or the server. */
export type Reach = "direct" | "relayed";

/** A transport method (XEP-0166 §7.1 `<transport/>`), plugged into sessions by its namespace. */
export interface Transport {
  /** Namespace of its `<transport/>`: `urn:xmpp:jingle:transports:ibb:1`. */
  readonly namespace: string;
  /** What says in disco#info, beside the namespace, that it is there. */
  readonly features?: readonly string[] | undefined;
  /** Which of the two it can do. One that can do both is tried for direct paths first, and again for relayed ones. Default: tried once, in its place. */
  readonly reaches?: readonly Reach[] | undefined;
  /** Namespaces of transports that it tries itself: they are not tried again where it did not connect, and have their turn where a path that it found has broken. */
  readonly covers?: readonly string[] | undefined;
  /** Looks at a `<transport/>` that is offered to us, before it is acknowledged. Throws a stanza error where it is malformed. */
  check?(offer: Element): void;
  /** The client is online: what every attempt would have to ask of our own server is asked now, so that no stream waits for it. Whatever comes of it, it is told to nobody. */
  prepare?(connection: Preparation): void;
  /** Begins one attempt to connect. An attempt is used for one offer and its answer, then connected or aborted. */
  attempt(context: TransportContext): TransportAttempt;
}

/** What a transport may use before there is a session. */
export interface Preparation {
  /** The client's own, wide. */
  readonly channel: StanzaChannel;
  /** Which paths sessions will be allowed by default. */
  readonly paths: AddressPolicy["paths"];
  /** STUN and TURN servers that may be asked. Never rejects. */
  servers(): Promise<readonly IceServer[]>;
}

/** A STUN or TURN server, in the W3C's form: `stun:stun.capulet.lit:3478`, `turn:…?transport=tcp`, `turns:…` (RFC 7064, RFC 7065). */
export interface IceServer {
  readonly urls: string | readonly string[];
  /** TURN's. */
  readonly username?: string;
  readonly credential?: string;
}

/** An application format (XEP-0166 §7.3 `<description/>`), known by its namespace. */
export interface Application {
  readonly namespace: string;
  /** Looks at a `<description/>` that came in, before it is acknowledged. Throws a stanza error where it is malformed. */
  check?(description: Element): void;
}

/** A security precondition (XEP-0166 §9 `<security/>`), known by its namespace. */
export interface Security {
  readonly namespace: string;
  /** Looks at a `<security/>` that came in, before it is acknowledged. Throws a stanza error where it is malformed. */
  check?(security: Element): void;
}

export interface TransportContext {
  /** Narrowed to the peer of the session. */
  readonly channel: StanzaChannel;
  /** Our role in the Jingle session. */
  readonly role: Role;
  /** The Jingle session's sid. */
  readonly sid: string;
  /** What of our addresses this peer may learn, and what of the peer's may be connected to. Fixed for the attempt. */
  readonly addresses: AddressPolicy;
  /** `relayed`: direct paths were tried before, and nothing but relays is to be offered now. Not set where we answer. (An attempt for direct paths alone is told so by `addresses`.) */
  readonly reach?: "relayed" | undefined;
  /** STUN and TURN servers that may be asked. Never rejects. */
  readonly servers?: (() => Promise<readonly IceServer[]>) | undefined;
  /** Sends a transport-info with this `<transport/>`; resolves once the peer has acknowledged it. */
  sendInfo(transport: Element): Promise<void>;
  /** Tells of a candidate or step tried, in words for a person; with the error where it failed. `transport`: namespace of the one it is about, where that is another than the attempt's. */
  progress(step: string, error?: Error, transport?: string): void;
}

/** What a connected transport yields. */
export interface Connection {
  readonly bytes: Duplex;
  /** Where the bytes go, for a person to read: "ibb via capulet.lit and montague.lit". */
  readonly path: string;
  /** Namespace of the transport that carries it, where that is another than the attempt's. */
  readonly transport?: string | undefined;
  /** Further connections that showed the same right to be the peer's: whoever fails to show more is dropped. Their owner destroys what it does not take. */
  readonly others?: readonly Connection[] | undefined;
}

/**
 * One attempt. The side that offers calls `offer()`, then `accepted(answer)` with the peer's element; the side that is offered to calls
 * `answer(offer)`. Then both call `connect()`. `info()` may be called from the offer on, in the order received.
 * Malformed elements from the peer: throw `stanzaError("bad-request", …)` or another stanza error, which answers the IQ that brought them.
 */
export interface TransportAttempt {
  offer(): Promise<Element>;
  answer(offer: Element): Promise<Element>;
  accepted(answer: Element): void;
  info(transport: Element): void;
  /** Resolves once bytes can flow. Rejects with a BalconyError that says why this transport did not connect. */
  connect(signal: AbortSignal): Promise<Connection>;
  /** Lets go of everything: ports, timers, handlers. After `connect()` resolved it does nothing: the bytes are the caller's then. */
  abort(): void;
}
