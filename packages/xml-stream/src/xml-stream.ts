import type { Duplex } from "node:stream";
import {
  BalconyError,
  type Deadline,
  type RequestFilter,
  type RequestHandler,
  type RequestOptions,
  randomId,
  type StanzaChannel,
  type StanzaHandler,
  StanzaRouter,
  type Unsubscribe,
  withDeadline,
  writeStanzaError,
} from "@balcony/channel";
import { childElements, type Element, type Jid, type Limits, onlyChild, xml } from "@balcony/xml";
import { foreignAddress, withoutAddresses } from "./addresses.js";
import { hangUp } from "./hang-up.js";
import { NS_CLIENT, NS_STREAMS, type StreamHeader } from "./header.js";
import { defaultKeepalive, Keepalive, type KeepaliveTimes } from "./keepalive.js";
import type { Receiver, XmlReader } from "./reader.js";
import { isAnswer, notAStanza, writeStanza } from "./stanza.js";
import { lastWords, readStreamError, streamError } from "./stream-error.js";
import { Writer } from "./writer.js";

const NS_PING = "urn:xmpp:ping";
const CLOSING_TAG = "</stream:stream>";
/** How long (ms) a close may go on without a byte of progress. */
const CLOSE_TIMEOUT = 10_000;
/** Bytes waiting to be written above which `send()` waits. */
const HIGH_WATER = 64 * 1024;
const QUEUED_BYTES = 16 * 1024 * 1024;
const OPEN_REQUESTS = 1024;

/** What one stream may make its end hold. */
export interface StreamLimits extends Limits {
  /** Bytes that wait to be written. Above it `send()` rejects, and a peer that asks without reading the answers is cut off. Default 16 MiB. */
  readonly queuedBytes: number;
  /** Requests of the peer that are being worked on at once. Above it they are answered `resource-constraint`. Default 1,024. */
  readonly openRequests: number;
}

interface Opened {
  readonly self: Jid;
  readonly peer: Jid;
  readonly remoteHeader: StreamHeader;
  readonly remoteFeatures: readonly Element[];
  readonly limits: Partial<StreamLimits> | undefined;
  readonly keepalive: KeepaliveTimes | "off" | undefined;
  readonly report: (error: unknown) => void;
  readonly delivery: "at-once" | "held";
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: BalconyError) => void;
}

/** Something that came in and waits. */
interface Happening {
  readonly element?: Element;
  readonly happen: () => void;
}

/** An end-to-end XML stream as a StanzaChannel to its one peer. Made by `openStream()`. */
export class XmlStream implements StanzaChannel {
  readonly self: Jid;
  readonly peer: Jid;
  /** What the peer's header said. Whoever knows the peer to be a Balcony demands the addresses in it. */
  readonly remoteHeader: StreamHeader;
  /** What the peer offers within the stream (RFC 6120 §4.3.2); a responder hears of no features, and has an empty list. */
  readonly remoteFeatures: readonly Element[];
  /** Sees every stanza of the peer's, IQs too, before whoever acts on it. Must not throw. */
  observer: ((stanza: Element) => void) | undefined;
  /** Looks at every stanza and request before it is sent; what it throws refuses it. Answers to the peer's requests do not pass it. */
  guard: ((stanza: Element) => void) | undefined;
  /** Looks at every stanza and request that comes in, before anybody else: the error that it gives is the answer, and nobody hears of the stanza. Answers to our requests do not pass it. */
  gate: ((stanza: Element) => BalconyError | undefined) | undefined;
  readonly #bytes: Duplex;
  readonly #reader: XmlReader;
  readonly #writer: Writer;
  readonly #router: StanzaRouter;
  readonly #keepalive: Keepalive | undefined;
  readonly #maxQueued: number;
  /** What came before whoever opened the stream could add a handler; undefined once they could. */
  #held: Happening[] | undefined = [];
  /** Told of what comes in while all of it is held. */
  #onHeld: (() => void) | undefined;
  #delivering = false;
  /** closing: our closing tag is on its way, the peer's may be. over: the stream is, the bytes may not be. */
  #state: "open" | "closing" | "over" = "open";
  #peerClosed = false;
  /** Those who wait for room to send. */
  #waiting: Waiting[] = [];
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #over: Promise<void>;
  #settleOver: (gone: Promise<void>) => void = () => undefined;

  /** @internal */
  constructor(bytes: Duplex, reader: XmlReader, { self, peer, remoteHeader, remoteFeatures, limits, keepalive = defaultKeepalive, report, delivery }: Opened) {
    this.self = self;
    this.peer = peer;
    this.remoteHeader = remoteHeader;
    this.remoteFeatures = remoteFeatures;
    this.#bytes = bytes;
    this.#reader = reader;
    this.#maxQueued = limits?.queuedBytes ?? QUEUED_BYTES;
    this.#writer = new Writer(bytes, () => this.#progressed());
    this.#router = new StanzaRouter({
      self,
      peer,
      transmit: (stanza) => this.#transmit(stanza),
      shutdown: () => this.close(),
      report,
      openRequests: limits?.openRequests ?? OPEN_REQUESTS,
    });
    if (keepalive !== "off") {
      this.#keepalive = new Keepalive(keepalive, {
        ask: () => this.#writer.write(xml("iq", { type: "get", id: randomId() }, xml("ping", NS_PING)).toString()),
        space: () => this.#writer.write(" "),
        dead: () => this.#end(streamError("peer-dead", `${peer} has not answered for too long.`, { peer })),
      });
    }
    this.#over = new Promise((resolve) => {
      this.#settleOver = resolve;
    });
    reader.receiver = this.#receiver;
    this.#bytes.pause();
    if (delivery === "at-once") queueMicrotask(() => this.deliver());
  }

  /** Lets come in what was held since the stream was opened with `delivery: "held"`. Calling it again does nothing. */
  deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    onceFlowing(this.#bytes, () => this.#release());
  }

  /** Holds what comes in from now on, also the rest of what was read already, until `deliver()`: for a stream that is handed on to somebody who has yet to add handlers. */
  hold(): void {
    this.#held ??= [];
    this.#delivering = false;
    this.#bytes.pause();
  }

  /**
   * While what comes in is held (`delivery: "held"`): reads up to the peer's first stanza. If that is a request of this namespace it is answered with what `answer` makes of it, and
   * nobody else sees it; any other keeps its turn. What comes behind goes on being held.
   * @param answer gives the result's child; what it throws is the answer, too
   * @returns whether it was such a request
   * @throws why the stream ended, where that came first; `timeout`, `aborted`
   */
  async answerFirst(xmlns: string, answer: (payload: Element) => Element, wait: Deadline): Promise<boolean> {
    const first = await this.#first(wait);
    const payload = first.name === "iq" && !isAnswer(first) ? childElements(first).find((child) => child.getNS() === xmlns) : undefined;
    if (!payload) return false;
    this.#held?.shift();
    const unsubscribe = this.#router.onRequest({ type: "set", name: payload.getName(), xmlns }, () => answer(payload));
    if (!this.#router.receive(first, this.peer)) this.#router.refuse(first, this.peer);
    unsubscribe();
    return true;
  }

  /**
   * While what comes in is held: sends a request of type set, and reads up to the peer's first stanza. If that is the answer nobody else sees it; any other keeps its turn. What comes
   * behind goes on being held.
   * @returns the result's child; undefined for an error, an empty result, or where something else came first
   * @throws why the stream ended, where that came first; `timeout`, `aborted`
   */
  async askFirst(payload: Element, wait: Deadline): Promise<Element | undefined> {
    const id = randomId();
    await this.#transmit(xml("iq", { type: "set", id }, payload));
    const first = await this.#first(wait);
    if (!isAnswer(first) || first.attrs.id !== id) return undefined;
    this.#held?.shift();
    return first.attrs.type === "result" ? onlyChild(first) : undefined;
  }

  /** The peer's first stanza, which goes on being held. */
  async #first({ timeout, signal, waitingFor }: Deadline): Promise<Element> {
    const held = this.#held;
    if (!held || this.#delivering) throw new BalconyError("invalid-argument", "What came in was delivered already.");
    if (held.length === 0) {
      try {
        await withDeadline(this.#somethingHeld(), { timeout, signal, waitingFor });
      } finally {
        this.#onHeld = undefined;
        this.#bytes.pause();
      }
    }
    const element = held[0]?.element;
    if (element?.getNS() === NS_CLIENT) return element;
    this.#release(); // it is over, or being closed
    throw this.#endOf();
  }

  #somethingHeld(): Promise<void> {
    return new Promise((resolve) => {
      this.#onHeld = () => {
        this.#bytes.pause();
        resolve();
      };
      this.#bytes.resume();
    });
  }

  /** The channel that narrowed ones name as theirs. */
  get wide(): StanzaChannel {
    return this.#router;
  }

  get closed(): StanzaChannel["closed"] {
    return this.#router.closed;
  }

  /**
   * Sends one stanza. Addresses in it have to be the stream's own; they are left out on the wire.
   * @throws `invalid-argument` where it is no stanza, cannot be written as XML, or names anybody else; `resource-constraint`, `closed`, or why the stream ended
   */
  send(stanza: Element): Promise<void> {
    return this.#transmit(stanza);
  }

  async request(iq: Element, options: RequestOptions = {}): Promise<Element> {
    if (this.#state !== "open") throw this.#endOf();
    return await this.#router.request(iq, options);
  }

  onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    return this.#router.onRequest(filter, handler);
  }

  onStanza(handler: StanzaHandler): Unsubscribe {
    return this.#router.onStanza(handler);
  }

  to(peer: Jid): StanzaChannel {
    return this.#router.to(peer);
  }

  /**
   * Sends what waits and the closing tag, then ends the bytes once the peer's has come (RFC 6120 §4.4). What the peer had sent before it heard of the close
   * is still delivered; requests in it stay without an answer. Resolves once the bytes are closed, however that went: `closed.reason` tells, `closed` where nothing is missing.
   */
  async close(): Promise<void> {
    this.deliver();
    if (this.#state === "open") this.#beginClose();
    await this.#over;
  }

  // Whoever awaits openStream() runs in promise callbacks, which come before the bytes flow again: Node resumes a Readable on a tick of its own.

  #release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { happen } of held) happen();
  }

  get #receiver(): Receiver {
    const inTurn = (happen: () => void, element?: Element): void => {
      if (this.#held) {
        this.#held.push({ happen: () => inTurn(happen), ...(element && { element }) });
        this.#onHeld?.();
      } else if (this.#state !== "over") happen();
    };
    return {
      header: () => undefined,
      stopped: () => undefined,
      heard: () => this.#heard(),
      element: (element) => {
        if (!this.#held && this.#state !== "over") this.#take(element);
        else inTurn(() => this.#take(element), element); // a closure of its own only for those that are held
      },
      close: () => inTurn(() => this.#closeByPeer()),
      failed: (error) => inTurn(() => this.#end(error)),
    };
  }

  #heard(): void {
    this.#keepalive?.heard();
    if (this.#closeTimer) this.#restartCloseTimer();
  }

  #take(element: Element): void {
    const { peer } = this;
    if (element.getNS() === NS_CLIENT) this.#takeStanza(element);
    else if (element.is("error", NS_STREAMS)) this.#end(readStreamError(element, { peer }));
    else this.#end(streamError("unsupported-stanza-type", `${peer} sent <${element.name} xmlns='${element.getNS() ?? ""}'/>, which is no stanza.`, { peer }));
  }

  #takeStanza(stanza: Element): void {
    const { self, peer } = this;
    const error = notAStanza(stanza) ?? foreignAddress(stanza, this);
    if (error) {
      this.#end(error);
      return;
    }
    // Who sent it was settled by TLS; applications that read attributes find the same.
    stanza.attrs.from = peer;
    stanza.attrs.to = self;
    const refusal = isAnswer(stanza) ? undefined : this.gate?.(stanza);
    if (refusal) {
      this.#refuse(stanza, refusal);
      return;
    }
    this.observer?.(stanza);
    // Behind our closing tag nothing can be answered any more.
    if (this.#state !== "open" && stanza.name === "iq" && !isAnswer(stanza)) return;
    if (!this.#router.receive(stanza, peer)) this.#router.refuse(stanza, peer);
  }

  #refuse({ attrs, name }: Element, { stanza }: BalconyError): void {
    if (attrs.type === "error" || !stanza || this.#state !== "open") return;
    // What cannot be sent any more has said why in `closed`.
    this.#transmit(xml(name, { type: "error", id: attrs.id }, writeStanzaError(stanza)), "unguarded").catch(() => undefined);
  }

  #transmit(stanza: Element, unguarded?: "unguarded"): Promise<void> {
    const { peer } = this;
    if (this.#state !== "open") return Promise.reject(this.#endOf());
    let text: string;
    try {
      if (!isAnswer(stanza) && !unguarded) this.guard?.(stanza);
      text = writeStanza(withoutAddresses(stanza, this));
    } catch (error) {
      return Promise.reject(error as BalconyError);
    }
    if (this.#writer.backlog + text.length > this.#maxQueued) {
      const full = streamError("resource-constraint", `More than ${this.#maxQueued} bytes wait for ${peer} to read them.`, { peer });
      // Whoever asks on and on and reads none of the answers is not waited for.
      if (isAnswer(stanza)) this.#end(full);
      return Promise.reject(full);
    }
    this.#writer.write(text);
    this.#keepalive?.sent();
    if (this.#writer.backlog <= HIGH_WATER) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #progressed(): void {
    this.#keepalive?.progressed();
    if (this.#closeTimer) this.#restartCloseTimer();
    if (this.#waiting.length > 0 && this.#writer.backlog <= HIGH_WATER) {
      for (const { resolve } of this.#waiting) resolve();
      this.#waiting = [];
    }
    this.#endIfClosed();
  }

  #beginClose(): void {
    this.#state = "closing";
    this.#keepalive?.stop();
    this.#writer.write(CLOSING_TAG);
    this.#restartCloseTimer();
  }

  #closeByPeer(): void {
    this.#peerClosed = true;
    // RFC 6120 §4.4: what we have sent already still goes out, then our own closing tag.
    if (this.#state === "open") this.#beginClose();
    this.#router.end(streamError("closed", "The stream was closed.", { peer: this.peer }));
    this.#endIfClosed();
  }

  #endIfClosed(): void {
    if (this.#peerClosed && this.#state === "closing" && this.#writer.backlog === 0) this.#end(this.closed.reason);
  }

  #restartCloseTimer(): void {
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(
      () => this.#end(streamError("timeout", `Waited ${CLOSE_TIMEOUT / 1000} s for ${this.peer} to close the stream.`, { peer: this.peer })),
      CLOSE_TIMEOUT,
    );
  }

  #end(error: BalconyError): void {
    const closedBefore = this.#state === "closing";
    this.#state = "over";
    this.#keepalive?.stop();
    clearTimeout(this.#closeTimer);
    this.#reader.release();
    const whole = this.#writer.stop();
    // Nothing follows a closing tag, and nothing that is not part of it follows half a stanza.
    this.#settleOver(hangUp(this.#bytes, closedBefore || !whole ? "" : lastWords(error)));
    this.#router.end(error);
    for (const { reject } of this.#waiting) reject(this.#endOf());
  }

  #endOf(): BalconyError {
    return this.closed.aborted ? this.closed.reason : streamError("closed", "The stream is being closed.", { peer: this.peer });
  }
}

/** Has bytes flow, and acts as they do; also where they are gone already: from Node 26 on such a Readable says nothing any more. */
function onceFlowing(bytes: Duplex, act: () => void): void {
  if (bytes.destroyed) {
    process.nextTick(act);
    return;
  }
  const flows = (): void => {
    bytes.off("resume", flows).off("close", flows);
    act();
  };
  bytes.on("resume", flows).on("close", flows).resume();
}
