import { BalconyError } from "@balcony/channel";
import { type Element, normalize, xml } from "@balcony/xml";
import { client } from "@xmpp/client";

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

type Internals = ReturnType<typeof client> & { _onElement(element: Element): void };

/** The tester's own connection to its server: every stanza as it comes, and none answered by itself. */
export class Account {
  readonly self: string;
  readonly #xmpp: Internals;
  readonly #takers = new Set<Taker>();

  constructor({ service, self, password, plain }: AccountOptions) {
    const [account = "", resource] = self.split("/");
    const [username, domain] = account.split("@") as [string, string];
    const login = plain
      ? {
          credentials: async (authenticate: (credentials: { username: string; password: string }, mechanism: string) => Promise<void>) =>
            await authenticate({ username, password }, "PLAIN"),
        }
      : { username, password };
    this.self = normalize(self);
    this.#xmpp = client({ service, domain, resource, ...login }) as unknown as Internals;
    this.#xmpp.on("error", () => undefined); // what its socket says when the server goes away: whoever waits for an answer hears of it
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

  async send(stanza: Element): Promise<void> {
    await this.#xmpp.send(stanza);
  }

  async logout(): Promise<void> {
    this.#xmpp.reconnect.stop();
    await this.#xmpp.stop();
  }
}
