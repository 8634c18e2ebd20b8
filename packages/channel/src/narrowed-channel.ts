import { clone, type Element, type Jid } from "@balcony/xml";
import { BalconyError } from "./error.js";
import { readAddress } from "./read-address.js";
import type { RequestFilter, RequestHandler, RequestOptions, StanzaChannel, StanzaHandler, Unsubscribe } from "./stanza-channel.js";

/** What a wide channel does for one that was narrowed from it. */
export interface Narrowing {
  /** Puts a request to the peer of `asker`; the element stays as it was. */
  readonly ask: (iq: Element, options: RequestOptions, asker: NarrowedChannel) => Promise<Element>;
  readonly failRequests: (asker: StanzaChannel, reason: BalconyError) => void;
  readonly addRequestHandler: (filter: RequestFilter, handler: RequestHandler) => Unsubscribe;
  readonly addStanzaHandler: (handler: StanzaHandler) => Unsubscribe;
  /** Calls `listener` when the wide channel has ended. */
  readonly onEnd: (listener: (reason: BalconyError) => void) => Unsubscribe;
}

/** One peer's share of a wider channel. One that is dropped without `close()` leaves nothing behind, unless somebody took its `closed` or has a handler on it. */
export class NarrowedChannel implements StanzaChannel {
  readonly self: Jid;
  readonly #subscriptions = new Set<Unsubscribe>();
  #own: BalconyError | undefined;
  #closed: AbortController | undefined;

  constructor(
    readonly wide: StanzaChannel,
    readonly peer: Jid,
    private readonly narrowing: Narrowing,
  ) {
    this.self = wide.self;
  }

  // Made when first asked for: AbortSignal.any() would leave a reference on the wide channel's signal for every channel ever narrowed.
  get closed(): StanzaChannel["closed"] {
    if (!this.#closed) {
      const controller = new AbortController();
      this.#closed = controller;
      const reason = this.#reason;
      if (reason) controller.abort(reason);
      else this.#subscriptions.add(this.narrowing.onEnd((ended) => controller.abort(ended)));
    }
    return this.#closed.signal;
  }

  async send(stanza: Element): Promise<void> {
    this.#mustBeOpen();
    await this.wide.send(this.#addressed(stanza));
  }

  async request(iq: Element, options: RequestOptions = {}): Promise<Element> {
    this.#mustBeOpen();
    return await this.narrowing.ask(iq, options, this);
  }

  onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    if (this.#reason) return () => undefined;
    return this.#remember(this.narrowing.addRequestHandler(filter, handler));
  }

  onStanza(handler: StanzaHandler): Unsubscribe {
    if (this.#reason) return () => undefined;
    return this.#remember(this.narrowing.addStanzaHandler(handler));
  }

  to(peer: Jid): StanzaChannel {
    const address = readAddress(peer);
    if (address !== this.peer) throw new BalconyError("invalid-argument", `A channel to ${this.peer} cannot be narrowed to ${address}.`);
    return this;
  }

  async close(): Promise<void> {
    if (this.#reason) return;
    const reason = new BalconyError("closed", "The channel was closed.", { peer: this.peer });
    this.#own = reason;
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#subscriptions.clear();
    this.narrowing.failRequests(this, reason);
    this.#closed?.abort(reason);
  }

  /** Why this channel is closed, if it is. */
  get #reason(): BalconyError | undefined {
    if (this.#own) return this.#own;
    return this.wide.closed.aborted ? this.wide.closed.reason : undefined;
  }

  #mustBeOpen(): void {
    const reason = this.#reason;
    if (reason) throw reason;
  }

  #addressed(stanza: Element): Element {
    const addressed = clone(stanza);
    addressed.attrs.to = this.peer;
    return addressed;
  }

  #remember(unsubscribe: Unsubscribe): Unsubscribe {
    const once = () => {
      this.#subscriptions.delete(once);
      unsubscribe();
    };
    this.#subscriptions.add(once);
    return once;
  }
}
