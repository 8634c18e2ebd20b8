import type { StanzaChannel } from "@balcony/channel";
import type { ESessions } from "@balcony/esessions";
import type { AddressPolicy, Jingle, Transport } from "@balcony/jingle";
import type { Anchor, Identity, PeerCertificate } from "@balcony/tls";
import type { Decision, OpenPgpVerifier, TrustStore } from "@balcony/trust";
import type { Jid, Limits } from "@balcony/xml";
import type { KeepaliveTimes } from "@balcony/xml-stream";
import type { Contacts } from "./contacts.js";
import type { DirectedPresence } from "./directed-presence.js";
import type { ESessionSettings } from "./esessions/settings.js";
import type { LoggingDifference, LogPreference } from "./logging.js";
import type { OnProgress } from "./progress.js";
import type { Ceremonies } from "./verification/ceremonies.js";
import type { Secure } from "./xtls.js";

/** Milliseconds for each wait. */
export interface Timeouts {
  /** For a device of a bare address, of which none is known, to show itself. Default 5,000. */
  readonly presence: number;
  /** For the answer to disco#info. Default 30,000. */
  readonly discovery: number;
  /** From the offer until bytes can flow. Default 30,000. */
  readonly negotiation: number;
  /** STARTTLS and TLS together. Default 15,000. */
  readonly handshake: number;
  /** For the headers and features of the stream. Default 15,000. */
  readonly stream: number;
  /** For a person, where policy asks one. Default 120,000. */
  readonly person: number;
}

export const defaultTimeouts: Timeouts = Object.freeze({ presence: 5_000, discovery: 30_000, negotiation: 30_000, handshake: 15_000, stream: 15_000, person: 120_000 });

/** An offer of a stream, or of an ESession, as policy sees it. */
export interface IncomingOffer {
  readonly peer: Jid;
  /** Has a stream with this bare address been accepted before? Of an ESession: is a key of it known? */
  readonly known: boolean;
  readonly protocol: "TLSv1.3" | "ESession";
  /** Aborted when the offer is withdrawn or its time is up. */
  readonly signal: AbortSignal;
}

/** A peer's key at the moment of decision. */
export interface PresentedKey {
  readonly peer: Jid;
  /** SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. */
  readonly fingerprint: string;
  /** Undefined in an ESession, which has none. */
  readonly certificate: PeerCertificate | undefined;
  readonly decision: Decision;
  readonly signal: AbortSignal;
}

/** A client that knows no end-to-end streams, and ESessions. */
export interface FallbackQuestion {
  readonly peer: Jid;
  /** `initiator`: we want to talk to it; `responder`: it has asked. */
  readonly role: "initiator" | "responder";
  readonly signal: AbortSignal;
}

export interface Policy {
  /**
   * What a stream must be to be used: any key that is not blocked, or a verified one. Default `encrypted`. What the store has for a peer (`store.require()`) goes before it.
   */
  readonly require: "encrypted" | "verified";
  /**
   * Addresses, bare or full, that may know that we are online and offer streams, beside those who see our presence and those whose key we know already.
   * Everybody else gets the answer of an absent resource.
   */
  readonly allow: (address: Jid) => boolean;
  /**
   * `compare`: both sides must compare inside TLS what was said in signalling, and a peer that knows no such comparison is refused. `where-known`, the default: peers that say inside
   * TLS that they do not know it are taken without. One that knows it is compared with in any case.
   */
  readonly signalling: "where-known" | "compare";
  /** Takes or declines an offer from somebody who may make one. Default: takes all. May ask the person. */
  readonly accept: (offer: IncomingOffer) => boolean | Promise<boolean>;
  /**
   * May this peer learn our IP address, and have us connect to private ones? Default: those who are `known`, by seeing our presence or by a key that was accepted before. Asked at each
   * attempt to connect; others get relays of our own server.
   */
  readonly showAddress: (peer: { readonly peer: Jid; readonly known: boolean }) => boolean;
  /** Does the application keep a transcript of what is said? Told to each peer inside TLS, before anything else. Default `may`. What holds in a session is `session.logging.agreed`. */
  readonly logging: LogPreference;
  /**
   * Asked where we may keep a transcript and the peer asks that none be kept. True: none is kept, and the application sees to that; false: the stream is closed with `logging-differs`. Default: true. May
   * ask the person, who has a minute.
   */
  readonly loggingDiffers: (difference: LoggingDifference) => boolean | Promise<boolean>;
  /**
   * May a session be an ESession (docs/esessions.md) where the peer's client has no streams and never had any? The person must be told. Default `never`: ESessions are then neither
   * begun, nor taken, nor advertised.
   */
  readonly fallback: "never" | ((peer: FallbackQuestion) => boolean | Promise<boolean>);
  /** Asked before a stream with a key never seen before is used. Default: yes. */
  readonly firstUse: (key: PresentedKey) => boolean | Promise<boolean>;
}

/** What is fixed for one open() or accept(). */
export interface Context {
  /** The client's connection, wide. */
  readonly channel: StanzaChannel;
  readonly jingle: Jingle;
  /** Undefined where policy never falls back. */
  readonly esessions: ESessions | undefined;
  readonly sealing: ESessionSettings;
  /** In order of preference. */
  readonly transports: readonly Transport[];
  /** What we tell those who ask what we support. */
  readonly features: readonly string[];
  /** What transports may do with addresses, by peer. */
  readonly addresses: (peer: Jid) => AddressPolicy;
  readonly contacts: Contacts;
  readonly presence: DirectedPresence;
  readonly store: TrustStore;
  readonly ceremonies: Ceremonies;
  /** Whether a key that is blocked for want of a verification gets a stream on which nothing else goes. */
  readonly verifying: boolean;
  readonly identity: Identity;
  readonly policy: Policy;
  /** Authorities whose word the person takes for whose a key is. */
  readonly anchors: readonly Anchor[];
  /** What checks statements of OpenPGP keys; undefined where they do not count. */
  readonly openpgp: OpenPgpVerifier | undefined;
  readonly timeouts: Timeouts;
  readonly secure: Secure;
  readonly limits: Partial<Limits>;
  readonly keepalive: KeepaliveTimes | "off" | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  readonly report: (error: unknown) => void;
}
