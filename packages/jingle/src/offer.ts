import { BalconyError } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import type { Senders } from "./action.js";
import type { AddressPolicy } from "./address-policy.js";
import type { Driver } from "./driver.js";
import type { Transport } from "./plugins.js";
import type { Reason, ReasonDetail } from "./reason.js";
import type { NegotiationProgress, Session } from "./session.js";

export interface AcceptOptions {
  /** Our `<description/>`, in the namespace of the offered one. */
  readonly application: Element;
  /** Our `<security/>`, in the namespace of the offered one; left out to go without. */
  readonly security?: Element | undefined;
  /** The transports that may be used, of those that are known. Default: all. */
  readonly transports?: readonly Pick<Transport, "namespace">[] | undefined;
  readonly senders?: Senders | undefined;
  /** For this session. Default: what `addresses` of Jingle says of the peer. */
  readonly addresses?: AddressPolicy | undefined;
  /** Milliseconds from now until bytes can flow; absolute. Default 30,000. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((event: NegotiationProgress) => void) | undefined;
  /** May the path be given up for another until `session.settle()`? Where either side finds that nothing comes by it. Default false. */
  readonly provisional?: boolean | undefined;
}

/** A session that a peer offers. It has been acknowledged, and nothing else has been done on its account. */
export interface Offer {
  /** The initiator's full address, in normal form. */
  readonly peer: Jid;
  readonly sid: string;
  /** The offered `<description/>`. */
  readonly application: Element;
  /** The offered `<security/>`, where we know its namespace. */
  readonly security: Element | undefined;
  readonly senders: Senders;
  /** Namespace of the offered transport. */
  readonly transport: string;
  /** Aborted when the offer can no longer be accepted: withdrawn, evicted, too old, or taken over by an `initiate()` to this peer. */
  readonly signal: AbortSignal & { readonly reason: BalconyError };
  /**
   * Accepts, and resolves once bytes can flow.
   * @throws `invalid-argument`, `cancelled`, `expired`, `failed-transport`, `aborted`, `session-ended`, `tie-break` (an `initiate()` has taken it over)
   */
  accept(options: AcceptOptions): Promise<Session>;
  /** Ends the session before it began; resolves once the peer has acknowledged, or cannot be reached. After `accept()` it does nothing. */
  decline(reason: Reason, detail?: string | ReasonDetail): Promise<void>;
}

const NEGOTIATION_TIMEOUT = 30_000;

/** An Offer over the driver of its session. */
export class ReceivedOffer implements Offer {
  readonly #driver: Driver;
  readonly #gone = new AbortController();

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  get peer(): Jid {
    return this.#driver.peer;
  }

  get sid(): string {
    return this.#driver.state.sid;
  }

  get application(): Element {
    return this.#terms.application;
  }

  get security(): Element | undefined {
    return this.#terms.security;
  }

  get senders(): Senders {
    return this.#terms.senders ?? "both";
  }

  get transport(): string {
    return this.#offered;
  }

  get signal(): Offer["signal"] {
    return this.#gone.signal;
  }

  get #terms() {
    const { remote } = this.#driver.state;
    if (!remote) throw new Error("an offer has the peer's terms");
    return remote;
  }

  get #offered(): string {
    const { past, transport } = this.#driver.state;
    return past[0] ?? transport;
  }

  async accept(options: AcceptOptions): Promise<Session> {
    this.#gone.signal.throwIfAborted();
    return await this.#accept(options);
  }

  async decline(reason: Reason, detail?: string | ReasonDetail): Promise<void> {
    if (this.#driver.phase === "asked") await this.#driver.terminate(reason, typeof detail === "string" ? { text: detail } : detail);
  }

  /** For `initiate()`: accepts, and whoever holds the offer cannot any more. */
  async takeOver(options: AcceptOptions): Promise<Session> {
    this.#gone.abort(new BalconyError("tie-break", `We were about to offer ${this.peer} the same, and this offer became the answer.`, { peer: this.peer }));
    return await this.#accept(options);
  }

  /** The session is over. */
  withdraw(error: BalconyError): void {
    this.#gone.abort(error);
  }

  async #accept({ addresses, application, security, senders, transports, timeout = NEGOTIATION_TIMEOUT, signal, progress, provisional = false }: AcceptOptions): Promise<Session> {
    const driver = this.#driver;
    driver.ended.throwIfAborted();
    if (driver.phase !== "asked") throw new BalconyError("invalid-argument", "This offer has been accepted already.");
    if (application.getNS() !== this.application.getNS()) throw new BalconyError("invalid-argument", "An offer is accepted in its own application's namespace.");
    if (security && security.getNS() !== this.security?.getNS()) throw new BalconyError("invalid-argument", "An offer is accepted in its own security's namespace, or without.");
    if (progress) driver.progress = progress;
    driver.addresses = addresses;
    driver.provisional = provisional;
    const wanted = (known: string) => transports === undefined || transports.some(({ namespace }) => namespace === known);
    if (!wanted(this.transport)) {
      const error = new BalconyError("unsupported-transports", `${this.peer} offers ${this.transport}, which is not wanted here.`, { peer: this.peer });
      await driver.terminate("unsupported-transports", undefined, error);
      throw error;
    }
    driver.limit({ timeout, signal, reason: "decline" });
    driver.dispatch({ type: "accept", terms: { application, security, senders }, untried: driver.ways(transports, this.transport) });
    return await driver.established;
  }
}
