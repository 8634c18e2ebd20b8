import { StanzaRouter, type Unsubscribe } from "@balcony/channel";
import { bare, type Element, type Jid, normalize } from "@balcony/xml";

/** What a bot's address hangs on: an @xmpp/client before it is started, or one address of a component. */
export interface Client {
  _onElement(element: Element): void;
  // biome-ignore lint/suspicious/noExplicitAny: @xmpp/client's elements and ours are the same objects under types of other origin
  send(stanza: any): Promise<unknown>;
}

/** Sees, and may change, what the bot sends: how it breaks rules on purpose. */
export type Tamper = (stanza: Element) => Element | readonly Element[];

/** A bot's own address, and everything that comes to it and leaves it. */
export class Line {
  readonly channel: StanzaRouter;
  readonly #incoming = new Set<(stanza: Element, from: Jid) => void>();
  readonly #tampering = new Set<Tamper>();

  constructor(
    client: Client,
    readonly self: Jid,
    /** What becomes of requests that the bot has no answer to: refused, or somebody else's to answer. */
    { others, report }: { readonly others: "refused" | "passed on"; readonly report: (error: unknown) => void },
  ) {
    const channel = new StanzaRouter({
      self,
      transmit: async (stanza) => {
        let passing: readonly Element[] = [stanza];
        for (const tamper of this.#tampering) passing = passing.flatMap((one) => [tamper(one)].flat());
        for (const one of passing) await client.send(one);
      },
      shutdown: () => Promise.resolve(),
      report,
    });
    this.channel = channel;
    const passOn = client._onElement.bind(client);
    client._onElement = (element) => {
      if (!["message", "presence", "iq"].includes(element.name) || element.attrs.from === undefined) {
        passOn(element);
        return;
      }
      const from = normalize(element.attrs.from);
      for (const listener of this.#incoming) listener(element, from);
      if (channel.receive(element, from)) return;
      if (others === "refused" && element.name === "iq" && from !== bare(self)) channel.refuse(element, from);
      else passOn(element);
    };
  }

  /** Hears each stanza before anybody acts on it. */
  hear(listener: (stanza: Element, from: Jid) => void): Unsubscribe {
    this.#incoming.add(listener);
    return () => this.#incoming.delete(listener);
  }

  tamper(tamper: Tamper): Unsubscribe {
    this.#tampering.add(tamper);
    return () => this.#tampering.delete(tamper);
  }
}
