import { BalconyError, type StanzaChannel, type Tried, type Unsubscribe, type WaitOptions } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import type { Action, ActionName } from "./action.js";
import type { AddressPolicy } from "./address-policy.js";
import { Attempts, asError } from "./attempts.js";
import { Deadline } from "./deadline.js";
import { deferred } from "./deferred.js";
import { step } from "./machine.js";
import { Outgoing } from "./outgoing.js";
import type { Connection, IceServer, Transport } from "./plugins.js";
import type { Reason, ReasonDetail } from "./reason.js";
import { refusal, saysTieBreak, saysUnknownSession } from "./refusal.js";
import type { InfoHandler, NegotiationProgress, Session } from "./session.js";
import type { Signalling } from "./signalling.js";
import type { Effect, Event, Phase, Send, State } from "./state.js";
import { TranscriptRecorder } from "./transcript.js";
import { type Way, wanted, ways } from "./ways.js";

/** Milliseconds. */
export interface Timing {
  /** For one transport to be prepared, and then to connect, while others are left to try; less where all of them would have too little. Default 10,000. */
  readonly transport: number;
  /** The same for a transport that is tried for direct paths alone. Default 4,000. */
  readonly direct: number;
  /** How long the responder waits for the initiator's transport-replace. Default 5,000. */
  readonly replace: number;
  /** For the acknowledgement of session-terminate. Default 10,000. */
  readonly farewell: number;
}

export interface DriverOptions {
  readonly signalling: Signalling;
  readonly transports: ReadonlyMap<string, Transport>;
  /** Looks at what the peer answers our offer with. Throws a stanza error where it is malformed. */
  readonly checkAnswer: (terms: { readonly application: Element; readonly security: Element | undefined }) => void;
  /** For sessions whose own `addresses` are not set. */
  readonly addresses: (peer: Jid) => AddressPolicy;
  readonly servers: () => Promise<readonly IceServer[]>;
  readonly timing: Timing;
  readonly report: (error: unknown) => void;
  /** The session has ended. */
  readonly over: (driver: Driver, error: BalconyError) => void;
}

/** Those that show the peer our side of an attempt. */
const announcing: readonly ActionName[] = ["session-initiate", "session-accept", "transport-replace", "transport-accept"];
/** ms that the transports share, however much later the session's own deadline is: nobody waits longer for one that leads nowhere. */
const SHARED = 30_000;
/** Failures that are kept for whoever asks why. */
const mostTried = 64;

/** Performs what the machine of one session says. */
export class Driver {
  #state: State;
  readonly #options: DriverOptions;
  /** The transports'. */
  readonly #channel: StanzaChannel;
  readonly #attempts: Attempts;
  readonly #outgoing: Outgoing;
  readonly #infoHandlers = new Set<InfoHandler>();
  readonly #transcript = new TranscriptRecorder();
  readonly #ended = new AbortController();
  readonly #signallingLost = new AbortController();
  readonly #established = deferred<Session>();
  #session: Session | undefined;
  /** Of whoever waits for a path in the place of one that broke. */
  #successor: ReturnType<typeof deferred<Connection>> | undefined;
  /** What stays to be seen of the bytes once they are gone. */
  #last: Connection | undefined;
  readonly #tried: Tried[] = [];
  readonly #deadline = new Deadline();
  readonly #agreed = deferred<void>();
  #replaceTimer: ReturnType<typeof setTimeout> | undefined;
  progress: (event: NegotiationProgress) => void = () => undefined;
  addresses: AddressPolicy | undefined;
  /** Is a path that stands kept until `settle()` only? */
  provisional = false;

  constructor(state: State, options: DriverOptions) {
    this.#state = state;
    this.#options = options;
    this.#channel = options.signalling.channel.to(state.peer);
    this.#outgoing = new Outgoing({
      signalling: options.signalling,
      transcript: this.#transcript,
      ended: this.#ended.signal,
      farewell: options.timing.farewell,
      state: () => this.#state,
      refused: (action, attempt, error) => this.dispatch({ type: "refused", action, attempt, ...explain(error) }),
      acknowledged: () => this.#tell("acknowledged by the peer"),
    });
    this.#attempts = new Attempts({
      transports: options.transports,
      context: { channel: this.#channel, role: state.role, sid: state.sid, servers: options.servers, progress: (step, error, transport) => this.#tell(step, error, { transport }) },
      addresses: () => this.policy,
      deadline: (reach) => this.#share(reach),
      sendInfo: async (number, transport) => await this.#outgoing.transportInfo(number, transport),
      tell: (attempt, news) => this.dispatch(news.type === "connected" ? { ...news, attempt, provisional: this.provisional } : { ...news, attempt }),
      report: options.report,
    });
    this.#established.promise.catch(() => undefined); // whoever waits for the session hears of it by a promise of their own
  }

  get phase(): Phase {
    return this.#state.phase;
  }

  get state(): State {
    return this.#state;
  }

  get peer(): Jid {
    return this.#state.peer;
  }

  /** Resolves once accepted and connected; rejects with why it never was. */
  get established(): Promise<Session> {
    return this.#established.promise;
  }

  /** Resolves once it is no longer open whether there will be a session: accepted, or over. */
  get agreed(): Promise<void> {
    return this.#agreed.promise;
  }

  /** Aborted once the session is over, with why. */
  get ended(): Session["ended"] {
    return this.#ended.signal;
  }

  /** What there is to try, of those that may be used, where the peer has begun with `offered`: had it known one that covers that, it would have offered it. */
  ways(transports: readonly Pick<Transport, "namespace">[] | undefined, offered: string): Way[] {
    const usable = wanted(this.#options.transports.values(), transports).filter(({ namespace, covers }) => namespace === offered || covers === undefined);
    return ways(usable, this.policy.paths);
  }

  /** What transports may do with addresses in this session. */
  get policy(): AddressPolicy {
    return this.addresses ?? this.#options.addresses(this.peer);
  }

  /** Carries out the first effects of a session. */
  begin(effects: readonly Effect[]): void {
    for (const effect of effects) this.#perform(effect);
  }

  /** Writes down what came in, before anything is made of it: the offer that began the session too. */
  note(jingle: Element): void {
    this.#transcript.received(jingle);
  }

  /** Takes an action of the peer's: returns to acknowledge it, throws a stanza error to refuse it. */
  receive(from: Jid, action: Action): void {
    const answersOffer = this.#isAnswer(from, action.name);
    try {
      this.#take({ type: "received", from, action });
    } catch (error) {
      if (answersOffer) this.#misaccepted(error);
      throw error;
    }
  }

  /** An action of the peer's that cannot even be read. */
  misread(from: Jid, name: string | undefined, error: unknown): void {
    if (this.#isAnswer(from, name)) this.#misaccepted(error);
  }

  #isAnswer(from: Jid, name: string | undefined): boolean {
    return name === "session-accept" && from === this.peer && this.#state.phase === "offered";
  }

  /** An acceptance that cannot be read will not be followed by a better one: the error that answers it goes out, then the session ends. */
  #misaccepted(cause: unknown): void {
    const error = new BalconyError("bad-request", `${this.peer} accepted what was offered by something that is no acceptance of it.`, { cause, peer: this.peer });
    queueMicrotask(() => this.dispatch({ type: "terminate", reason: "general-error", error }));
  }

  dispatch(event: Exclude<Event, { type: "received" }>): void {
    try {
      this.#take(event);
      // Nobody can be told of another transport.
      if (event.type === "failed" && this.#signallingLost.signal.aborted) this.#take({ type: "signalling-lost", error: this.#signallingLost.signal.reason as BalconyError });
    } catch (error) {
      this.#options.report(error);
      this.#take({ type: "terminate", reason: "general-error", error: new BalconyError("internal", asError(error).message, { cause: error, peer: this.peer }) });
    }
  }

  /** One absolute deadline (ms) for all that is still to be done; takes the place of the one before. `reason` is what the peer hears where the signal ends it. */
  limit({ timeout, signal, reason }: WaitOptions & { readonly timeout: number; readonly reason: Reason }): void {
    const wait = { timeout, signal };
    this.#deadline.set(wait, {
      expired: () => this.dispatch({ type: "expired", message: `Waited ${Math.round(timeout / 100) / 10} s for ${this.#waitingFor()}.` }),
      aborted: (cause) => {
        const error = cause instanceof BalconyError ? cause : new BalconyError("aborted", `Stopped waiting for ${this.#waitingFor()}.`, { peer: this.peer, cause });
        this.dispatch({ type: "terminate", reason, error });
      },
    });
  }

  /** Ends the session and tells the peer; resolves once it has acknowledged or cannot. */
  async terminate(reason: Reason, detail: ReasonDetail = {}, error?: BalconyError): Promise<void> {
    const code = reason === "success" ? "closed" : "session-ended";
    this.dispatch({ type: "terminate", reason, ...detail, error: error ?? new BalconyError(code, `We ended the session (${reason}).`, { condition: reason, peer: this.peer }) });
    await this.#outgoing.farewell;
  }

  signallingLost(error: BalconyError): void {
    this.dispatch({ type: "signalling-lost", error });
    this.#signallingLost.abort(error);
  }

  #waitingFor(): string {
    const { phase, peer, transport } = this.#state;
    if (phase === "preparing") return `${transport} to prepare an offer`;
    if (phase === "offered") return `${peer} to accept the offer`;
    if (phase === "asked") return `an answer to ${peer}'s offer`;
    if (phase === "accepting") return `${transport} to answer the offer`;
    if (phase === "failed") return `another transport than ${transport}`;
    return `${transport} to connect`;
  }

  #take(event: Event): void {
    const { state, effects } = step(this.#state, event);
    // A check that fails is the answer, and then nothing has happened.
    for (const effect of effects) this.#check(effect);
    const pending = this.#state.phase;
    this.#state = state;
    if (pending !== state.phase && (state.accepted || state.phase === "ended")) this.#agreed.resolve();
    for (const effect of effects) this.#perform(effect);
  }

  #check(effect: Effect): void {
    switch (effect.type) {
      case "check-answer":
        this.#options.checkAnswer(effect.terms);
        break;
      case "check-transport":
        this.#options.transports.get(effect.transport.getNS() ?? "")?.check?.(effect.transport);
        break;
      case "take-answer":
        this.#attempts.accepted(effect.transport);
        break;
      case "take-info":
        this.#attempts.info(effect.transport);
        break;
      case "hear":
        this.#hear(effect.payload);
        break;
      case "refuse":
        throw refusal(effect.refusal);
      default:
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "send":
        this.#send(effect.send);
        break;
      case "prepare":
        this.#attempts.prepare(effect.attempt, effect.way);
        break;
      case "answer":
        this.#attempts.answer(effect.attempt, { namespace: effect.transport, offer: effect.offer, held: effect.held });
        break;
      case "connect":
        this.#attempts.connect(effect.attempt);
        break;
      case "abort":
        clearTimeout(this.#replaceTimer);
        this.#attempts.abort();
        break;
      case "discard":
        this.#attempts.discard(effect.attempt);
        break;
      case "await-replace":
        this.#replaceTimer = setTimeout(() => this.dispatch({ type: "replace-due", attempt: effect.attempt }), this.#options.timing.replace);
        break;
      case "established":
        this.#establish();
        break;
      case "over":
        this.#over(effect.error);
        break;
      default: // those of #check()
    }
  }

  // ---- signalling

  #send(send: Send): void {
    this.#outgoing.send(send);
    if (announcing.includes(send.name)) this.#attempts.announced();
    if (send.name === "session-initiate") this.#tell("offered");
  }

  #hear(payload: Element): void {
    for (const handler of [...this.#infoHandlers]) if (handler(payload) === true) return;
    throw refusal("unsupported-info");
  }

  #onInfo(handler: InfoHandler): Unsubscribe {
    this.#infoHandlers.add(handler);
    return () => this.#infoHandlers.delete(handler);
  }

  // ---- the session's life

  #establish(): void {
    if (!this.#state.provisional) this.#settle();
    const connection = this.#attempts.connection(this.#state.attempt);
    if (!connection) throw new Error("a session without bytes");
    this.#tell(`connected: ${connection.path}`, undefined, connection);
    this.#session ??= this.#makeSession();
    this.#established.resolve(this.#session);
    this.#successor?.resolve(connection);
    this.#successor = undefined;
  }

  #makeSession(): Session {
    const { role, sid, peer, local, remote } = this.#state;
    if (!local || !remote) throw new Error("a session without terms");
    const connection = (): Connection => {
      const found = this.#attempts.connection(this.#state.attempt) ?? this.#last;
      if (!found) throw new Error("a session without bytes");
      this.#last = found;
      return found;
    };
    connection();
    const state = (): State => this.#state;
    return {
      role,
      sid,
      peer,
      get connection() {
        return connection();
      },
      get transport() {
        return connection().transport ?? state().transport;
      },
      localApplication: local.application,
      remoteApplication: remote.application,
      localSecurity: local.security,
      remoteSecurity: remote.security,
      takeTranscript: () => this.#transcript.take(),
      ended: this.#ended.signal,
      signallingLost: this.#signallingLost.signal,
      take: (taken) => this.#attempts.settle(this.#state.attempt, taken),
      settle: () => this.#settle(),
      replacement: async (lost, error) => await this.#replacement(lost, error),
      terminate: (reason, detail) => this.terminate(reason, typeof detail === "string" ? { text: detail } : detail),
      sendInfo: (payload, options) => this.#outgoing.info(payload, options),
      onInfo: (handler) => this.#onInfo(handler),
    };
  }

  /** The path stays. */
  #settle(): void {
    this.dispatch({ type: "settled" });
    this.#attempts.settle(this.#state.attempt, undefined);
    this.#deadline.clear();
  }

  /** Another path in the place of one that broke before it was settled. */
  async #replacement(lost: Connection, error: Error): Promise<Connection> {
    this.#ended.signal.throwIfAborted();
    const { attempt, phase, provisional } = this.#state;
    const present = this.#attempts.connection(attempt);
    if (phase === "connected" && present && present !== lost) return present;
    if (phase === "connected" && !provisional) throw error;
    this.#successor ??= deferred<Connection>();
    const { promise } = this.#successor;
    if (phase === "connected") {
      this.#tell("the path broke before it was of any use", error);
      this.dispatch({ type: "failed", attempt, error, transport: lost.transport });
    }
    return await promise;
  }

  #over(reason: BalconyError): void {
    const error = this.#withTried(reason);
    this.#deadline.clear();
    this.#successor?.reject(error);
    this.#successor = undefined;
    this.#established.reject(error);
    this.#ended.abort(error);
    this.#attempts.destroy(error.code === "closed" ? undefined : error);
    this.#infoHandlers.clear();
    void this.#channel.close(); // a narrowed channel has nothing to wait for
    this.#options.over(this, error);
  }

  /** The fair share that the present transport has of the time that is left; the last one has all of it. */
  #share(reach: Way["reach"]): number {
    const { role, transport: present } = this.#state;
    const untried = this.#state.untried.filter(({ within }) => within !== present);
    if (untried.length === 0) return Number.POSITIVE_INFINITY;
    // The initiator goes ahead with the next, so that the responder is the one with patience.
    const left = Math.min(this.#deadline.left, SHARED);
    const { direct, transport } = this.#options.timing;
    const most = reach === "direct" ? direct : transport;
    return role === "initiator" ? Math.max(0, Math.min(most, left / (untried.length + 1))) : most;
  }

  /** Where no transport led anywhere, with why each did not. */
  #withTried(error: BalconyError): BalconyError {
    return this.#tried.length > 0 && (error.code === "failed-transport" || error.code === "expired") ? error.with({ tried: [...this.#tried] }) : error;
  }

  #tell(step: string, error?: Error, about: { readonly transport?: string | undefined; readonly path?: string } = {}): void {
    const { transport = this.#state.transport, path } = about;
    if (error && this.#tried.length < mostTried) this.#tried.push({ transport, step, reason: error.message, code: error instanceof BalconyError ? error.code : undefined });
    try {
      this.progress({ step, transport, error, path });
    } catch (defect) {
      this.#options.report(defect);
    }
  }
}

/** What an error to one of our requests means to the machine. */
function explain(error: unknown): Pick<Extract<Event, { type: "refused" }>, "why" | "error"> {
  const known = error instanceof BalconyError ? error : new BalconyError("internal", asError(error).message, { cause: error });
  if (saysUnknownSession(error)) return { why: "unknown-session", error: known };
  if (saysTieBreak(error)) return { why: "tie-break", error: known };
  return { why: known.code === "stanza-error" ? "other" : "no-answer", error: known };
}
