import { createServer, type Server } from "node:net";
import { createSecureContext } from "node:tls";
import { BalconyError } from "@balcony/channel";
import { bare, isFull, type Jid } from "@balcony/xml";
import { Accounts } from "./accounts.js";
import { ClientConnection, type ConnectionHost } from "./client-connection.js";
import { defaultServerLimits, type ServerLimits } from "./limits.js";
import { closed, listen, portOf, uriHost } from "./listen.js";
import { accountOption, addressOption, assertLoopback, domainOption, type LocalServerOptions, throttleOption } from "./options.js";
import { PresenceBroadcast } from "./presence.js";
import { Proxy65 } from "./proxy65.js";
import { Relay } from "./relay.js";
import { Roster } from "./roster.js";
import { StanzaRouter } from "./router.js";
import { selfSigned } from "./self-signed.js";
import { priorityOf, Sessions } from "./sessions.js";
import { TcpWire } from "./tcp-wire.js";
import { WEBSOCKET_PATH, WebSocketListener } from "./websocket-listener.js";
import { WebSocketWire } from "./websocket-wire.js";
import type { Wire, WireHandlers } from "./wire.js";

/** A client that is logged in. */
export interface SessionInfo {
  /** Its full JID. */
  readonly jid: Jid;
  readonly transport: "tcp" | "websocket";
  /** Over TLS. */
  readonly secure: boolean;
  /** Of its presence, from -128 to 127; undefined while it is not available. */
  readonly priority: number | undefined;
}

/**
 * Starts an XMPP server in this process (RFC 6120, RFC 6121, RFC 7395): for demos and tests, never for production.
 * @throws `invalid-argument` where the host is not loopback, an account is in none of the domains, or there is no domain; `invalid-jid` for a malformed address; what Node says where it cannot listen
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const server = new LocalServer(options);
  try {
    await server.listen();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** A running server; `startLocalServer()` makes one. */
export class LocalServer {
  readonly #host: string;
  readonly #domains: readonly string[];
  readonly #limits: ServerLimits;
  readonly #options: LocalServerOptions;
  readonly #accounts: Accounts;
  readonly #sessions = new Sessions();
  readonly #connections = new Set<ClientConnection>();
  readonly #relay: Relay;
  readonly #certificate: string | undefined;
  readonly #proxy: Proxy65 | undefined;
  readonly #tcp: Server;
  readonly #web: WebSocketListener | undefined;
  #stopping: Promise<void> | undefined;

  /** @internal */
  constructor(options: LocalServerOptions) {
    this.#options = options;
    this.#host = assertLoopback(options);
    this.#limits = { ...defaultServerLimits, ...options.limits };
    this.#domains = options.domains.map(domainOption);
    if (this.#domains.length === 0) throw new BalconyError("invalid-argument", "A server needs a domain.");
    const passwords = Object.entries(options.accounts).map(([account, password]) => [accountOption(account, this.#domains), password] as const);
    this.#accounts = new Accounts(new Map(passwords), options.scramIterations ?? 1);
    this.#relay = new Relay(options.interfere, options.latency ?? 0);
    const { connections, preAuthBytes, stanzaBytes } = this.#limits;
    const { starttls } = options;
    const throttle = options.throttle && throttleOption(options.throttle);
    const credentials = starttls === "self-signed" ? selfSigned(this.#domains) : starttls;
    this.#certificate = credentials?.cert;
    const secureContext = credentials && createSecureContext({ ...credentials, minVersion: "TLSv1.2" });
    if (options.proxy65 ?? true) this.#proxy = new Proxy65(`proxy.${this.#domains[0]}`, this.#host, connections);
    const host = this.#connectionHost();
    this.#tcp = createServer((socket) => this.#accept(host, (handlers) => new TcpWire(socket, { stanzaBytes: preAuthBytes, throttle, secureContext }, handlers)));
    this.#tcp.maxConnections = connections;
    if (options.webSocket ?? true)
      this.#web = new WebSocketListener(stanzaBytes, connections, (socket) => this.#accept(host, (handlers) => new WebSocketWire(socket, preAuthBytes, handlers)));
  }

  /** @internal */
  async listen(): Promise<void> {
    await listen(this.#tcp, this.#options.port ?? 0, this.#host);
    await this.#web?.listen(this.#host);
    await this.#proxy?.listen();
  }

  /** The TCP port of XMPP. */
  get port(): number {
    return portOf(this.#tcp);
  }

  /** Where @xmpp/client connects over TCP: its option `service`, beside `domain`. */
  get service(): string {
    return `xmpp://${uriHost(this.#host)}:${this.port}`;
  }

  /** Where @xmpp/client connects over WebSocket; undefined where that is switched off. */
  get webSocketService(): string | undefined {
    return this.#web && `ws://${uriHost(this.#host)}:${this.#web.port}${WEBSOCKET_PATH}`;
  }

  /** The SOCKS5 bytestreams proxy (XEP-0065 §6): its address, and where it listens; undefined where it is switched off. */
  get proxy65(): { readonly jid: Jid; readonly host: string; readonly port: number } | undefined {
    return this.#proxy && { jid: this.#proxy.jid, host: this.#proxy.host, port: this.#proxy.port };
  }

  /** The certificate of STARTTLS in PEM, for a client to trust; undefined without TLS. */
  get certificate(): string | undefined {
    return this.#certificate;
  }

  /** Who is logged in. */
  sessions(): SessionInfo[] {
    return [...this.#connections]
      .filter((connection) => this.#sessions.get(connection.self) === connection)
      .map(({ self, wire, isSecure, presence }) => ({ jid: self, transport: wire.kind, secure: isSecure, priority: presence && priorityOf(presence) }));
  }

  /** Cuts the connection of a full JID, or all of a bare one, as a network would: without a word. */
  drop(jid: string): void {
    for (const connection of this.#connectionsOf(jid)) connection.drop();
  }

  /**
   * Writes bytes into the connection of a full JID, or all of a bare one, as they are; over WebSocket they are one message.
   * @throws `invalid-argument` where nobody is logged in under it
   */
  inject(jid: string, bytes: Uint8Array | string): void {
    for (const { wire } of this.#connectionsOf(jid)) wire.inject(bytes);
  }

  /** Ends every stream with `system-shutdown` and stops listening; resolves once every connection is gone. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const stopped = Promise.all([closed(this.#tcp), this.#web?.stop() ?? Promise.resolve(), this.#proxy?.stop() ?? Promise.resolve()]);
    this.#relay.stop();
    for (const connection of this.#connections) connection.fail("system-shutdown");
    await stopped;
  }

  #accept(host: ConnectionHost, connect: (handlers: WireHandlers) => Wire): void {
    const connection = new ClientConnection(host, connect);
    this.#connections.add(connection);
    if (this.#stopping) connection.drop();
    else if (this.#connections.size > this.#limits.connections) connection.fail("resource-constraint");
  }

  #connectionsOf(jid: string): ClientConnection[] {
    const wanted = addressOption(jid);
    const found = [...this.#connections].filter(({ self }) => self !== "" && (isFull(wanted) ? self === wanted : bare(self) === wanted));
    if (found.length === 0) throw new BalconyError("invalid-argument", `${jid} is not logged in.`);
    return found;
  }

  #rosterMembers(): Jid[] {
    const { sharedRoster = false } = this.#options;
    if (typeof sharedRoster === "boolean") return sharedRoster ? this.#accounts.all : [];
    return sharedRoster.map((account) => accountOption(account, this.#domains));
  }

  #connectionHost(): ConnectionHost {
    const accounts = this.#accounts;
    const sessions = this.#sessions;
    const domains = new Set(this.#domains);
    const roster = new Roster(this.#rosterMembers());
    const presence = new PresenceBroadcast(sessions, roster);
    const components = this.#proxy ? [this.#proxy] : [];
    const router = new StanzaRouter({ accounts, domains, sessions, presence, roster, components, directedPresences: this.#limits.directedPresences });
    let sender: ClientConnection | undefined; // whose stanza is being routed
    return {
      limits: this.#limits,
      negotiation: { accounts, domains, starttls: this.#certificate !== undefined, loginAttempts: this.#limits.loginAttempts },
      bound: (connection) => {
        // RFC 6120 §7.7.2.2: of two that want one resource, the one that has it goes.
        const older = sessions.get(connection.self);
        if (older instanceof ClientConnection) older.fail("conflict", "Replaced by a new connection");
        sessions.add(connection);
      },
      received: (stanza, connection) => {
        sender = connection;
        for (const one of this.#relay.received(stanza, connection.self)) router.route(one);
        sender = undefined;
      },
      sending: (stanza, connection, write) => {
        this.#relay.sending(stanza, connection.self, write);
        if (sender) connection.holdBack(sender);
      },
      tapped: (direction, xml, { self }) => this.#options.tap?.({ direction, session: self || undefined, xml }),
      ended: (connection) => {
        if (!connection.isBound) return;
        sessions.remove(connection);
        presence.unavailable(connection);
      },
      gone: (connection) => this.#connections.delete(connection),
    };
  }
}
