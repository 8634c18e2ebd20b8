import { BalconyError, withDeadline } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import type { Role } from "../contract.js";
import type { Account } from "./account.js";
import { Findings } from "./findings.js";
import { NS_PING } from "./namespaces.js";
import { type Answered, type Handler, Refuse, type Wire } from "./wire.js";

export type Transport = "ibb" | "s5b";
export type Secure = "starttls" | "xtls";

export interface PlayOptions {
  readonly wire: Wire;
  /** Another resource of the tester's account: a stranger to every session of the first. Logged in when it is first needed. */
  readonly stranger: () => Promise<Account>;
  /** The tester's own role. */
  readonly role: Role;
  readonly transport: Transport;
  readonly secure: Secure;
  /** What the tester itself does wrong; undefined: nothing. */
  readonly breach: string | undefined;
  /** ms of each wait. */
  readonly timeout: number;
  /** The peer sends back what it is sent, and closes by itself where it has opened: it plays a task of the contract. */
  readonly contract: boolean;
  readonly log: (line: string) => void;
}

/** The peer said, or showed, that it is over. What it said is in `heard`. */
export class Ended extends Error {
  override readonly name = "Ended";
}

/** Nothing came. */
export class Silence extends Error {
  override readonly name = "Silence";
}

const TURNS = 50;

/** One session between the tester and the peer: what is played, what the tester breaks, what it finds, and what it hears of what it broke. */
export class Play {
  readonly findings = new Findings();
  /** What the peer said of a breach, in its order: `iq:bad-request`, `stream:not-well-formed`, `tls:bad_certificate`, `terminate:security-error`, `end`. */
  readonly heard: string[] = [];
  /** The stanza, or the piece of the stream, of each. */
  readonly shown: string[] = [];
  /** What disco#info lists. */
  advertised: ReadonlySet<string> | undefined;
  /** Was the place reached at which the breach makes the difference? */
  reached = false;
  readonly options: PlayOptions;
  readonly #ended = new AbortController();

  constructor(options: PlayOptions) {
    this.options = options;
  }

  get wire(): Wire {
    return this.options.wire;
  }

  get role(): Role {
    return this.options.role;
  }

  get self(): string {
    return this.options.wire.self;
  }

  get peer(): string {
    return this.options.wire.peer;
  }

  log(line: string): void {
    this.options.log(line);
  }

  /** Is this what the tester breaks? Asked at the one place where it makes the difference. */
  breaks(name: string): boolean {
    if (this.options.breach !== name) return false;
    this.reached = true;
    return true;
  }

  /** Nobody has done anything wrong yet, so the peer has no reason to complain. */
  get blameless(): boolean {
    return this.options.breach === undefined && this.findings.broken.size === 0;
  }

  hear(what: string, shown: { toString(): string } = ""): void {
    this.log(`= ${what}`);
    this.heard.push(what);
    this.shown.push(shown.toString());
  }

  /** Reads on in the stream that is being read. */
  reader: (() => void) | undefined;

  /** What is on its way is still heard: over the servers it takes one round trip, in TLS some turns of the event loop. */
  async overhear(): Promise<void> {
    await withDeadline(this.settle(), { timeout: this.options.timeout, waitingFor: "the peer, or its server" }).catch(() => undefined); // it may be gone
    for (let turn = 0; turn < TURNS && this.reader && !this.heard.some((line) => line.startsWith("stream:")); turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.reader();
    }
  }

  /** Ends every wait. The first reason counts. */
  stop(reason: Error): void {
    if (!this.#ended.signal.aborted) this.#ended.abort(reason);
  }

  get stopped(): Error | undefined {
    return this.#ended.signal.aborted ? (this.#ended.signal.reason as Error) : undefined;
  }

  /**
   * Waits for the peer.
   * @param rule whose breach it is where nothing comes
   */
  async until<T>(work: Promise<T>, waitingFor: string, rule: string): Promise<T> {
    try {
      return await withDeadline(work, { timeout: this.options.timeout, signal: this.#ended.signal, waitingFor });
    } catch (error) {
      if (this.stopped) throw this.stopped;
      if (!(error instanceof BalconyError && error.code === "timeout")) throw error;
      if (this.blameless) throw this.findings.breach(rule, error.message);
      throw new Silence(error.message);
    }
  }

  /** As `wire.on()`, for handlers that judge: what they find broken ends the play, or lets the IQ be refused and the play go on. */
  on(namespace: string, handler: Handler): void {
    this.wire.on(namespace, (payload, iq) => {
      try {
        return handler(payload, iq);
      } catch (error) {
        if (error instanceof Refuse) throw error;
        this.stop(error as Error);
        throw new Refuse("bad-request", "modify");
      }
    });
  }

  /** An IQ of ours, whose answer the peer owes: rule `iq-answered`. An error is heard when it comes, also where nobody waits any more. */
  async ask(payload: Element, { what, ...how }: { readonly what: string; readonly type?: string; readonly to?: string; readonly by?: Account }): Promise<Answered> {
    const asked = this.wire.ask(payload, how).then((answered) => {
      if (answered.type === "error" && how.by === undefined) this.hear(`iq:${answered.condition}`, answered.stanza);
      return answered;
    });
    const answered = await this.until(asked, `an answer to ${what}`, "iq-answered");
    this.findings.kept.add("iq-answered");
    return answered;
  }

  /** An IQ that has to be acknowledged: rule `rule` where the peer says no. Throws Ended where it says no to a breach. */
  async told(payload: Element, { rule, what }: { readonly rule: string; readonly what: string }): Promise<void> {
    const answered = await this.ask(payload, { what });
    if (answered.type === "error") {
      if (this.blameless) throw this.findings.breach(rule, `${what} was answered with ${answered.condition}.`, answered.stanza);
      throw new Ended(`${what}: ${answered.condition}`);
    }
    this.findings.kept.add(rule);
  }

  /** Goes there and back over the servers, so that what was on its way has come. */
  async settle(): Promise<void> {
    await this.wire.ask(xml("ping", NS_PING), { type: "get" });
  }
}
