import type { BalconyError, Unsubscribe, WaitOptions } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import type { Connection, Role } from "./plugins.js";
import type { Reason, ReasonDetail } from "./reason.js";
import type { Transcript } from "./transcript.js";

/** Told of the payload of a session-info; `true` says that it was understood. May throw a stanza error, which is the answer. */
export type InfoHandler = (payload: Element) => boolean | undefined;

/** A session that both sides have accepted and whose transport is connected. */
export interface Session {
  /** Who offered it: `responder` also where our `initiate()` met the peer's offer and the peer's went on. */
  readonly role: Role;
  readonly sid: string;
  /** The peer's full address, in normal form. */
  readonly peer: Jid;
  /** The bytes, and the path they take: another one where a provisional path was replaced. The session's end destroys what is left of them. */
  readonly connection: Connection;
  /** Namespace of the transport that connected. */
  readonly transport: string;
  /** The `<description/>` that we sent, and the one that the peer sent. */
  readonly localApplication: Element;
  readonly remoteApplication: Element;
  /** The `<security/>` that we sent, and the one that the peer sent. */
  readonly localSecurity: Element | undefined;
  readonly remoteSecurity: Element | undefined;
  /**
   * What was said in negotiating it, as this side sent and received it: for whoever compares it with the peer's over a channel that the servers cannot reach. Each call but the
   * first finds nothing, as it is forgotten then.
   */
  takeTranscript(): Transcript;
  /** Aborted when the session has ended: reason code `closed` after success, else `session-ended` with the peer's or our own condition. */
  readonly ended: AbortSignal & { readonly reason: BalconyError };
  /** Aborted when the channel that carries the signalling has closed. The bytes are not touched; `terminate()` then ends the session on this side alone. */
  readonly signallingLost: AbortSignal;
  /**
   * For sessions that were wanted as `provisional`: something has come by the path, which has no deadline any more, but may still break.
   * @param taken the connection, or one of its `others`; the rest are destroyed
   */
  take(taken: Connection): void;
  /** For sessions that were wanted as `provisional`: both sides use the path, and it stays. */
  settle(): void;
  /**
   * For sessions that were wanted as `provisional` and are not settled: has a path replaced that broke, or that the peer has given up.
   * @param lost the connection that broke
   * @param error how; what it rejects with where the path is settled
   * @throws why the session ended: `failed-transport` where no other transport would connect
   */
  replacement(lost: Connection, error: Error): Promise<Connection>;
  /**
   * Ends the session at once and tells the peer. Calling it again does nothing.
   * @param detail text for a person to read, or that and more
   * @returns resolves once the peer has acknowledged, or cannot be reached; never rejects
   */
  terminate(reason: Reason, detail?: string | ReasonDetail): Promise<void>;
  /**
   * Sends a session-info; without payload a ping (XEP-0166 §6.8).
   * @throws `stanza-error`, `closed`, `timeout`, `aborted`, and why the session ended
   */
  sendInfo(payload?: Element, options?: WaitOptions): Promise<void>;
  onInfo(handler: InfoHandler): Unsubscribe;
}

/** What is being tried, for a person to see. */
export interface NegotiationProgress {
  /** In words: "offered", "connecting by urn:xmpp:jingle:transports:ibb:1", and what transports have to tell. */
  readonly step: string;
  /** Namespace of the transport that is being tried. */
  readonly transport: string;
  readonly error?: Error | undefined;
  /** Where the path stands that it tells of. */
  readonly path?: string | undefined;
}
