import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { connect, type Socket } from "node:net";
import { BalconyError, withDeadline, writeStanzaError } from "@balcony/channel";
import { bare, childElements, clone, type Element, isFull, type Jid, normalize, StreamParser, serialize, XmlError, xml } from "@balcony/xml";

const NS_COMPONENT = "jabber:component:accept";
/** Requests to a bare address whose answer has not left. */
const MOST_ASKED = 1_024;

export interface ComponentOptions {
  readonly host: string;
  readonly port: number;
  readonly domain: string;
  readonly secret: string;
  readonly report: (error: unknown) => void;
}

/**
 * An external component (XEP-0114), each of whose addresses is to be had in the shape of an @xmpp/client. @xmpp/component has no release that goes with the client's 0.14, and reads with the parser that one
 * `&foo;` of a server's ends.
 */
export class Component {
  readonly #socket: Socket;
  readonly #clients = new Map<Jid, ComponentClient>();
  readonly #closed: Promise<void>;

  private constructor(
    socket: Socket,
    private readonly options: ComponentOptions,
  ) {
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  /** @throws `client-offline` where it cannot connect, or is not let in; `timeout` */
  static async connect(options: ComponentOptions): Promise<Component> {
    const { domain, host, port, secret } = options;
    const socket = connect({ host, port });
    const component = new Component(socket, options);
    const refused = (why: string, cause?: unknown): BalconyError =>
      new BalconyError("client-offline", `The component ${domain} was not let in: ${why}.`, { phase: "client", cause });
    const accepted = new Promise<void>((resolve, reject) => {
      const parser = new StreamParser({
        open: ({ attrs }) => {
          const digest = createHash("sha1")
            .update(`${attrs.id ?? ""}${secret}`)
            .digest("hex");
          socket.write(`<handshake>${digest}</handshake>`);
        },
        element: (element) => {
          if (element.name === "handshake") resolve();
          else if (element.name === "stream:error") reject(refused(childElements(element)[0]?.name ?? "stream error"));
          else component.#route(element);
        },
        close: () => socket.end(),
      });
      socket.on("data", (chunk) => {
        try {
          parser.write(chunk);
        } catch (error) {
          if (!(error instanceof XmlError)) options.report(error);
          reject(refused("what came is no XMPP", error));
          socket.destroy();
        }
      });
      socket.once("error", (error) => reject(refused(error.message, error)));
      socket.once("close", () => reject(refused("the connection was closed")));
      socket.write(`<?xml version='1.0'?><stream:stream xmlns='${NS_COMPONENT}' xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`);
    });
    try {
      await withDeadline(accepted, { timeout: 10_000, waitingFor: `${host} to let the component in` });
    } catch (error) {
      socket.destroy();
      throw error;
    }
    socket.on("error", options.report);
    return component;
  }

  /** One of its addresses. `online` has to be called once everything is in its place. */
  client(name: string, resource = "bot"): ComponentClient {
    const self = normalize(`${name}@${this.options.domain}/${resource}`);
    const client = new ComponentClient(self, (stanza) => this.#write(stanza));
    this.#clients.set(bare(self), client);
    return client;
  }

  #write(stanza: Element): void {
    const copy = clone(stanza);
    delete copy.attrs.xmlns;
    this.#socket.write(serialize(copy, { parentNamespace: NS_COMPONENT }));
  }

  #route(element: Element): void {
    let to: Jid;
    try {
      to = normalize(element.attrs.to ?? "");
    } catch {
      return; // no address of ours
    }
    const stanza = inClientNamespace(element);
    const client = this.#clients.get(bare(to));
    if (client && (to === client.self || !isFull(to))) client.receive(stanza, to);
    else if (stanza.name === "iq" && (stanza.attrs.type === "get" || stanza.attrs.type === "set")) this.#write(unavailable(stanza, to));
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) client.goOffline();
    this.#socket.end("</stream:stream>");
    await this.#closed;
  }
}

/** An address of a component, in the shape of an @xmpp/client that is given to Balcony. What a client's server does for it is done here: presence, and requests without an address. */
export class ComponentClient extends EventEmitter {
  status = "offline";
  readonly jid: { toString(): string };
  // What Balcony would put its parser under: there is nothing to parse here.
  transports: never[] = [];
  parser = null;
  socket = null;
  /** Whom a request was addressed to, by its sender and id: the answer comes from there. */
  readonly #asked = new Map<string, Jid>();
  #presence: Element | undefined;

  constructor(
    readonly self: Jid,
    private readonly write: (stanza: Element) => void,
  ) {
    super();
    this.jid = { toString: () => self };
  }

  online(): void {
    this.status = "online";
    this.emit("online", this.jid);
  }

  goOffline(): void {
    this.status = "offline";
    this.emit("offline");
  }

  receive(stanza: Element, to: Jid): void {
    const { from, id, type } = stanza.attrs;
    if (stanza.name === "iq" && (type === "get" || type === "set") && to !== this.self) this.#note(`${from} ${id}`, to);
    if (stanza.name === "presence" && from !== undefined) {
      if (type === "subscribe") this.write(xml("presence", { from: bare(this.self), to: bare(normalize(from)), type: "subscribed" }));
      if (type === "subscribe" || type === "probe") this.#show(from);
    }
    this._onElement(stanza);
  }

  #note(asked: string, to: Jid): void {
    const [oldest] = this.#asked.keys();
    if (this.#asked.size >= MOST_ASKED && oldest !== undefined) this.#asked.delete(oldest);
    this.#asked.set(asked, to);
  }

  #show(to: string): void {
    const presence = clone(this.#presence ?? xml("presence"));
    Object.assign(presence.attrs, { from: this.self, to });
    this.write(presence);
  }

  async send(stanza: Element): Promise<void> {
    const { id, to, type } = stanza.attrs;
    if (to === undefined) {
      if (stanza.name === "presence") this.#presence = clone(stanza);
      if (stanza.name === "iq") setImmediate(() => this._onElement(this.#served(stanza)));
      return await Promise.resolve();
    }
    const copy = clone(stanza);
    const asked = `${to} ${id}`;
    copy.attrs.from = stanza.name === "iq" && type !== "get" && type !== "set" ? (this.#asked.get(asked) ?? this.self) : this.self;
    this.#asked.delete(asked);
    this.write(copy);
  }

  /** What a server would say: a roster without anybody, and nothing else. */
  #served(iq: Element): Element {
    const roster = iq.getChild("query", "jabber:iq:roster");
    const answer = roster ? xml("iq", { type: "result", id: iq.attrs.id }, xml("query", "jabber:iq:roster")) : unavailable(iq, bare(this.self));
    Object.assign(answer.attrs, { from: bare(this.self), to: this.self, xmlns: "jabber:client" });
    return answer;
  }

  /** Where a stanza comes that nobody has taken: a request is refused, as @xmpp/client does it. */
  _onElement(element: Element): void {
    this.emit("element", element);
    this.emit("stanza", element);
    const { type } = element.attrs;
    if (element.name === "iq" && (type === "get" || type === "set")) this.send(unavailable(element, this.self)).catch((error: unknown) => this.emit("error", error));
  }

  _onData(): void {
    throw new Error("A component's address reads no bytes.");
  }
}

function unavailable(iq: Element, from: Jid): Element {
  return xml("iq", { type: "error", id: iq.attrs.id, from, to: iq.attrs.from }, writeStanzaError({ type: "cancel", condition: "service-unavailable" }));
}

/** XEP-0114: a component's stanzas are in a namespace of their own, and mean what a client's do. */
function inClientNamespace(element: Element): Element {
  const copy = clone(element);
  const rename = (one: Element): void => {
    if (one.attrs.xmlns === NS_COMPONENT) one.attrs.xmlns = "jabber:client";
    for (const child of childElements(one)) rename(child);
  };
  rename(copy);
  return copy;
}
