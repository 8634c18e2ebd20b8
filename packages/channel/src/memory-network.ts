import { bare, type Element, isFull, type Jid, parseElement, xml } from "@balcony/xml";
import { BalconyError, stanzaError } from "./error.js";
import { throwLater } from "./memory-stanzas.js";
import { readAddress } from "./read-address.js";
import { StanzaRouter } from "./router.js";
import type { Unsubscribe } from "./stanza-channel.js";
import { writeStanzaError } from "./stanza-error.js";

/**
 * What stands in the way as a hostile server does: is given each stanza, with `from` and `to` as they would be delivered, and says what is delivered
 * instead: the same, another, several, or undefined for none.
 */
export type StanzaTap = (stanza: Element) => Element | readonly Element[] | undefined;

/** Servers in memory, with any number of addresses on them. */
export interface MemoryStanzaNetwork {
  /**
   * The wide channel of a client that is online at this address.
   * @throws `resource-conflict` where somebody is online there already, `invalid-jid`
   */
  connect(address: Jid): StanzaRouter;
  /** Has every stanza pass by `tap` from now on; taps are asked in the order in which they came. */
  tap(tap: StanzaTap): Unsubscribe;
  /** Delivers to its `to` a stanza that nobody sent, whatever its `from` says. No tap sees it. */
  inject(stanza: Element): void;
  /** The connection of this address breaks: its channel ends with `connection-lost`. */
  lose(address: Jid): void;
}

export interface MemoryStanzaNetworkOptions {
  /** Told of what a handler threw that is not an answer. By default it is thrown again where nobody catches it. */
  readonly report?: (error: unknown) => void;
}

/**
 * A network that routes by `to` and stamps `from`, as XMPP servers do (RFC 6120 §8.1.2.1, §10; RFC 6121 §8.5): a stanza without `to` is for the
 * sender's own account, messages and presence for a bare address go to each of its clients, requests that reach nobody are answered `service-unavailable`.
 */
export function memoryStanzaNetwork(options: MemoryStanzaNetworkOptions = {}): MemoryStanzaNetwork {
  return new Network(options.report ?? throwLater);
}

class Network implements MemoryStanzaNetwork {
  readonly #clients = new Map<Jid, StanzaRouter>();
  readonly #taps = new Set<StanzaTap>();

  constructor(private readonly report: (error: unknown) => void) {}

  connect(address: Jid): StanzaRouter {
    const self = readAddress(address);
    if (this.#clients.has(self)) throw new BalconyError("resource-conflict", `${self} is online already.`);
    const client: StanzaRouter = new StanzaRouter({
      self,
      transmit: async (stanza) => this.#accept(self, stanza),
      shutdown: async () => this.#leave(self, client),
      report: this.report,
    });
    this.#clients.set(self, client);
    return client;
  }

  tap(tap: StanzaTap): Unsubscribe {
    this.#taps.add(tap);
    return () => this.#taps.delete(tap);
  }

  inject(stanza: Element): void {
    this.#later(copy(stanza));
  }

  lose(address: Jid): void {
    const self = readAddress(address);
    const client = this.#clients.get(self);
    this.#clients.delete(self);
    client?.end(new BalconyError("connection-lost", `The connection of ${self} broke.`));
  }

  #leave(self: Jid, client: StanzaRouter): void {
    if (this.#clients.get(self) === client) this.#clients.delete(self);
  }

  #accept(self: Jid, sent: Element): void {
    const stanza = copy(sent);
    stanza.attrs.from = self;
    stanza.attrs.to = stanza.attrs.to === undefined ? bare(self) : readAddress(stanza.attrs.to);
    let passing: readonly Element[] = [stanza];
    for (const tap of [...this.#taps]) passing = passing.flatMap((one) => [tap(one) ?? []].flat());
    for (const one of passing) this.#later(copy(one));
  }

  // Never within the sender's own call: on a real wire nobody hears an answer before send() has returned.
  #later(stanza: Element): void {
    queueMicrotask(() => this.#route(stanza));
  }

  #route(stanza: Element): void {
    const { to } = stanza.attrs;
    if (to === undefined) throw new BalconyError("invalid-argument", "A stanza that is delivered needs a `to`.");
    const clients = this.#recipients(stanza, to);
    for (const client of clients) {
      const from = stanza.attrs.from === undefined ? bare(client.self) : readAddress(stanza.attrs.from);
      if (!client.receive(stanza, from)) client.refuse(stanza, from);
    }
    if (clients.length === 0) this.#bounce(stanza, to);
  }

  #recipients(stanza: Element, to: Jid): readonly StanzaRouter[] {
    const client = this.#clients.get(to);
    if (client) return [client];
    if (isFull(to) || stanza.getName() === "iq") return [];
    return [...this.#clients.values()].filter(({ self }) => bare(self) === to);
  }

  // RFC 6121 §8.5: to requests and messages that reach nobody; presence, answers and errors are dropped.
  #bounce(stanza: Element, to: Jid): void {
    const { type, from, id } = stanza.attrs;
    const name = stanza.getName();
    if (from === undefined || name === "presence" || type === "error" || type === "result") return;
    const detail = stanzaError("service-unavailable").stanza;
    if (this.#recipients(stanza, from).length === 0 || !detail) return;
    this.#later(xml(name, { type: "error", from: to, to: from, id }, writeStanzaError(detail)));
  }
}

function copy(stanza: Element): Element {
  return parseElement(stanza.toString());
}
