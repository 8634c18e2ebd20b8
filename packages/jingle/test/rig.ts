import { BalconyError, type MemoryStanzaNetwork, memoryBytePair, memoryStanzaNetwork, stanzaError } from "@balcony/channel";
import { type Element, type Jid, xml } from "@balcony/xml";
import { afterEach } from "vitest";
import { type Connection, Jingle, type JingleOptions, type Offer, type Transport, type TransportAttempt, type TransportContext } from "../src/index.js";

export const romeo = "romeo@montague.lit/orchard";
export const juliet = "juliet@capulet.lit/balcony";
export const nurse = "nurse@capulet.lit/kitchen";

export const NS_STREAM = "urn:xmpp:jingle:apps:xmlstream:0";
export const NS_FILE = "urn:xmpp:jingle:apps:file-transfer:5";
export const NS_XTLS = "urn:xmpp:jingle:security:xtls:0";
export const NS_ONE = "urn:example:transports:one:0";
export const NS_TWO = "urn:example:transports:two:0";
export const NS_THREE = "urn:example:transports:three:0";

export const stream = () => xml("description", NS_STREAM);
export const security = () => xml("security", NS_XTLS, xml("fingerprint", null, "00"));

/** What a transport in memory does at each step; `works` where nothing is said. */
export type Behaviour = "works" | "no-offer" | "no-answer" | "no-connection" | "never";

/** A place where attempts of both sides find each other by the transport's own sid. */
export class Meadow {
  readonly #waiting = new Map<string, (connection: Connection) => void>();
  /** Attempts begun and not let go of. */
  open = 0;
  begun = 0;
  readonly losses: Error[] = [];

  meet(sid: string, resolve: (connection: Connection) => void): void {
    const other = this.#waiting.get(sid);
    this.#waiting.delete(sid);
    if (!other) {
      this.#waiting.set(sid, resolve);
      return;
    }
    const [a, b] = memoryBytePair();
    for (const bytes of [a, b]) bytes.on("error", (error) => this.losses.push(error));
    other({ bytes: a, path: `meadow ${sid}` });
    resolve({ bytes: b, path: `meadow ${sid}` });
  }

  leave(sid: string, resolve: (connection: Connection) => void): void {
    if (this.#waiting.get(sid) === resolve) this.#waiting.delete(sid);
  }
}

let sids = 0;

export interface Made extends Transport {
  behaviour: Behaviour;
  readonly attempts: FakeAttempt[];
}

/** A transport whose connections are made in memory. */
export function transport(namespace: string, meadow: Meadow, behaviour: Behaviour = "works", reaches?: Transport["reaches"]): Made {
  const attempts: FakeAttempt[] = [];
  const made: Made = {
    namespace,
    reaches,
    behaviour,
    attempts,
    check: checkTransport,
    attempt: (context) => {
      const attempt = new FakeAttempt(namespace, context, meadow, made.behaviour);
      attempts.push(attempt);
      return attempt;
    },
  };
  return made;
}

function checkTransport(element: Element): void {
  if (!element.attrs.sid) throw stanzaError("bad-request", { text: "a transport has a sid" });
}

export class FakeAttempt implements TransportAttempt {
  readonly infos: Element[] = [];
  #sid = "";
  #done = false;
  #fail: () => void = () => undefined;
  state: "begun" | "connected" | "aborted" = "begun";

  constructor(
    private readonly namespace: string,
    readonly context: TransportContext,
    private readonly meadow: Meadow,
    private readonly behaviour: Behaviour,
  ) {
    meadow.open++;
    meadow.begun++;
  }

  async offer(): Promise<Element> {
    if (this.behaviour === "no-offer") throw new BalconyError("failed-transport", "nothing to offer");
    this.#sid = `t${++sids}`;
    return this.#element();
  }

  async answer(offer: Element): Promise<Element> {
    checkTransport(offer);
    if (this.behaviour === "no-answer") throw new BalconyError("failed-transport", "nothing to answer");
    this.#sid = offer.attrs.sid ?? "";
    return this.#element();
  }

  accepted(answer: Element): void {
    checkTransport(answer);
    if (answer.attrs.sid !== this.#sid) throw stanzaError("bad-request", { text: "another sid was offered" });
  }

  info(element: Element): void {
    checkTransport(element);
    this.infos.push(element);
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    if (this.behaviour === "no-connection") throw new BalconyError("failed-transport", `${this.namespace} leads nowhere`);
    return await new Promise((resolve, reject) => {
      const stop = () => {
        this.meadow.leave(this.#sid, found);
        reject(signal.reason as Error);
      };
      const found = (connection: Connection) => {
        signal.removeEventListener("abort", stop);
        this.#letGo("connected");
        resolve(connection);
      };
      if (signal.aborted) return stop();
      this.#fail = () => {
        this.meadow.leave(this.#sid, found);
        reject(new BalconyError("failed-transport", `${this.namespace} broke`));
      };
      signal.addEventListener("abort", stop, { once: true });
      if (this.behaviour !== "never") this.meadow.meet(this.#sid, found);
    });
  }

  /** The connection that is being made fails now. */
  fail(): void {
    this.#fail();
  }

  abort(): void {
    this.#letGo("aborted");
  }

  #letGo(state: "connected" | "aborted"): void {
    if (this.#done) return;
    this.#done = true;
    this.state = state;
    this.meadow.open--;
  }

  #element(): Element {
    return xml("transport", { xmlns: this.namespace, sid: this.#sid });
  }
}

export interface Side {
  readonly self: Jid;
  readonly jingle: Jingle;
  readonly offers: Offer[];
  readonly errors: unknown[];
  readonly channel: ReturnType<MemoryStanzaNetwork["connect"]>;
}

/** A client on the network that speaks Jingle. Offers are collected. */
export function side(network: MemoryStanzaNetwork, self: Jid, transports: readonly Transport[], options: Partial<JingleOptions> = {}): Side {
  const offers: Offer[] = [];
  const errors: unknown[] = [];
  const channel = network.connect(self);
  const jingle = new Jingle(channel, {
    transports,
    applications: [{ namespace: NS_STREAM }, { namespace: NS_FILE }],
    securities: [{ namespace: NS_XTLS }],
    knows: () => true,
    onOffer: (offer) => offers.push(offer),
    report: (error) => errors.push(error),
    ...options,
  });
  return { self, jingle, offers, errors, channel };
}

/** Lets everything that needs no time happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

/** Every stanza that passes, as text: "romeo session-initiate". */
export function record(network: MemoryStanzaNetwork): Element[] {
  const seen: Element[] = [];
  network.tap((stanza) => {
    seen.push(stanza);
    return stanza;
  });
  return seen;
}

export function told(stanzas: readonly Element[]): string[] {
  return stanzas.map((stanza) => {
    const who = stanza.attrs.from?.split("@")[0] ?? "nobody";
    const what = stanza.getChild("jingle")?.attrs.action ?? stanza.attrs.type ?? "";
    return `${who} ${what}`;
  });
}

const networks: { connected: ReturnType<MemoryStanzaNetwork["connect"]>[] }[] = [];

/** A network whose clients all leave when the test is over. */
export function network(): MemoryStanzaNetwork {
  const net = memoryStanzaNetwork();
  const mine: (typeof networks)[number] = { connected: [] };
  networks.push(mine);
  return {
    ...bound(net),
    connect: (address) => {
      const channel = net.connect(address);
      mine.connected.push(channel);
      return channel;
    },
  };
}

const bound = (net: MemoryStanzaNetwork): MemoryStanzaNetwork => ({
  connect: (address) => net.connect(address),
  tap: (tap) => net.tap(tap),
  inject: (stanza) => net.inject(stanza),
  lose: (address) => net.lose(address),
});

afterEach(async () => {
  for (const { connected } of networks.splice(0)) for (const channel of connected) await channel.close();
});

/** The code of what a promise rejects with, or "resolved". */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "resolved",
    (error: unknown) => (error instanceof BalconyError ? error.code : `not a BalconyError: ${String(error)}`),
  );
}
