import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { BalconyError, randomId, stanzaError } from "@balcony/channel";
import { addressKind, type Connection, type Transport, type TransportAttempt, type TransportContext } from "@balcony/jingle";
import { domainOf, type Element, type Jid } from "@balcony/xml";
import { dial } from "./dial.js";
import { Dialling } from "./dialling.js";
import { begin, type Effect, type Event, type State, step } from "./negotiation.js";
import { mapPort, type PortMapping } from "./port-mapping.js";
import { activate, type BytestreamsProxy, ownProxies } from "./proxies.js";
import { SocksServer } from "./socks-server.js";
import { type Candidate, type Info, NS_S5B, priorityOf, readInfo, readSide, type Side, writeNotification, writeSide } from "./transport-element.js";

export interface S5bOptions {
  /** ms for the TCP connection to a candidate. Default 1,000 for an address in a private network, which is near or out of reach; 2,000 for others; 5,000 for a proxy. */
  readonly dialTimeout?: number | undefined;
  /** ms from both lists of candidates to a connection. Default 12,000. */
  readonly timeout?: number | undefined;
  /**
   * Has the router map our port for as long as the choice takes (XEP-0260 §2.2 `assisted`), by UPnP or NAT-PMP; for peers that may learn our address alone. `{ map }` stands in for the router.
   * Waited for at most 2 s ahead of each offer and answer. Default `off`.
   */
  readonly assisted?: "off" | "router" | { readonly map: typeof mapPort } | undefined;
}

/** ms for a router to map a port: offers and answers wait for it. */
const MAPPING = 2_000;
/** ms that our own connections still have once the peer has told of a direct one: better than what works already, they hardly are. */
const GRACE = 300;
/** ms for SOCKS5 on a connection that stands. */
const ASKING = 5_000;
/** ms for TCP. One lost packet costs a second (RFC 6298 §2.1): on a LAN none is, and what nobody answers there is behind somebody else's NAT. */
const REACHING = { near: 1_000, far: 2_000, proxy: 5_000 } as const;

/** SOCKS5 bytestreams as a Jingle transport (XEP-0260 over XEP-0065): direct, or through a proxy of either server. Its bytes are the bare `net.Socket`. */
export function s5b(options: S5bOptions = {}): Transport {
  return {
    namespace: NS_S5B,
    reaches: ["direct", "relayed"],
    features: ["http://jabber.org/protocol/bytestreams"],
    check: (offer) => void readSide(offer),
    prepare: ({ channel, paths }) => {
      if (paths !== "direct") void ownProxies(channel); // it never rejects, and remembers
    },
    attempt: (context) => new S5bAttempt(context, options),
  };
}

/** DST.ADDR (XEP-0260 §2.2): of the bytestream's sid and both addresses, the offerer's first. */
export const destinationAddress = (sid: string, offerer: Jid, other: Jid): string => createHash("sha1").update(`${sid}${offerer}${other}`).digest("hex");

class S5bAttempt implements TransportAttempt {
  readonly #stop = new AbortController();
  readonly #early: Info[] = [];
  readonly #dialled = new Map<string, Socket>();
  readonly #dialling: Dialling<Socket>;
  #sid = "";
  #ours: readonly Candidate[] = [];
  #theirs: Side | undefined;
  #proxies: readonly BytestreamsProxy[] = [];
  #server: SocksServer | undefined;
  #mapping: PortMapping | undefined;
  #state: State | undefined;
  #proxied: Socket | undefined;
  #grace: ReturnType<typeof setTimeout> | undefined;
  #connected: ((connection: Connection) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #over = false;

  constructor(
    private readonly context: TransportContext,
    private readonly options: S5bOptions,
  ) {
    this.#dialling = new Dialling(
      async (candidate, signal) => await this.#dial(candidate, signal),
      (candidate, outcome) => {
        if ("connected" in outcome) this.#dialled.set(candidate.cid, outcome.connected);
        else this.context.progress(`s5b: ${describe(candidate)} cannot be reached`, outcome.error as Error);
        this.#happen({ type: "connected" in outcome ? "dialled" : "undialled", cid: candidate.cid });
      },
    );
  }

  async offer(): Promise<Element> {
    this.#sid = randomId();
    await this.#gather([]);
    // Without a candidate of our own we could still connect to the peer's.
    if (this.#ours.length === 0 && this.context.addresses.paths === "relayed") {
      this.abort();
      throw new BalconyError("failed-transport", "There is no candidate that this peer may be offered.");
    }
    return this.#element();
  }

  async answer(offer: Element): Promise<Element> {
    const theirs = readSide(offer);
    this.#sid = theirs.sid;
    this.#theirs = theirs;
    await this.#gather(theirs.candidates);
    return this.#element();
  }

  accepted(answer: Element): void {
    const theirs = readSide(answer);
    if (theirs.sid !== this.#sid) throw stanzaError("bad-request", { text: "the answer has another sid than the offer" });
    // §2.2: what the initiator has offered already is none of the responder's candidates.
    this.#theirs = { ...theirs, candidates: theirs.candidates.filter((candidate) => !this.#ours.some((ours) => samePlace(ours, candidate))) };
  }

  info(transport: Element): void {
    const info = readInfo(transport, this.#sid);
    if (this.#state) this.#happen({ type: "received", info });
    else if (this.#early.push(info) > 32) throw stanzaError("resource-constraint");
  }

  connect(signal: AbortSignal): Promise<Connection> {
    const theirs = this.#theirs;
    if (!theirs) return Promise.reject(new BalconyError("internal", "Nothing is agreed yet."));
    return new Promise<Connection>((resolve, reject) => {
      const timeout = this.options.timeout ?? 12_000;
      const late = setTimeout(() => this.#fail(new BalconyError("timeout", `Waited ${timeout / 1000} s for a SOCKS5 bytestream with ${this.context.channel.peer}.`)), timeout);
      const stopped = (): void => this.#fail(signal.reason as Error);
      const done = (): void => {
        clearTimeout(late);
        signal.removeEventListener("abort", stopped);
      };
      this.#connected = (connection) => {
        done();
        resolve(connection);
      };
      this.#failed = (error) => {
        done();
        reject(error);
      };
      signal.addEventListener("abort", stopped, { once: true });
      if (signal.aborted) return stopped();
      const first = begin(this.context.role, this.#ours, theirs.candidates);
      this.#state = first.state;
      this.#perform(first.effects);
      for (const info of this.#early.splice(0)) {
        try {
          this.#happen({ type: "received", info });
        } catch (error) {
          this.#fail(error as Error); // acknowledged already: it can only end the attempt
        }
      }
    });
  }

  abort(): void {
    this.#fail(new BalconyError("closed", "The transport's time is over."));
  }

  // ---- candidates

  async #gather(taken: readonly Candidate[]): Promise<void> {
    const { addresses, channel, reach } = this.context;
    const { self, peer = "" } = channel;
    const found: Omit<Candidate, "cid" | "priority">[] = [];
    let mapping: Promise<PortMapping | undefined> = Promise.resolve(undefined);
    if (addresses.paths !== "relayed" && reach !== "relayed") {
      // Our own first, as XEP-0260 has it; some put the addresses the other way round.
      this.#server = new SocksServer([destinationAddress(this.#sid, self, peer), destinationAddress(this.#sid, peer, self)]);
      const port = await this.#listen(this.#server, addresses.dangerouslyUseLoopback === true);
      if (port !== undefined) {
        mapping = this.#map(port);
        found.push(...(addresses.dangerouslyUseLoopback ? ["127.0.0.1"] : ownAddresses()).map((host) => ({ host, port, jid: self, type: "direct" as const })));
      }
    }
    if (addresses.paths !== "direct") {
      this.#proxies = await ownProxies(channel);
      found.push(...this.#proxies.map((proxy) => ({ ...proxy, type: "proxy" as const })));
    }
    const mapped = await mapping;
    if (mapped) found.push({ host: mapped.host, port: mapped.port, jid: self, type: "assisted" });
    if (this.#over) throw new BalconyError("closed", "The transport's time is over.");
    const rank = { direct: 0, assisted: 0, tunnel: 0, proxy: 0 };
    this.#ours = found.filter((one) => !taken.some((other) => samePlace(one, other))).map((one) => ({ ...one, cid: randomId(), priority: priorityOf(one.type, rank[one.type]++) }));
  }

  async #listen(server: SocksServer, loopback: boolean): Promise<number | undefined> {
    try {
      const port = await server.listen(loopback ? "127.0.0.1" : undefined);
      if (this.#over) server.close();
      return port;
    } catch (error) {
      this.context.progress("s5b: no port can be opened", error as Error);
      return undefined;
    }
  }

  /** A port of the router's that leads to ours, where that is asked for and there is a router that does it. */
  async #map(port: number): Promise<PortMapping | undefined> {
    const { assisted = "off" } = this.options;
    if (assisted === "off") return undefined;
    try {
      const mapping = await (assisted === "router" ? mapPort : assisted.map)(port, { timeout: MAPPING, signal: this.#stop.signal });
      if (this.#over) await mapping.release();
      else this.#mapping = mapping;
      return mapping;
    } catch (error) {
      if (!this.#over) this.context.progress("s5b: no router maps a port", error as Error);
      return undefined;
    }
  }

  #element(): Element {
    const { self, peer = "" } = this.context.channel;
    const proxied = this.#ours.some(({ type }) => type === "proxy");
    return writeSide({ sid: this.#sid, dstaddr: proxied ? destinationAddress(this.#sid, self, peer) : undefined, candidates: this.#ours });
  }

  async #dial(candidate: Candidate, signal: AbortSignal): Promise<Socket> {
    const { addresses, channel, reach } = this.context;
    const { self, peer = "" } = channel;
    const isRelay = candidate.type === "proxy";
    if (addresses.paths === "direct" && isRelay) throw new BalconyError("failed-transport", "Only direct paths are wanted now.");
    if (reach === "relayed" && !isRelay) throw new BalconyError("failed-transport", "Direct paths were tried before.");
    // Connecting shows where we are, and what a peer calls a proxy may be the peer itself.
    if (addresses.paths === "relayed" && !(isRelay && this.#proxies.some((own) => own.jid === candidate.jid && samePlace(own, candidate))))
      throw new BalconyError("failed-transport", "This peer may not learn our address: only proxies of our own server are connected to.");
    this.context.progress(`s5b: connecting to ${describe(candidate)}`);
    const hash = this.#theirs?.dstaddr ?? destinationAddress(this.#sid, peer, self);
    return await dial({ host: candidate.host, port: candidate.port, hash, addresses, reaching: this.options.dialTimeout ?? reaching(candidate), timeout: ASKING, signal });
  }

  // ---- the machine

  #happen(event: Event): void {
    if (!this.#state || this.#over) return;
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    this.#perform(effects);
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "dial":
          this.#dialling.add(effect.candidates);
          break;
        case "keep":
          this.#dialling.keep(effect.candidates);
          break;
        case "await-grace":
          this.#grace = setTimeout(() => this.#happen({ type: "grace-over" }), GRACE);
          break;
        case "tell":
          // Where it is refused the session's machine hears of it; where it is lost the deadline decides.
          this.context.sendInfo(writeNotification(this.#sid, effect.notification)).catch(() => undefined);
          break;
        case "activate":
          void this.#activate(effect.candidate);
          break;
        case "connect":
          this.#connect(effect.candidate, effect.by);
          break;
        case "fail":
          this.#fail(new BalconyError("failed-transport", `SOCKS5 bytestreams: ${effect.why}.`));
          break;
        case "refuse":
          throw stanzaError(effect.condition);
      }
    }
  }

  /** §2.4: whoever offered the proxy connects to it and activates the bytestream. */
  async #activate(proxy: Candidate): Promise<void> {
    const { addresses, channel } = this.context;
    const { self, peer = "" } = channel;
    const { signal } = this.#stop;
    try {
      this.#proxied = await dial({
        host: proxy.host,
        port: proxy.port,
        hash: destinationAddress(this.#sid, self, peer),
        addresses,
        reaching: this.options.dialTimeout ?? REACHING.proxy,
        timeout: ASKING,
        signal,
      });
      await activate(channel, proxy.jid, { sid: this.#sid, target: peer, signal });
      this.#happen({ type: "proxied" });
    } catch (error) {
      if (!this.#over) this.context.progress(`s5b: ${describe(proxy)} would not be activated`, error as Error);
      this.#happen({ type: "unproxied" });
    }
  }

  #connect(candidate: Candidate, by: "dialled" | "accepted" | "proxied"): void {
    const accepted = by === "accepted" ? (this.#server?.take(candidate.host) ?? []) : [];
    const bytes = by === "accepted" ? accepted[0] : by === "dialled" ? this.#dialled.get(candidate.cid) : this.#proxied;
    if (!bytes || bytes.destroyed) {
      this.#fail(new BalconyError("failed-transport", `The connection of ${describe(candidate)} is not there.`));
      return;
    }
    const connected = this.#connected;
    this.#letGo(bytes);
    const path = (socket: Socket): string => (candidate.type === "proxy" ? `s5b proxy ${domainOf(candidate.jid)}` : `s5b ${candidate.type} ${placeOf(socket)}`);
    connected?.({ bytes, path: path(bytes), others: accepted.slice(1).map((socket) => ({ bytes: socket, path: path(socket) })) });
  }

  #fail(error: Error): void {
    const failed = this.#failed;
    this.#letGo(undefined);
    failed?.(error);
  }

  /** Closes everything but what was chosen. */
  #letGo(chosen: Socket | undefined): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#grace);
    this.#stop.abort(new BalconyError("closed", "The transport's time is over."));
    this.#dialling.keep([]);
    this.#server?.close();
    void this.#mapping?.release(); // it never rejects, and nobody has to wait for a router
    for (const socket of [...this.#dialled.values(), this.#proxied]) if (socket !== chosen) socket?.destroy();
    this.#connected = undefined;
    this.#failed = undefined;
  }
}

const reaching = ({ type, host }: Candidate): number => (type === "proxy" ? REACHING.proxy : addressKind(host) === "private" ? REACHING.near : REACHING.far);

const samePlace = (a: { readonly host: string; readonly port: number }, b: { readonly host: string; readonly port: number }): boolean => a.host === b.host && a.port === b.port;

const bracketed = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);
const describe = ({ type, host, port, jid }: Candidate): string =>
  type === "proxy" ? `the proxy ${domainOf(jid)} at ${bracketed(host)}:${port}` : `${bracketed(host)}:${port} (${type})`;
const placeOf = ({ remoteAddress = "", remotePort = 0 }: Socket): string => `${bracketed(remoteAddress.replace(/^::ffff:(?=\d+\.)/, ""))}:${remotePort}`;

/** The addresses of all interfaces that somebody else may reach: public ones first. */
function ownAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).filter(({ internal }) => !internal).map(({ address }) => address));
  const reachable = [...new Set(all)].filter((address) => ["public", "private"].includes(addressKind(address) ?? ""));
  return reachable.sort((a, b) => Number(addressKind(a) === "private") - Number(addressKind(b) === "private")).slice(0, 16);
}
