import type { Element, Jid } from "@balcony/xml";
import type { BalconyError } from "./error.js";
import type { WaitOptions } from "./waiting.js";

/** A stanza as it came in. Who sent it is `from`, and nothing in `stanza`. */
export interface Received {
  readonly stanza: Element;
  /** The sender's address in normal form, vouched for by the channel. Never read from an attribute by whoever handles it. */
  readonly from: Jid;
}

/** An IQ get or set that waits for its answer. */
export interface Request extends Received {
  readonly type: "get" | "set";
  /** The request's one child element. */
  readonly payload: Element;
}

/** Which requests a handler wants: by type, and by local name and namespace of the payload. */
export interface RequestFilter {
  readonly type: "get" | "set";
  readonly name: string;
  readonly xmlns: string;
}

/** What a request handler returns (not in a promise) for a request that some other handler of the same filter may know. */
export const notMine: unique symbol = Symbol("not mine");

/** What a request handler returns (not in a promise) where it sends the answer itself, at a moment of its own. Such a request is not counted among those that are open. */
export const answersItself: unique symbol = Symbol("answers itself");

/** The result's child element, or undefined for an empty result. To answer with an error, throw `stanzaError(…)`. */
export type Answer = Element | undefined;

export type RequestHandler = (request: Request) => typeof notMine | typeof answersItself | Answer | Promise<Answer>;

/** Called for each message and presence; `true` says that it is dealt with and no later handler is asked. */
export type StanzaHandler = (received: Received) => boolean | undefined;

/** Takes the handler away again. Calling it twice does no harm. */
export type Unsubscribe = () => void;

export interface RequestOptions extends WaitOptions {
  /**
   * Called with the result within the call that delivers it, ahead of the promise: for protocols that answer each result with the next request, and would lose
   * their turn to whatever else the same bytes brought. Must not throw.
   */
  readonly onResult?: ((result: Element) => void) | undefined;
  /** The same for an answer that is an error. */
  readonly onError?: ((error: Element) => void) | undefined;
}

/**
 * Sends and receives whole stanzas, asks and answers IQs: the client's connection to its server, an e2e stream, an ESession, a link-local stream.
 *
 * - Handlers of one filter are asked in the order in which they came; the first that does not say `notMine` answers. A request that nobody takes is answered `service-unavailable`.
 * - What a handler returns at once is sent before anything that it sends in a later microtask.
 * - An answer counts only if it comes from the address that was asked.
 * - Stanzas are delivered in order. What is received while no handler is there is refused (IQs) or dropped (others).
 */
export interface StanzaChannel {
  /** Our own address on this channel: a full JID in normal form. */
  readonly self: Jid;
  /** The one address this channel talks to, in normal form; undefined on a channel that talks to many. */
  readonly peer: Jid | undefined;
  /** The channel that this one was narrowed from, or the channel itself: where protocols that share a wire find each other. */
  readonly wide: StanzaChannel;
  /** Sends one stanza. Resolves once the layer below has room for more; rejects with `closed`. */
  send(stanza: Element): Promise<void>;
  /**
   * Sends an IQ get or set and waits for its answer; the id is ours, fresh and random, whatever the element says.
   * @param options timeout 30 s by default
   * @returns the result stanza
   * @throws `stanza-error`, `timeout`, `aborted`, `closed`
   */
  request(iq: Element, options?: RequestOptions): Promise<Element>;
  onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe;
  onStanza(handler: StanzaHandler): Unsubscribe;
  /** This channel, narrowed to one address: what is sent goes there, and only what comes from exactly there comes in. */
  to(peer: Jid): StanzaChannel;
  /** Closes the channel properly. On a narrowed channel: takes its handlers away and fails its open requests, the wide channel stays. */
  close(): Promise<void>;
  /** Aborted once the channel is closed or lost; `reason` is the BalconyError that says why (`closed` after a proper close). */
  readonly closed: AbortSignal & { readonly reason: BalconyError };
}
