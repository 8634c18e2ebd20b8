import { type Answer, abortError, BalconyError, notMine, type Request, randomId, readAddress, type StanzaChannel, type Unsubscribe, withDeadline } from "@balcony/channel";
import { bare, type Element, isFull, type Jid } from "@balcony/xml";
import { type Action, readAction, type Senders } from "./action.js";
import { type AddressPolicy, strangersAddresses } from "./address-policy.js";
import { choose, defaultLimits, type Limits, overrules, type Plugins, type Usable } from "./admission.js";
import { Driver, type DriverOptions, type Timing } from "./driver.js";
import { asked, offering } from "./machine.js";
import { NS_JINGLE } from "./namespaces.js";
import { type AcceptOptions, type Offer, ReceivedOffer } from "./offer.js";
import type { Application, IceServer, Security, Transport } from "./plugins.js";
import { type Reason, writeReason } from "./reason.js";
import { refusal } from "./refusal.js";
import type { NegotiationProgress, Session } from "./session.js";
import { Signalling } from "./signalling.js";
import { wanted, ways } from "./ways.js";

export interface JingleOptions {
  /** What we offer and accept, in order of preference. */
  readonly transports: readonly Transport[];
  readonly applications: readonly Application[];
  readonly securities?: readonly Security[] | undefined;
  /** May this address know that we are here? Those who may not, and have no session with us, are answered as if Jingle were unknown. */
  readonly knows: (from: Jid) => boolean;
  /** For whom half of the pending places are kept. Default: all whom `knows` lets in. */
  readonly favours?: ((from: Jid) => boolean) | undefined;
  /** An offer that can be accepted came in; it has been acknowledged. */
  readonly onOffer: (offer: Offer) => void;
  /** What transports may do with addresses, by peer; asked as each attempt begins. Default: `strangersAddresses`, for everybody. */
  readonly addresses?: ((peer: Jid) => AddressPolicy) | undefined;
  /** STUN and TURN servers for transports that use them. Default none. */
  readonly servers?: (() => Promise<readonly IceServer[]>) | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly timing?: Partial<Timing & { /** How long an offer waits for `accept()` or `decline()`. Default 120,000. */ readonly offer: number }> | undefined;
  /** Told of what a handler or plug-in threw where nobody waits for it. */
  readonly report: (error: unknown) => void;
}

export interface InitiateOptions {
  /** Our `<description/>`. */
  readonly application: Element;
  /** Default: the last but one part of the application's namespace; `xmlstream` of `urn:xmpp:jingle:apps:xmlstream:0`. */
  readonly contentName?: string | undefined;
  readonly security?: Element | undefined;
  readonly senders?: Senders | undefined;
  /** The transports that may be used, of those that are known. Default: all. */
  readonly transports?: readonly Pick<Transport, "namespace">[] | undefined;
  /** For this session. Default: what `addresses` of Jingle says of the peer. */
  readonly addresses?: AddressPolicy | undefined;
  /** Milliseconds from now until bytes can flow; absolute. Default 30,000. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((event: NegotiationProgress) => void) | undefined;
  /** May the path be given up for another until `session.settle()`? Where either side finds that nothing comes by it. Default false. */
  readonly provisional?: boolean | undefined;
  /**
   * The peer offers the same at the same time, and its offer goes on (XEP-0166 §7.2.16): what to accept it with.
   * Default: the same application, and the same security if the offer has one.
   */
  readonly onTieBreak?: ((offer: Offer) => Pick<AcceptOptions, "application" | "security" | "senders">) | undefined;
}

const NEGOTIATION_TIMEOUT = 30_000;
const OFFER_TIMEOUT = 120_000;
const mostRemembered = 256;

/** An `initiate()` that is under way. */
interface Call {
  readonly options: InitiateOptions;
  /** As performance.now() has it. */
  readonly deadline: number;
  /** The peer's offer that went before ours. */
  successor: Promise<Session> | undefined;
}

/** Jingle sessions over one StanzaChannel. */
export class Jingle {
  readonly transports: readonly Transport[];
  readonly #channel: StanzaChannel;
  readonly #options: JingleOptions;
  readonly #plugins: Plugins;
  readonly #limits: Limits;
  readonly #signalling: Signalling;
  readonly #driverOptions: DriverOptions;
  readonly #sessions = new Map<Jid, Map<string, Driver>>();
  readonly #offers = new Map<Driver, ReceivedOffer>();
  readonly #calls = new Map<Driver, Call>();
  /** Whom we have had a session with: they know that we were here, and may know that a session is over. */
  readonly #acquainted = new Set<Jid>();
  readonly #unsubscribe: Unsubscribe;
  #closed: BalconyError | undefined;

  constructor(channel: StanzaChannel, options: JingleOptions) {
    this.transports = options.transports;
    this.#channel = channel;
    this.#options = options;
    this.#plugins = { transports: byNamespace(options.transports), applications: byNamespace(options.applications), securities: byNamespace(options.securities ?? []) };
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#signalling = new Signalling(channel);
    this.#driverOptions = {
      signalling: this.#signalling,
      transports: this.#plugins.transports,
      checkAnswer: ({ application, security }) => {
        this.#plugins.applications.get(application.getNS() ?? "")?.check?.(application);
        if (security) this.#plugins.securities.get(security.getNS() ?? "")?.check?.(security);
      },
      addresses: options.addresses ?? (() => strangersAddresses),
      servers: async () => await this.#servers(),
      timing: { transport: 10_000, direct: 4_000, replace: 5_000, farewell: 10_000, ...options.timing },
      report: options.report,
      over: (driver, error) => this.#forget(driver, error),
    };
    const unsubscribe = channel.onRequest({ type: "set", name: "jingle", xmlns: NS_JINGLE }, (request) => this.#receive(request));
    const lost = () => this.#signallingLost();
    if (channel.closed.aborted) lost();
    else channel.closed.addEventListener("abort", lost, { once: true });
    this.#unsubscribe = () => {
      unsubscribe();
      channel.closed.removeEventListener("abort", lost);
    };
  }

  /**
   * Offers a session, and resolves once it is accepted and a transport connected, which may be another than the first.
   * Where the peer offers the same at the same time the two become one session, whose `role` may then be `responder`.
   * Offers of one application to one address wait for each other until they are accepted: a tie is always between two.
   * @param peer full address
   * @throws `invalid-argument`, `peer-unavailable`, `declined`, `busy`, `expired`, `aborted`, `closed`, `failed-transport`, `unsupported-applications`,
   * `unsupported-transports`, `security-error`, `session-ended`, `resource-constraint`, `stanza-error`
   */
  async initiate(peer: Jid, options: InitiateOptions): Promise<Session> {
    const address = readAddress(peer);
    const namespace = options.application.getNS() ?? "";
    const { paths } = options.addresses ?? this.#driverOptions.addresses(address);
    const [first, ...others] = ways(wanted(this.#options.transports, options.transports), paths);
    if (address === this.#channel.self) throw new BalconyError("invalid-argument", "A session with oneself is none.");
    if (!isFull(address) && address !== this.#channel.peer) throw new BalconyError("invalid-argument", "A session is offered to a full address.");
    if (first === undefined) throw new BalconyError("invalid-argument", "No transport is left to offer.");
    const call: Call = { options, deadline: performance.now() + (options.timeout ?? NEGOTIATION_TIMEOUT), successor: undefined };
    for (;;) {
      this.#throwIfClosed();
      if (options.signal?.aborted) throw abortError(options.signal, `${address} to be offered a session`);
      const pending = this.#pendingWith(address, namespace);
      const offer = pending && this.#offers.get(pending);
      if (pending?.phase === "asked" && offer) return await this.#acceptInstead(offer, call);
      if (!pending) break;
      await withDeadline(pending.agreed, { timeout: remaining(call), signal: options.signal, waitingFor: `${address} to answer what was offered before` });
    }
    if (this.#count() >= this.#limits.sessions) throw new BalconyError("resource-constraint", `There are ${this.#limits.sessions} sessions already.`);
    const { state, effects } = offering({
      self: this.#channel.self,
      peer: address,
      sid: randomId(),
      content: options.contentName ?? contentName(namespace),
      terms: { application: options.application, security: options.security, senders: options.senders },
      known: [...this.#plugins.transports.keys()],
      ways: [first, ...others],
    });
    const driver = this.#add(new Driver(state, this.#driverOptions));
    this.#calls.set(driver, call);
    if (options.progress) driver.progress = options.progress;
    driver.addresses = options.addresses;
    driver.provisional = options.provisional ?? false;
    driver.limit({ timeout: remaining(call), signal: options.signal, reason: "cancel" });
    if (!driver.ended.aborted) driver.begin(effects);
    try {
      return await driver.established;
    } catch (error) {
      if (call.successor) return await call.successor;
      throw error;
    } finally {
      this.#calls.delete(driver);
    }
  }

  /** Ends all sessions and takes no more; resolves once their peers have acknowledged, or cannot be reached. */
  async close(): Promise<void> {
    this.#closed ??= new BalconyError("closed", "Jingle was closed.");
    this.#unsubscribe();
    await Promise.all(this.#all().map((driver) => driver.terminate(driver.phase === "offered" ? "cancel" : "gone", undefined, this.#closed)));
  }

  // ---- what comes in

  #read(payload: Element, from: Jid, driver: Driver | undefined): Action {
    try {
      return readAction(payload);
    } catch (error) {
      driver?.misread(from, payload.attrs.action, error);
      throw error;
    }
  }

  #receive({ from, payload }: Request): typeof notMine | Answer {
    const sessions = this.#sessions.get(from);
    // §6.3.2, and protocol.md: a stranger hears what a client without Jingle says.
    const stranger = !sessions && !this.#options.knows(from);
    if (stranger && (!this.#acquainted.has(from) || payload.attrs.action === "session-initiate")) return notMine;
    const driver = sessions?.get(payload.attrs.sid ?? "");
    const action = this.#read(payload, from, driver);
    if (action.name === "session-initiate") this.#offered(from, action, driver, payload);
    else if (driver) {
      driver.note(payload);
      driver.receive(from, action);
    } else throw refusal("unknown-session");
    return undefined;
  }

  /** A session-initiate of somebody who may. Returning acknowledges it. */
  #offered(from: Jid, action: Action, existing: Driver | undefined, jingle: Element): void {
    const rival = this.#rival(from, action);
    if (existing && existing !== rival) throw refusal("out-of-order");
    const usable = choose(action, this.#plugins);
    // What has not been sent yet cannot overrule anything.
    if (rival?.phase === "offered" && overrules({ sid: rival.state.sid, initiator: this.#channel.self }, { sid: action.sid, initiator: from })) throw refusal("tie-break");
    if (!rival && typeof usable !== "string") this.#makeRoom(from);
    const call = rival && this.#calls.get(rival);
    if (typeof usable === "string") {
      if (call)
        call.successor = handled(Promise.reject<Session>(new BalconyError(usable, `${from} offers the same at the same time, in a way that we do not know.`, { peer: from })));
      rival?.dispatch({ type: "yielded" });
      this.#decline(from, action.sid, usable);
      return;
    }
    rival?.dispatch({ type: "yielded" });
    const driver = this.#add(new Driver(this.#asked(from, action, usable), this.#driverOptions));
    driver.note(jingle);
    const offer = new ReceivedOffer(driver);
    this.#offers.set(driver, offer);
    if (call) {
      call.successor = handled(this.#acceptInstead(offer, call));
      return;
    }
    driver.limit({ timeout: this.#options.timing?.offer ?? OFFER_TIMEOUT, reason: "decline" });
    this.#show(offer);
  }

  #asked(from: Jid, action: Action, usable: Usable) {
    const { description: application, security, senders, transport } = usable;
    return asked({
      self: this.#channel.self,
      peer: from,
      sid: action.sid,
      content: usable.name,
      surplus: action.contents.flatMap(({ name }) => (name !== undefined && name !== usable.name ? [name] : [])),
      terms: { application, security, senders },
      known: [...this.#plugins.transports.keys()],
      transport: transport.getNS() ?? "",
      offer: transport,
    });
  }

  #show(offer: ReceivedOffer): void {
    try {
      this.#options.onOffer(offer);
    } catch (error) {
      this.#options.report(error);
      void offer.decline("general-error");
    }
  }

  /** Our own offer that is functionally equivalent to what has come in (§7.2.16). */
  #rival(from: Jid, { contents }: Action): Driver | undefined {
    const namespaces = contents.map(({ description }) => description?.getNS());
    return this.#of(from).find(
      (driver) => this.#calls.has(driver) && (driver.phase === "preparing" || driver.phase === "offered") && namespaces.includes(driver.state.local?.application.getNS()),
    );
  }

  /** The peer's offer is accepted for an `initiate()`. */
  async #acceptInstead(offer: ReceivedOffer, { options, deadline }: Call): Promise<Session> {
    const { addresses, application, security, transports, signal, progress, provisional, onTieBreak } = options;
    try {
      const terms = onTieBreak?.(offer) ?? { application, security: offer.security?.getNS() === security?.getNS() ? security : undefined, senders: options.senders };
      return await offer.takeOver({ ...terms, addresses, transports, signal, progress, provisional, timeout: Math.max(0, deadline - performance.now()) });
    } catch (error) {
      await offer.decline("general-error"); // does nothing where the offer was accepted or is over
      throw error;
    }
  }

  #makeRoom(from: Jid): void {
    const pending = this.#all().filter((driver) => this.#offers.has(driver) && driver.phase !== "connected");
    const account = bare(from);
    const favours = this.#options.favours ?? (() => true);
    const strangers = pending.filter((driver) => !favours(driver.peer));
    if (this.#count() >= this.#limits.sessions) throw refusal("resource-constraint");
    if (pending.filter((driver) => bare(driver.peer) === account).length >= this.#limits.pendingPerPeer) throw refusal("resource-constraint");
    if (!favours(from) && strangers.length >= this.#limits.pending / 2) throw refusal("resource-constraint");
    if (pending.length < this.#limits.pending) return;
    const [evicted] = strangers;
    if (!favours(from) || !evicted) throw refusal("resource-constraint");
    void evicted.terminate("busy", undefined, new BalconyError("resource-constraint", "There are too many offers at once.", { peer: evicted.peer }));
  }

  #decline(peer: Jid, sid: string, reason: Reason): void {
    // Nothing is kept of it: whether the peer acknowledges makes no difference.
    this.#signalling.request(peer, { name: "session-terminate", sid, reason: writeReason(reason) }, { timeout: this.#driverOptions.timing.farewell }).catch(() => undefined);
  }

  /** Without them a transport has fewer candidates, and no reason to fail. */
  async #servers(): Promise<readonly IceServer[]> {
    try {
      return (await this.#options.servers?.()) ?? [];
    } catch (error) {
      this.#options.report(error);
      return [];
    }
  }

  // ---- the sessions that there are

  #add(driver: Driver): Driver {
    const { peer, sid } = driver.state;
    const sessions = this.#sessions.get(peer) ?? new Map<string, Driver>();
    this.#sessions.set(peer, sessions.set(sid, driver));
    return driver;
  }

  #forget(driver: Driver, error: BalconyError): void {
    const { peer, sid } = driver.state;
    const sessions = this.#sessions.get(peer);
    if (sessions?.get(sid) === driver) sessions.delete(sid);
    if (sessions?.size === 0) this.#sessions.delete(peer);
    this.#offers.get(driver)?.withdraw(error);
    this.#offers.delete(driver);
    this.#acquainted.delete(peer);
    this.#acquainted.add(peer);
    const [oldest] = this.#acquainted;
    if (oldest !== undefined && this.#acquainted.size > mostRemembered) this.#acquainted.delete(oldest);
  }

  #all(): Driver[] {
    return [...this.#sessions.values()].flatMap((sessions) => [...sessions.values()]);
  }

  #of(peer: Jid): Driver[] {
    return [...(this.#sessions.get(peer)?.values() ?? [])];
  }

  #count(): number {
    let count = 0;
    for (const sessions of this.#sessions.values()) count += sessions.size;
    return count;
  }

  /** A session with this peer and application of which it is open whether it comes to be. */
  #pendingWith(peer: Jid, namespace: string): Driver | undefined {
    return this.#of(peer).find(({ phase, state: { accepted, local, remote } }) => !accepted && phase !== "ended" && (local ?? remote)?.application.getNS() === namespace);
  }

  #signallingLost(): void {
    this.#closed ??= this.#channel.closed.reason;
    for (const driver of this.#all()) driver.signallingLost(this.#channel.closed.reason);
  }

  #throwIfClosed(): void {
    if (this.#closed) throw this.#closed;
  }
}

function byNamespace<T extends { readonly namespace: string }>(plugins: readonly T[]): ReadonlyMap<string, T> {
  return new Map(plugins.map((plugin) => [plugin.namespace, plugin]));
}

function contentName(namespace: string): string {
  const parts = namespace.split(":");
  return parts.at(-2) ?? "content";
}

const remaining = ({ deadline }: Call) => Math.max(0, deadline - performance.now());

/** A promise whose rejection somebody hears of later. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
