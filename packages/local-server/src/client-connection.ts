import { randomId } from "@balcony/channel";
import { bare, type Element, type Jid, xml } from "@balcony/xml";
import { addressIn } from "./address.js";
import { NS_CLIENT } from "./errors.js";
import type { ServerLimits } from "./limits.js";
import { firstState, type Header, type Negotiation, type NegotiationContext, type NegotiationEffect, type NegotiationEvent, type StreamCondition, step } from "./negotiation.js";
import type { BoundSession } from "./sessions.js";
import type { Wire, WireHandlers } from "./wire.js";

const NS_STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";

/** What a connection asks of the server it belongs to. */
export interface ConnectionHost {
  readonly negotiation: NegotiationContext;
  readonly limits: ServerLimits;
  /** A client has its resource from now on; called before it is told so. */
  bound(connection: ClientConnection): void;
  /** A stanza of a bound client, with its own address as `from`. */
  received(stanza: Element, connection: ClientConnection): void;
  /** Makes of one stanza to this client those that are written, and when. */
  sending(stanza: Element, connection: ClientConnection, write: (stanza: Element) => void): void;
  tapped(direction: "in" | "out", xml: string, connection: ClientConnection): void;
  /** The connection takes nothing any more: its presence ends here. Called once, and before `gone`. */
  ended(connection: ClientConnection): void;
  gone(connection: ClientConnection): void;
}

/** One client, from connecting to the last byte: drives the negotiation, then hands its stanzas to the server. */
export class ClientConnection implements BoundSession {
  presence: Element | undefined;
  readonly directed = new Set<Jid>();
  readonly #host: ConnectionHost;
  readonly wire: Wire;
  #state: Negotiation = firstState;
  #self: Jid | undefined;
  #ended = false;
  /** Senders that wait for this client to read. */
  readonly #heldBack = new Set<ClientConnection>();
  /** How many clients this one waits for as a sender. */
  #waitingFor = 0;
  #loginTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;

  constructor(host: ConnectionHost, connect: (handlers: WireHandlers) => Wire) {
    this.#host = host;
    this.#loginTimer = setTimeout(() => this.fail("connection-timeout"), host.limits.loginTimeout);
    this.wire = connect({
      header: (header, text) => this.#onHeader(header, text),
      element: (element) => this.#onElement(element),
      closed: (text) => {
        host.tapped("in", text, this);
        this.close();
      },
      invalid: (condition, text) => this.fail(condition, text),
      gone: () => this.#onGone(),
      drained: () => this.#release(),
      wrote: (text) => host.tapped("out", text, this),
    });
  }

  /** The full JID, or "" before there is one. */
  get self(): Jid {
    return this.#self ?? "";
  }

  get isBound(): boolean {
    return this.#self !== undefined;
  }

  get isSecure(): boolean {
    return this.#state.secure;
  }

  deliver(stanza: Element): void {
    if (this.#ended) return;
    this.#host.sending(stanza, this, (ready) => {
      if (this.#ended) return;
      this.wire.send(ready);
    });
  }

  /** Stops reading from `sender` while too much waits for this client; when that lasts too long, it is this client that goes. */
  holdBack(sender: ClientConnection): void {
    const { queuedBytes, stallTimeout } = this.#host.limits;
    if (this.#ended || this.#heldBack.has(sender) || this.wire.queued <= queuedBytes) return;
    this.#heldBack.add(sender);
    this.#stallTimer ??= setTimeout(() => this.drop(), stallTimeout);
    sender.#waitingFor++;
    sender.wire.pause();
  }

  /** Ends the stream with an error (RFC 6120 §4.9). */
  fail(condition: StreamCondition, text?: string): void {
    if (this.#ended) return;
    this.#end();
    this.wire.close(xml("stream:error", {}, xml(condition, NS_STREAM_ERRORS), text !== undefined && xml("text", NS_STREAM_ERRORS, text)));
  }

  /** Ends the stream properly. */
  close(): void {
    if (this.#ended) return;
    this.#end();
    this.wire.close();
  }

  /** Cuts the connection, as a network does. */
  drop(): void {
    this.#end();
    this.wire.destroy();
  }

  #onHeader(header: Header, text: string): void {
    this.#host.tapped("in", text, this);
    this.#negotiate({ type: "header", header, fresh: randomId() });
  }

  #onElement(element: Element): void {
    this.#host.tapped("in", element.toString(), this);
    if (this.#state.at === "bound") this.#onStanza(element);
    else this.#negotiate({ type: "element", element, fresh: randomId() });
  }

  #onStanza(stanza: Element): void {
    if (stanza.getNS() !== NS_CLIENT || !["iq", "message", "presence"].includes(stanza.getName())) {
      this.fail("unsupported-stanza-type");
      return;
    }
    // RFC 6120 §8.1.2.1
    if (stanza.attrs.from !== undefined && ![this.self, bare(this.self)].includes(addressIn(stanza.attrs.from) ?? "")) {
      this.fail("invalid-from");
      return;
    }
    stanza.attrs.from = this.self;
    this.#host.received(stanza, this);
  }

  #negotiate(event: NegotiationEvent): void {
    const { negotiation } = this.#host;
    const { state, effects } = step(this.#state, event, { ...negotiation, starttls: negotiation.starttls && this.wire.kind === "tcp" });
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: NegotiationEffect): void {
    const { limits } = this.#host;
    switch (effect.do) {
      case "open":
        this.wire.open(effect);
        break;
      case "send":
        this.wire.send(effect.element);
        break;
      case "secure":
        this.wire.secure(effect.element, limits.preAuthBytes);
        break;
      case "restart":
        this.wire.restart(this.#state.account === undefined ? limits.preAuthBytes : limits.stanzaBytes);
        break;
      case "bind":
        clearTimeout(this.#loginTimer);
        this.#self = effect.self;
        this.#host.bound(this);
        this.wire.send(effect.reply);
        break;
      case "fail":
        this.fail(effect.condition, effect.text);
        break;
    }
  }

  #release(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
    for (const sender of this.#heldBack) if (--sender.#waitingFor === 0) sender.wire.resume();
    this.#heldBack.clear();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#loginTimer);
    this.#release();
    this.#host.ended(this);
  }

  #onGone(): void {
    this.#end();
    this.#host.gone(this);
  }
}
