import { type Element, type Jid, parseElement } from "@balcony/xml";
import { BalconyError } from "./error.js";
import type { Faults } from "./faults.js";
import { readAddress } from "./read-address.js";
import { StanzaRouter } from "./router.js";
import { type Passing, type StanzaFault, type StanzaStage, stanzaStage } from "./stanza-faults.js";

export interface MemoryStanzaOptions {
  readonly faults?: Faults<StanzaFault>;
  /** Told of what a handler threw that is not an answer. By default it is thrown again where nobody catches it. */
  readonly report?: (error: unknown) => void;
}

/** One direction of a pair of StanzaChannels, in the hand of a test. */
export interface StanzaWire {
  /** Lets delayed stanzas go: so many, or all, those to come included. */
  release(stanzas?: number): void;
  /** Lets a stanza arrive that nobody sent. */
  inject(stanza: Element): void;
  /** Stanzas that have not arrived yet. */
  readonly waiting: number;
}

export interface StanzaWires {
  readonly aToB: StanzaWire;
  readonly bToA: StanzaWire;
  /** The connection breaks: both sides end with `connection-lost`, and what is under way is gone. */
  lose(): void;
}

/**
 * Two StanzaChannels joined in memory, and the wires between them. Stanzas are serialised and parsed on the way, as on a wire.
 * @param options no faults by default
 */
export function memoryStanzaPair(addresses: { readonly a: Jid; readonly b: Jid }, options: MemoryStanzaOptions = {}): [StanzaRouter, StanzaRouter, StanzaWires] {
  const a = readAddress(addresses.a);
  const b = readAddress(addresses.b);
  const { faults = {}, report = throwLater } = options;
  const lose = () => {
    for (const router of [channelA, channelB]) router.end(new BalconyError("connection-lost", "The connection broke."));
  };
  const aToB = new MemoryStanzaWire(faults.aToB ?? [], { near: () => channelA, far: () => channelB, lose });
  const bToA = new MemoryStanzaWire(faults.bToA ?? [], { near: () => channelB, far: () => channelA, lose });
  const channelA: StanzaRouter = memoryChannel({ self: a, peer: b, wire: aToB, far: () => channelB, report });
  const channelB: StanzaRouter = memoryChannel({ self: b, peer: a, wire: bToA, far: () => channelA, report });
  return [channelA, channelB, { aToB, bToA, lose }];
}

function memoryChannel(side: { self: Jid; peer: Jid; wire: MemoryStanzaWire; far: () => StanzaRouter; report: (error: unknown) => void }): StanzaRouter {
  const { self, peer, wire, far, report } = side;
  return new StanzaRouter({
    self,
    peer,
    transmit: async (stanza) => wire.send(stanza),
    shutdown: async () => wire.close(() => far().end(new BalconyError("closed", `${self} closed the channel.`, { peer: self }))),
    report,
  });
}

/** Rethrows where nobody catches it: what a handler threw must not go unseen in a test. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

interface Ends {
  readonly near: () => StanzaRouter;
  readonly far: () => StanzaRouter;
  readonly lose: () => void;
}

class MemoryStanzaWire implements StanzaWire {
  readonly #stages: readonly StanzaStage[];
  readonly #lostAfter: number;
  readonly #queue: (Passing | (() => void))[] = [];
  #passes = 0;
  #sent = 0;
  #arrived = 0;
  #scheduled = false;

  constructor(
    faults: readonly StanzaFault[],
    private readonly ends: Ends,
  ) {
    this.#stages = faults.map(stanzaStage);
    this.#lostAfter = Math.min(...faults.map((fault) => (fault.kind === "lose" ? fault.after : Number.POSITIVE_INFINITY)));
    if (this.#lostAfter === 0) queueMicrotask(ends.lose);
  }

  get waiting(): number {
    return this.#queue.length;
  }

  send(stanza: Element): void {
    const copy = parseElement(stanza.toString());
    let passing: readonly Passing[] = [{ place: this.#sent++, stanza: copy }];
    for (const stage of this.#stages) passing = passing.flatMap((one) => (one.back ? [one] : stage(one)));
    this.#queue.push(...passing);
    this.#schedule();
  }

  inject(stanza: Element): void {
    this.#queue.push({ place: this.#sent, stanza: parseElement(stanza.toString()) });
    this.#schedule();
  }

  release(stanzas = Number.POSITIVE_INFINITY): void {
    this.#passes += stanzas;
    this.#schedule();
  }

  /** The near side closes: the far one hears of it behind everything sent before. */
  close(tell: () => void): void {
    this.#queue.push(tell);
    this.#schedule();
  }

  // Never within the sender's own call: on a real wire nobody hears an answer before send() has returned.
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      if (typeof head === "object" && head.delayed && this.#passes-- <= 0) {
        this.#passes = 0;
        return;
      }
      this.#queue.shift();
      if (typeof head === "function") head();
      else this.#arrive(head);
    }
  }

  #arrive({ stanza, back }: Passing): void {
    const [to, other] = back ? [this.ends.near(), this.ends.far()] : [this.ends.far(), this.ends.near()];
    if (!to.receive(stanza, other.self)) to.refuse(stanza, other.self);
    if (!back && ++this.#arrived === this.#lostAfter) this.ends.lose();
  }
}
