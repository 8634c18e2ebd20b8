import { BalconyError } from "@balcony/channel";
import { type Element, normalize, xml } from "@balcony/xml";
import { clientOf, type Internals } from "../ours/client.js";

export interface AccountOptions {
  /** `xmpp://host:port`, `xmpps://…`, `ws://…`, `wss://…`, or the domain alone. */
  readonly service: string;
  /** Full address. */
  readonly self: string;
  readonly password: string;
  /** SASL PLAIN, though the connection is not encrypted: only toward a server of our own on this machine. */
  readonly plain: boolean;
}

type Taker = (stanza: Element, from: string) => boolean;

/** The tester's own connection to its server: every stanza as it comes, and none answered by itself. */
export class Account {
  readonly self: string;
  readonly #xmpp: Internals;
  readonly #takers = new Set<Taker>();

  constructor({ service, self, password, plain }: AccountOptions) {
    this.self = normalize(self);
    this.#xmpp = clientOf({ service, self, password, plain });
    const passOn = this.#xmpp._onElement.bind(this.#xmpp);
    this.#xmpp._onElement = (element) => {
      if (!this.#take(element)) passOn(element);
    };
  }

  /** @throws `connection-lost`, `not-authorized` and whatever the server says */
  async login(): Promise<void> {
    try {
      await this.#xmpp.start();
      await this.send(xml("presence"));
    } catch (cause) {
      await this.logout().catch(() => undefined); // it has failed already
      throw new BalconyError("connection-lost", `${this.self} cannot log in: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
    }
  }

  #take(element: Element): boolean {
    const stanza = element.name === "iq" || element.name === "message" || element.name === "presence";
    if (!stanza || element.attrs.from === undefined) return false;
    const from = normalize(element.attrs.from);
    return [...this.#takers].some((taker) => taker(element, from));
  }

  /** What comes in is shown to `taker`, who says whether it was for it. */
  listen(taker: Taker): () => void {
    this.#takers.add(taker);
    return () => this.#takers.delete(taker);
  }

  /** @throws `connection-lost` */
  async send(stanza: Element): Promise<void> {
    try {
      await this.#xmpp.send(stanza);
    } catch (cause) {
      throw new BalconyError("connection-lost", `${this.self} is not connected to its server any more.`, { cause });
    }
  }

  async logout(): Promise<void> {
    this.#xmpp.reconnect.stop();
    await this.#xmpp.stop();
  }
}
