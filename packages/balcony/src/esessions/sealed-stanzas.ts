import type { RequestFilter, RequestHandler, RequestOptions, StanzaChannel, StanzaHandler, Unsubscribe } from "@balcony/channel";
import type { ESession } from "@balcony/esessions";
import type { Element, Jid } from "@balcony/xml";
import type { SecuredStanzas } from "../session.js";

/** An ESession in the shape in which a Session runs on it. */
export class SealedStanzas implements SecuredStanzas {
  readonly self: Jid;
  readonly peer: Jid;
  readonly #channel: StanzaChannel;

  constructor(private readonly session: ESession) {
    this.#channel = session.channel;
    this.self = session.channel.self;
    this.peer = session.peer;
  }

  get wide(): StanzaChannel {
    return this.#channel.wide;
  }

  get closed(): StanzaChannel["closed"] {
    return this.#channel.closed;
  }

  get observer(): ((stanza: Element) => void) | undefined {
    return this.session.observer;
  }

  set observer(observer: ((stanza: Element) => void) | undefined) {
    this.session.observer = observer;
  }

  get guard(): ((stanza: Element) => void) | undefined {
    return this.session.guard;
  }

  set guard(guard: ((stanza: Element) => void) | undefined) {
    this.session.guard = guard;
  }

  deliver(): void {
    this.session.deliver();
  }

  hold(): void {
    this.session.deliver(() => false);
  }

  async send(stanza: Element): Promise<void> {
    await this.#channel.send(stanza);
  }

  async request(iq: Element, options?: RequestOptions): Promise<Element> {
    return await this.#channel.request(iq, options);
  }

  onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    return this.#channel.onRequest(filter, handler);
  }

  onStanza(handler: StanzaHandler): Unsubscribe {
    return this.#channel.onStanza(handler);
  }

  to(peer: Jid): StanzaChannel {
    return this.#channel.to(peer);
  }

  async close(): Promise<void> {
    await this.#channel.close();
  }
}
