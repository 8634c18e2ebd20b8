import { bare, childElements, clone, domainOf, type Element, isElement, type Jid, onlyChild, xml } from "@balcony/xml";
import { BalconyError, stanzaError } from "./error.js";
import { NarrowedChannel } from "./narrowed-channel.js";
import { OpenRequests } from "./open-requests.js";
import { randomId } from "./random-id.js";
import { readAddress } from "./read-address.js";
import {
  type Answer,
  answersItself,
  notMine,
  type Received,
  type Request,
  type RequestFilter,
  type RequestHandler,
  type RequestOptions,
  type StanzaChannel,
  type StanzaHandler,
  type Unsubscribe,
} from "./stanza-channel.js";
import { readStanzaError, writeStanzaError } from "./stanza-error.js";
import { abortError, withDeadline } from "./waiting.js";

const REQUEST_TIMEOUT = 30_000;
const OPEN_REQUESTS = 256;

export interface StanzaRouterOptions {
  /** Our own full address, in normal form. */
  readonly self: Jid;
  /** The one address at the other end, in normal form; left out where the wire leads to many. */
  readonly peer?: Jid | undefined;
  /** Puts a stanza on the wire. Rejects where it cannot. */
  readonly transmit: (stanza: Element) => Promise<void>;
  /** Closes what is below; called once, by `close()`. */
  readonly shutdown: () => Promise<void>;
  /** Told of what a handler threw that is not an answer, and of an answer that could not be sent. Must not throw. */
  readonly report: (error: unknown) => void;
  /**
   * Requests of one sender that may be open at once, from their coming in until their answer has left; more are answered `resource-constraint`.
   * Of all senders together 16 times as many. Default 256.
   */
  readonly openRequests?: number | undefined;
}

/** A request of ours that waits for its answer. */
interface Pending {
  /** Whose answer counts. */
  readonly asked: readonly Jid[];
  /** The narrowed channel that asked. A listener per request on its signal would cost more than the request itself. */
  readonly asker: StanzaChannel | undefined;
  readonly onResult: RequestOptions["onResult"];
  readonly onError: RequestOptions["onError"];
  readonly resolve: (result: Element) => void;
  readonly reject: (error: Error) => void;
}

interface RequestEntry extends RequestFilter {
  readonly peer: Jid | undefined;
  readonly handler: RequestHandler;
}

interface StanzaEntry {
  readonly peer: Jid | undefined;
  readonly handler: StanzaHandler;
}

type EndListener = (reason: BalconyError) => void;

/**
 * The part of a StanzaChannel that is the same for all of them: who asked, who may answer, which handler is next.
 * Whoever has a wire gives it `transmit`, and hands every stanza that comes in to `receive()` with its authenticated sender.
 */
export class StanzaRouter implements StanzaChannel {
  readonly self: Jid;
  readonly peer: Jid | undefined;
  readonly #options: StanzaRouterOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #requests = new Set<RequestEntry>();
  readonly #stanzas = new Set<StanzaEntry>();
  readonly #endListeners = new Set<EndListener>();
  readonly #ended = new AbortController();
  readonly #open: OpenRequests;
  #flooded = false;
  #closing: Promise<void> | undefined;

  constructor(options: StanzaRouterOptions) {
    this.#options = options;
    this.self = options.self;
    this.peer = options.peer;
    this.#open = new OpenRequests(options.openRequests ?? OPEN_REQUESTS);
  }

  get wide(): StanzaChannel {
    return this;
  }

  get closed(): StanzaChannel["closed"] {
    return this.#ended.signal;
  }

  async send(stanza: Element): Promise<void> {
    this.#ended.signal.throwIfAborted();
    await this.#options.transmit(stanza);
  }

  async request(iq: Element, options: RequestOptions = {}): Promise<Element> {
    return await this.#ask(iq, this.#answerers(iq), options);
  }

  /** Whose answer to this request counts. What names nobody goes to our own account, for which the server answers (RFC 6120 §8.1.2.1, §10.3.3). */
  #answerers(iq: Element): readonly Jid[] {
    if (this.peer !== undefined) return [this.peer];
    if (iq.attrs.to !== undefined) return [readAddress(iq.attrs.to)];
    return [bare(this.self), this.self, domainOf(this.self)];
  }

  /** @param narrowed the channel that asks, if it leads to one address: the request is then put to that */
  async #ask(iq: Element, asked: readonly Jid[], { timeout = REQUEST_TIMEOUT, signal, onError, onResult }: RequestOptions, narrowed?: NarrowedChannel): Promise<Element> {
    this.#ended.signal.throwIfAborted();
    const waitingFor = (): string => `${asked[0]} to answer ${describe(iq)}`;
    if (signal?.aborted) throw abortError(signal, waitingFor());
    const id = randomId();
    const stanza = clone(iq);
    stanza.attrs.id = id;
    if (narrowed) stanza.attrs.to = narrowed.peer;
    if (!readRequest(stanza, this.self)) throw new BalconyError("invalid-argument", "A request is an <iq/> of type get or set with exactly one child (RFC 6120 §8.2.3).");
    const answered = new Promise<Element>((resolve, reject) => {
      this.#pending.set(id, { asked, asker: narrowed, onError, onResult, resolve, reject });
      this.#options.transmit(stanza).catch(reject);
    });
    try {
      const endless = timeout === Number.POSITIVE_INFINITY && !signal;
      return await (endless ? answered : withDeadline(answered, { timeout, signal, waitingFor: waitingFor() }));
    } finally {
      this.#pending.delete(id);
    }
  }

  onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    return this.#subscribe(this.#requests, { ...filter, peer: undefined, handler });
  }

  onStanza(handler: StanzaHandler): Unsubscribe {
    return this.#subscribe(this.#stanzas, { peer: undefined, handler });
  }

  #subscribe<Entry>(entries: Set<Entry>, entry: Entry): Unsubscribe {
    if (!this.#ended.signal.aborted) entries.add(entry);
    return () => entries.delete(entry);
  }

  to(peer: Jid): StanzaChannel {
    const address = readAddress(peer);
    if (this.peer !== undefined && this.peer !== address) {
      throw new BalconyError("invalid-argument", `A channel to ${this.peer} cannot be narrowed to ${address}.`);
    }
    return new NarrowedChannel(this, address, {
      ask: (iq, options, narrowed) => this.#ask(iq, [address], options, narrowed),
      failRequests: (asker, reason) => this.#failRequests(reason, (pending) => pending.asker === asker),
      addRequestHandler: (filter, handler) => this.#subscribe(this.#requests, { ...filter, peer: address, handler }),
      addStanzaHandler: (handler) => this.#subscribe(this.#stanzas, { peer: address, handler }),
      onEnd: (listener) => this.#subscribe(this.#endListeners, listener),
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.end(new BalconyError("closed", "The channel was closed."));
    await this.#options.shutdown();
  }

  /** The wire below has gone, or `close()` was called: fails open requests and lets `closed` say why. Calling it again does nothing. */
  end(reason: BalconyError): void {
    if (this.#ended.signal.aborted) return;
    this.#requests.clear();
    this.#stanzas.clear();
    this.#ended.abort(reason);
    this.#failRequests(reason, () => true);
    for (const listener of this.#endListeners) listener(reason);
    this.#endListeners.clear();
  }

  #failRequests(reason: BalconyError, which: (pending: Pending) => boolean): void {
    for (const [id, pending] of this.#pending) {
      if (!which(pending)) continue;
      this.#pending.delete(id);
      pending.reject(reason);
    }
  }

  /**
   * Takes a stanza that came in.
   * @param from its authenticated sender, in normal form
   * @returns whether somebody here took it; a request that nobody took is not answered yet, see `refuse()`
   */
  receive(stanza: Element, from: Jid): boolean {
    if (this.#ended.signal.aborted) return false;
    switch (stanza.getName()) {
      case "message":
      case "presence":
        return this.#deliver({ stanza, from });
      case "iq":
        return isAnswer(stanza) ? this.#settle(stanza, from) : this.#serve(stanza, from);
      default:
        return false;
    }
  }

  /**
   * Answers a request that nobody took, as RFC 6120 §8.4 has it; anything that is not a request is left alone.
   * @param words what to put into the error answer, where it is to look like somebody else's
   */
  refuse(stanza: Element, from: Jid, words?: readonly Element[]): void {
    if (stanza.getName() !== "iq" || isAnswer(stanza) || stanza.attrs.id === undefined) return;
    if (this.#admit(stanza, from) === "drop") return;
    if (words) {
      void this.#answer(stanza, from, () => Promise.resolve(xml("iq", { id: stanza.attrs.id, type: "error", to: from }, words)));
      return;
    }
    this.#fail(stanza, from, stanzaError(readRequest(stanza, from) ? "service-unavailable" : "bad-request"));
  }

  #deliver(received: Received): boolean {
    for (const entry of [...this.#stanzas]) {
      if (entry.peer !== undefined && entry.peer !== received.from) continue;
      if (!this.#stanzas.has(entry)) continue; // taken away by a handler before it
      try {
        if (entry.handler(received) === true) return true;
      } catch (error) {
        this.#options.report(error);
      }
    }
    return false;
  }

  #settle(stanza: Element, from: Jid): boolean {
    const id = stanza.attrs.id ?? "";
    const pending = this.#pending.get(id);
    if (!pending?.asked.includes(from)) return false;
    this.#pending.delete(id);
    if (stanza.attrs.type === "error") {
      pending.reject(readStanzaError(stanza));
      pending.onError?.(stanza);
    } else if (childElements(stanza).length <= 1) {
      pending.resolve(stanza);
      pending.onResult?.(stanza);
    } else pending.reject(new BalconyError("invalid-xml", "A result holds more than one child (RFC 6120 §8.2.3).", { peer: from }));
    return true;
  }

  #serve(stanza: Element, from: Jid): boolean {
    const request = readRequest(stanza, from);
    if (!request) return false;
    const admitted = this.#admit(stanza, from);
    if (admitted === "drop") return true;
    if (admitted === "refuse") {
      this.#fail(stanza, from, stanzaError("resource-constraint"));
      return true;
    }
    for (const entry of [...this.#requests]) {
      if (entry.type !== request.type || !request.payload.is(entry.name, entry.xmlns)) continue;
      if (entry.peer !== undefined && entry.peer !== from) continue;
      if (!this.#requests.has(entry)) continue; // taken away by a handler before it
      if (this.#serveBy(entry.handler, request)) return true;
    }
    return false;
  }

  #serveBy(handler: RequestHandler, request: Request): boolean {
    let outcome: ReturnType<RequestHandler>;
    try {
      outcome = handler(request);
    } catch (error) {
      this.#fail(request.stanza, request.from, error);
      return true;
    }
    if (outcome === notMine) return false;
    if (outcome === answersItself) return true;
    const toResult = (answer: Answer): Element => resultOf(request.stanza, request.from, answer);
    void this.#answer(request.stanza, request.from, () => (outcome instanceof Promise ? outcome.then(toResult) : toResult(outcome as Answer)));
    return true;
  }

  #admit(request: Element, from: Jid): "serve" | "refuse" | "drop" {
    const admitted = this.#open.admit(from);
    if (admitted === "drop" && !this.#flooded) {
      this.#options.report(
        new BalconyError("resource-constraint", `${from} asks faster than the answers leave; ${describe(request)} and what follows is dropped.`, { peer: from }),
      );
    }
    this.#flooded = admitted === "drop";
    return admitted;
  }

  #fail(request: Element, from: Jid, error: unknown): void {
    void this.#answer(request, from, () => {
      throw error as Error;
    });
  }

  /** Never rejects: what goes wrong is the answer, or is reported. An answer that is there at once leaves at once, ahead of whatever else the same bytes brought. */
  async #answer(request: Element, from: Jid, result: () => Element | Promise<Element>): Promise<void> {
    this.#open.opened(from);
    try {
      let answer: Element;
      try {
        const made = result();
        answer = made instanceof Promise ? await made : made;
      } catch (error) {
        answer = this.#errorFor(request, from, error);
      }
      if (!this.#ended.signal.aborted) await this.#options.transmit(answer);
    } catch (error) {
      if (!this.#ended.signal.aborted) this.#options.report(error); // otherwise `closed` has said why
    } finally {
      this.#open.closed(from);
    }
  }

  #errorFor(request: Element, from: Jid, error: unknown): Element {
    const meant = error instanceof BalconyError ? error.stanza : undefined;
    if (!meant && !this.#ended.signal.aborted) this.#options.report(error);
    return xml("iq", { to: from, id: request.attrs.id, type: "error" }, writeStanzaError(meant ?? { type: "cancel", condition: "internal-server-error" }));
  }
}

function resultOf(request: Element, from: Jid, answer: Answer): Element {
  if (answer !== undefined && !isElement(answer)) throw new BalconyError("invalid-argument", "A request handler answered with something that is no element.");
  return xml("iq", { to: from, id: request.attrs.id, type: "result" }, answer);
}

function isAnswer(iq: Element): boolean {
  return iq.attrs.type === "result" || iq.attrs.type === "error";
}

function readRequest(stanza: Element, from: Jid): Request | undefined {
  const { type, id } = stanza.attrs;
  const payload = onlyChild(stanza);
  // RFC 6120 §8.2.3: an id, a type of get or set, and exactly one child.
  if ((type !== "get" && type !== "set") || id === undefined || !payload) return undefined;
  return { stanza, from, type, payload };
}

function describe(iq: Element): string {
  const payload = onlyChild(iq);
  return payload ? `<${payload.name} xmlns='${payload.getNS() ?? ""}'/>` : "an empty request";
}
