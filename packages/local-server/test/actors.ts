import { connect, type Socket } from "node:net";
import { client, xml } from "@xmpp/client";
import { afterEach } from "vitest";
import { WebSocket } from "ws";
import { type LocalServer, type LocalServerOptions, startLocalServer } from "../src/index.js";

export { xml };

const domains = ["montague.lit", "capulet.lit"];
const accounts = {
  "romeo@montague.lit": "secret",
  "benvolio@montague.lit": "peace",
  "juliet@capulet.lit": "rosemary",
  "tybalt@capulet.lit": "hate",
};
const passwords: Readonly<Record<string, string>> = accounts;

const leaving: (() => Promise<unknown>)[] = [];

/** Everybody leaves the stage after each test, the last who came first. */
afterEach(async () => {
  for (let leave = leaving.pop(); leave; leave = leaving.pop()) await leave();
});

/** A server with the two houses, stopped after the test. */
export async function stage(options: Partial<LocalServerOptions> = {}): Promise<LocalServer> {
  const server = await startLocalServer({ domains, accounts, ...options });
  leaving.push(() => server.stop());
  return server;
}

/** A real @xmpp/client that is online, and everything that comes to it. */
export class Actor {
  readonly xmpp;
  readonly #stanzas: Stanza[] = [];
  readonly #waiting: { wanted: (stanza: Stanza) => boolean; found: (stanza: Stanza) => void }[] = [];
  readonly errors: Error[] = [];
  readonly offline: Promise<void>;
  jid = "";

  constructor(service: string, account: string, resource?: string, password = passwords[account]) {
    const [username, domain] = account.split("@");
    this.xmpp = client({ service, domain, username, password, resource });
    // Its reconnect leaves a timer behind on every stop(), wanted or not.
    this.xmpp.reconnect.stop();
    this.xmpp.on("error", (error: Error) => this.errors.push(error));
    this.offline = new Promise((resolve) => this.xmpp.once("disconnect", () => resolve()));
    this.xmpp.on("stanza", (stanza: Stanza) => {
      if (stanza.getChild("bind")) return;
      const at = this.#waiting.findIndex(({ wanted }) => wanted(stanza));
      if (at < 0) this.#stanzas.push(stanza);
      else this.#waiting.splice(at, 1)[0]?.found(stanza);
    });
  }

  async start(): Promise<this> {
    leaving.push(() => this.stop());
    this.jid = String(await this.xmpp.start());
    return this;
  }

  async stop(): Promise<void> {
    if (this.xmpp.status === "online") await this.xmpp.stop();
    else this.xmpp.socket?.destroy?.(); // a login that failed leaves it open
  }

  send(stanza: unknown): Promise<void> {
    return this.xmpp.send(stanza);
  }

  /** The next stanza that fits and was not read yet. */
  next(wanted: (stanza: Stanza) => boolean = () => true): Promise<Stanza> {
    const at = this.#stanzas.findIndex(wanted);
    if (at >= 0) return Promise.resolve(this.#stanzas.splice(at, 1)[0] as Stanza);
    return new Promise((found) => this.#waiting.push({ wanted, found }));
  }

  /** What came and was not read: complete, because a ping has gone round behind it. */
  async rest(): Promise<Stanza[]> {
    const id = `round-${Math.random()}`;
    const back = this.next((stanza) => stanza.attrs.id === id);
    await this.send(xml("iq", { type: "get", id }, xml("ping", "urn:xmpp:ping")));
    await back;
    return this.#stanzas.splice(0);
  }

  /** Sends and waits for what comes back under the same id. */
  async ask(stanza: Stanza): Promise<Stanza> {
    stanza.attrs.id ??= `ask-${Math.random()}`;
    const { id } = stanza.attrs;
    const answer = this.next((candidate) => candidate.attrs.id === id);
    await this.send(stanza);
    return answer;
  }
}

export interface Stanza {
  name: string;
  attrs: Record<string, string | undefined>;
  children: unknown[];
  is(name: string, xmlns?: string): boolean;
  getChild(name: string, xmlns?: string): Stanza | undefined;
  getChildren(name: string): Stanza[];
  getChildText(name: string, xmlns?: string): string | null;
  toString(): string;
}

/** Logs in over TCP. */
export function login(server: LocalServer, account: string, resource?: string): Promise<Actor> {
  return new Actor(server.service, account, resource).start();
}

/** Logs in over WebSocket. */
export function loginOverWebSocket(server: LocalServer, account: string, resource?: string): Promise<Actor> {
  if (!("WebSocket" in globalThis)) Object.assign(globalThis, { WebSocket }); // Node 20 has none
  return new Actor(server.webSocketService ?? "", account, resource).start();
}

export const streamHeader = (to: string): string =>
  `<?xml version='1.0'?><stream:stream to='${to}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
/** SASL PLAIN in one element. */
export const plainAuth = (username: string, password: string): string =>
  `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${Buffer.from(`\0${username}\0${password}`).toString("base64")}</auth>`;
export const bindRequest = (resource: string): string => `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`;

/** A bare TCP connection: writes what it is told, and collects what comes. */
export class RawClient {
  readonly socket: Socket;
  received = "";
  readonly closed: Promise<string>;
  readonly #waiting: { text: string; found: () => void }[] = [];

  constructor(server: LocalServer) {
    this.socket = connect(server.port, "127.0.0.1");
    this.socket.setNoDelay(true);
    this.socket.on("data", (chunk) => {
      this.received += chunk.toString("latin1");
      for (const { text, found } of this.#waiting) if (this.received.includes(text, this.received.length - chunk.length - text.length)) found();
    });
    this.socket.on("error", () => this.socket.destroy());
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve(this.received)));
    leaving.push(async () => this.socket.destroy());
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Resolves once this text has come; rejects where the connection closes without it. */
  async seen(text: string): Promise<void> {
    if (this.received.includes(text)) return;
    const found = new Promise<true>((resolve) => this.#waiting.push({ text, found: () => resolve(true) }));
    if ((await Promise.race([found, this.closed])) !== true) throw new Error(`closed without ${text}: ${this.received}`);
  }

  /** As far as a stream's features. */
  async open(domain = "montague.lit"): Promise<this> {
    this.received = "";
    this.write(streamHeader(domain));
    await this.seen("</stream:features>");
    return this;
  }

  /** As far as an account, before a resource. */
  async authenticate(account = "romeo@montague.lit"): Promise<this> {
    const [username = "", domain] = account.split("@");
    await this.open(domain);
    this.write(plainAuth(username, passwords[account] ?? ""));
    await this.seen("<success");
    return this.open(domain);
  }

  /** As far as a full JID. */
  async login(account?: string, resource = "raw"): Promise<this> {
    await this.authenticate(account);
    this.write(bindRequest(resource));
    await this.seen("</iq>");
    this.received = "";
    return this;
  }
}
