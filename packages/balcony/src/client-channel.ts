import { BalconyError, StanzaRouter } from "@balcony/channel";
import { bare, childElements, type Element, type Jid, normalize } from "@balcony/xml";
import type { ClientInternals } from "./client.js";
import { HeldAcknowledgements } from "./held-acknowledgements.js";

const NS_SM = "urn:xmpp:sm:3";
/** Milliseconds for which a broken connection may be resumed (XEP-0198 §5) before its channel counts as lost. */
const RESUMPTION_GRACE = 60_000;

export interface ClientChannelOptions {
  /** Namespaces of requests that are ours to answer, or to refuse to strangers. */
  readonly namespaces: ReadonlySet<string>;
  /** May this address know that we are online? (XEP-0166 §6.3.2) */
  readonly knows: (from: Jid) => boolean;
  /** What a refused stranger hears: what the server says of a resource that is not there. */
  readonly refusal: (request: Element) => readonly Element[] | undefined;
  /** Sees every stanza that comes in, before anybody acts on it. */
  readonly observe: (stanza: Element, from: Jid) => void;
  /** May change or replace a stanza of the application's on its way out; ours do not pass it. */
  readonly outgoing: (stanza: Element) => Element;
  /** A connection with this channel has begun: after each login, and never for a resumed one. */
  readonly onOnline: (channel: StanzaRouter) => void;
  /** The application stops the client: what has to be said before it is offline. Must not throw. */
  readonly onStopping: () => Promise<void>;
  readonly report: (error: unknown) => void;
}

/**
 * The client's connection to its server as wide StanzaChannels, one after another: each login makes a new one, since its address may be new.
 * It stands in front of @xmpp/client's own handlers: what is ours is taken out, everything else goes on to them as if we were not there.
 */
export class ClientChannels {
  #current: StanzaRouter | undefined;
  #interrupted: { readonly resumed: Promise<void>; readonly resume: () => void; readonly timer: NodeJS.Timeout } | undefined;
  readonly #acknowledgements: HeldAcknowledgements;
  readonly #sendNow: (stanza: Element) => Promise<unknown>;
  readonly #restore: () => void;

  constructor(
    private readonly client: ClientInternals,
    private readonly options: ClientChannelOptions,
  ) {
    const passOn = client._onElement.bind(client);
    const send = client.send.bind(client);
    const sendNow = async (stanza: Element): Promise<unknown> => {
      this.#acknowledgements.goes();
      return await send(stanza);
    };
    this.#sendNow = sendNow;
    this.#acknowledgements = new HeldAcknowledgements(passOn);
    const deliver = (element: Element): void => {
      if (this.#acknowledgements.take(element)) return;
      this.#acknowledgements.comes();
      if (this.#take(element)) this.#countTaken();
      else passOn(element);
    };
    client._onElement = inTurnOfStreamManagement(deliver);
    client.send = async (stanza: Element) => await sendNow(options.outgoing(stanza));
    const sendManyNow = client.sendMany?.bind(client);
    // Before it is online the client sends what a broken connection has swallowed, once more: that has been looked at.
    const passing = (stanza: Element): Element => (client.status === "online" ? options.outgoing(stanza) : stanza);
    if (sendManyNow) client.sendMany = async (stanzas: Iterable<Element>) => await sendManyNow([...stanzas].map(passing));
    const stop = client.stop?.bind(client);
    if (stop) {
      client.stop = async () => {
        await options.onStopping();
        return await stop();
      };
    }

    const online = () => this.#online();
    const disconnected = () => {
      this.#acknowledgements.forget();
      this.#disconnected();
    };
    const offline = () => this.#lost(new BalconyError("closed", "The XMPP client went offline.", { phase: "client" }));
    const resumed = () => this.#resumed();
    client.on("online", online);
    client.on("disconnect", disconnected);
    client.on("offline", offline);
    client.streamManagement?.on("resumed", resumed);
    this.#restore = () => {
      this.#acknowledgements.release();
      client.removeListener("online", online);
      client.removeListener("disconnect", disconnected);
      client.removeListener("offline", offline);
      client.streamManagement?.removeListener("resumed", resumed);
      client._onElement = passOn;
      client.send = sendNow;
      if (sendManyNow) client.sendMany = sendManyNow;
      if (stop) client.stop = stop;
    };
  }

  /** The channel of the connection that stands now. Throws `client-offline`. */
  get current(): StanzaRouter {
    if (this.#current) return this.#current;
    throw new BalconyError("client-offline", "The XMPP client is not online.", { phase: "client", hint: "Wait for its `online` event." });
  }

  /** Leaves the client as it was found. */
  async close(): Promise<void> {
    await this.#current?.close();
    this.#lost(new BalconyError("closed", "Balcony was closed."));
    this.#restore();
  }

  #online(): void {
    this.#lost(new BalconyError("connection-lost", "The connection to the server broke; the client has logged in anew.", { phase: "client" }));
    const channel: StanzaRouter = new StanzaRouter({
      self: normalize(String(this.client.jid)),
      transmit: (stanza) => this.#transmit(channel, stanza),
      shutdown: () => Promise.resolve(),
      report: this.options.report,
    });
    this.#current = channel;
    this.options.onOnline(channel);
  }

  /** A stanza whose writing fails is in nobody's queue (those whose writing does not, @xmpp/client sends again): it waits until the connection is resumed. */
  async #transmit(channel: StanzaRouter, stanza: Element): Promise<void> {
    for (;;) {
      if (this.#interrupted) await this.#interrupted.resumed;
      channel.closed.throwIfAborted();
      try {
        await this.#sendNow(stanza);
        return;
      } catch (error) {
        if (!this.#resumable || !isBrokenConnection(error)) throw error;
        this.#disconnected(); // the client's own event follows
      }
    }
  }

  get #resumable(): boolean {
    return Boolean(this.client.streamManagement?.id);
  }

  #disconnected(): void {
    if (!this.#current || this.#interrupted) return;
    if (!this.#resumable) {
      this.#lost(new BalconyError("connection-lost", "The connection to the server broke.", { phase: "client" }));
      return;
    }
    let resume = (): void => undefined;
    const resumed = new Promise<void>((resolve) => {
      resume = resolve;
    });
    const timer = setTimeout(
      () => this.#lost(new BalconyError("connection-lost", `The connection to the server broke and was not resumed within ${RESUMPTION_GRACE / 1000} s.`, { phase: "client" })),
      RESUMPTION_GRACE,
    );
    timer.unref();
    this.#interrupted = { resumed, resume, timer };
  }

  #resumed(): void {
    if (!this.#interrupted) return;
    clearTimeout(this.#interrupted.timer);
    this.#interrupted.resume();
    this.#interrupted = undefined;
  }

  #lost(reason: BalconyError): void {
    const channel = this.#current;
    this.#current = undefined;
    channel?.end(reason);
    this.#resumed();
  }

  /** A stanza that we take never reaches @xmpp/client's own counter, and the server would send it again on resumption (XEP-0198 §4). */
  #countTaken(): void {
    const { streamManagement } = this.client;
    if (streamManagement?.enabled) streamManagement.inbound += 1;
  }

  #take(element: Element): boolean {
    const channel = this.#current;
    if (!channel || !["iq", "message", "presence"].includes(element.name)) return false;
    const from = this.#sender(element, channel.self);
    if (from === undefined) return false;
    this.options.observe(element, from);
    const { type } = element.attrs;
    const request = element.name === "iq" && type !== "result" && type !== "error";
    if (!request) return channel.receive(element, from);
    if (!this.#isOurs(element)) return false;
    if (!this.options.knows(from)) channel.refuse(element, from, this.options.refusal(element));
    else if (!channel.receive(element, from)) return false;
    return true;
  }

  #isOurs(request: Element): boolean {
    return childElements(request).some((child) => this.options.namespaces.has(child.getNS() ?? ""));
  }

  /** RFC 6120 §8.1.2.1: what comes without `from` comes from our own account; the server stamps everything else. */
  #sender(stanza: Element, self: Jid): Jid | undefined {
    if (stanza.attrs.from === undefined) return bare(self);
    try {
      return normalize(stanza.attrs.from);
    } catch (error) {
      this.options.report(new BalconyError("invalid-jid", `A stanza came from ${JSON.stringify(stanza.attrs.from)}, which is no address.`, { phase: "client", cause: error }));
      return undefined;
    }
  }
}

/** What the system says of a socket that is gone: ECONNRESET, EPIPE, ERR_STREAM_DESTROYED… */
function isBrokenConnection(error: unknown): boolean {
  return error instanceof Error && !(error instanceof BalconyError) && "code" in error && typeof error.code === "string";
}

/**
 * @xmpp/client acts on `<enabled/>` and `<resumed/>` some promises later, and only then sets its counter to 0. What came in one piece with them would be counted before,
 * and an `<r/>` among it answered with the wrong count, for which servers end the stream or send stanzas twice (XEP-0198 §4): it waits until that is done.
 */
function inTurnOfStreamManagement(deliver: (element: Element) => void): (element: Element) => void {
  let held: Element[] | undefined;
  const receive = (element: Element): void => {
    if (held) {
      held.push(element);
      return;
    }
    deliver(element);
    if (!element.is("enabled", NS_SM) && !element.is("resumed", NS_SM)) return;
    held = [];
    setImmediate(() => {
      const waiting = held ?? [];
      held = undefined;
      for (const one of waiting) receive(one);
    });
  };
  return receive;
}
