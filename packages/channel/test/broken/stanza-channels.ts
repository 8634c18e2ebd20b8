import { clone, type Element, xml } from "@balcony/xml";
import {
  BalconyError,
  memoryStanzaPair,
  type RequestFilter,
  type RequestHandler,
  type StanzaChannel,
  type StanzaHandler,
  type Unsubscribe,
  type WaitOptions,
} from "../../src/index.js";

/** A sound channel around another, whose parts can be broken one at a time. */
class Around implements StanzaChannel {
  constructor(readonly inner: StanzaChannel) {}
  get self(): string {
    return this.inner.self;
  }
  get peer(): string | undefined {
    return this.inner.peer;
  }
  get wide(): StanzaChannel {
    return this;
  }
  get closed(): StanzaChannel["closed"] {
    return this.inner.closed;
  }
  send(stanza: Element): Promise<void> {
    return this.inner.send(stanza);
  }
  request(iq: Element, options?: WaitOptions): Promise<Element> {
    return this.inner.request(iq, options);
  }
  onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    return this.inner.onRequest(filter, handler);
  }
  onStanza(handler: StanzaHandler): Unsubscribe {
    return this.inner.onStanza(handler);
  }
  to(peer: string): StanzaChannel {
    return this.inner.to(peer);
  }
  close(): Promise<void> {
    return this.inner.close();
  }
}

class ForgetsItsPeer extends Around {
  override get peer(): undefined {
    return undefined;
  }
}

class BelievesAttributes extends Around {
  override onStanza(handler: StanzaHandler): Unsubscribe {
    return super.onStanza(({ stanza }) => handler({ stanza, from: stanza.attrs.from ?? "" }));
  }
}

class DropsPresence extends Around {
  override async send(stanza: Element): Promise<void> {
    if (stanza.name !== "presence") await super.send(stanza);
  }
}

class Reorders extends Around {
  #count = 0;
  override async send(stanza: Element): Promise<void> {
    if (this.#count++ % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    await super.send(stanza);
  }
}

class LosesEscapes extends Around {
  override send(stanza: Element): Promise<void> {
    const body = stanza.getChildText("body");
    const changed = body === null ? stanza : xml(stanza.name, { ...stanza.attrs }, xml("body", {}, body.replaceAll("&amp;", "&")));
    return super.send(changed);
  }
}

class TrimsText extends Around {
  override send(stanza: Element): Promise<void> {
    const body = stanza.getChildText("body");
    return super.send(body === null ? stanza : xml(stanza.name, stanza.attrs, xml("body", {}, body.trim())));
  }
}

class Flattens extends Around {
  override send(stanza: Element): Promise<void> {
    const copy = clone(stanza);
    for (const child of copy.getChildElements()) for (const inner of child.getChildElements()) inner.children = [];
    return super.send(copy);
  }
}

class CutsBigOnes extends Around {
  override send(stanza: Element): Promise<void> {
    const body = stanza.getChildText("body") ?? "";
    return super.send(body.length < 10_000 ? stanza : xml("message", {}, xml("body", {}, body.slice(0, 10_000))));
  }
}

class DropsEmptyOnes extends Around {
  override async send(stanza: Element): Promise<void> {
    if (stanza.children.length > 0) await super.send(stanza);
  }
}

class WritesIntoWhatItSends extends Around {
  override send(stanza: Element): Promise<void> {
    stanza.attrs.to = this.peer;
    return super.send(stanza);
  }
  override request(iq: Element, options?: WaitOptions): Promise<Element> {
    iq.attrs.to = this.peer;
    return super.request(iq, options);
  }
}

class AsksAllHandlers extends Around {
  override onStanza(handler: StanzaHandler): Unsubscribe {
    return super.onStanza((received) => {
      handler(received);
      return undefined;
    });
  }
}

class StopsAtBrokenHandlers extends Around {
  #broken = false;
  override onStanza(handler: StanzaHandler): Unsubscribe {
    return super.onStanza((received) => {
      if (this.#broken) return undefined;
      try {
        return handler(received);
      } catch {
        this.#broken = true;
        return undefined;
      }
    });
  }
}

class KeepsHandlers extends Around {
  override onStanza(handler: StanzaHandler): Unsubscribe {
    super.onStanza(handler);
    return () => undefined;
  }
  override onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    super.onRequest(filter, handler);
    return () => undefined;
  }
}

class DropsAnswers extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    const result = await super.request(iq, options);
    return xml("iq", { type: "result", id: result.attrs.id });
  }
}

class FillsEmptyAnswers extends Around {
  override onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    return super.onRequest(filter, (request) => handler(request) ?? xml("empty"));
  }
}

class AnswersAtOnce extends Around {
  override onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    return super.onRequest(filter, (request) => {
      const answer = handler(request);
      return answer instanceof Promise ? undefined : answer;
    });
  }
}

class MixesAnswers extends Around {
  readonly #open: ((result: Element) => void)[] = [];
  override request(iq: Element, options?: WaitOptions): Promise<Element> {
    return new Promise((resolve, reject) => {
      this.#open.push(resolve);
      super.request(iq, options).then((result) => this.#open.shift()?.(result), reject);
    });
  }
}

class AsksOneAtATime extends Around {
  #busy = false;
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    if (this.#busy) throw new BalconyError("busy", "one at a time");
    this.#busy = true;
    try {
      return await super.request(iq, options);
    } finally {
      this.#busy = false;
    }
  }
}

let anybodyAsks = 0;
class CannotAskBack extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    if (anybodyAsks > 0) throw new BalconyError("busy", "somebody asks already");
    anybodyAsks++;
    try {
      return await super.request(iq, options);
    } finally {
      anybodyAsks--;
    }
  }
}

class AnswersErrorsPoorly extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    return await super.request(iq, options).catch((error: BalconyError) => {
      throw error.stanza ? new BalconyError("stanza-error", "an error", { stanza: { type: "cancel", condition: "undefined-condition" } }) : error;
    });
  }
}

class TakesErrorsForResults extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    return await super.request(iq, options).catch((error: BalconyError) => {
      if (error.stanza) return xml("iq", { type: "error" });
      throw error;
    });
  }
}

class AsksEverybodyEverything extends Around {
  override onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    const others = [filter, { ...filter, type: filter.type === "get" ? "set" : "get" } as const, { ...filter, name: "Question" }, { ...filter, name: "other" }];
    const stops = others.map((one) => super.onRequest(one, handler));
    return () => {
      for (const stop of stops) stop();
    };
  }
}

class AsksTheLastHandler extends Around {
  readonly #handlers: RequestHandler[] = [];
  override onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    this.#handlers.push(handler);
    const own = this.#handlers.length - 1;
    return super.onRequest(filter, (request) => (this.#handlers[this.#handlers.length - 1 - own] ?? handler)(request));
  }
}

class KeepsIds extends Around {
  override onRequest(filter: RequestFilter, handler: RequestHandler): Unsubscribe {
    return super.onRequest(filter, (request) => {
      const stanza = clone(request.stanza);
      stanza.attrs.id = "mine";
      return handler({ ...request, stanza });
    });
  }
}

class SendsAnything extends Around {
  override request(iq: Element, options?: WaitOptions): Promise<Element> {
    const sound = (iq.attrs.type === "get" || iq.attrs.type === "set") && iq.getChildElements().length === 1;
    return sound ? super.request(iq, options) : super.request(xml("iq", { type: "get" }, xml("x", "urn:x")), options);
  }
}

class DeliversAnswersToAnybody extends Around {
  readonly #handlers: StanzaHandler[] = [];
  override onStanza(handler: StanzaHandler): Unsubscribe {
    this.#handlers.push(handler);
    return super.onStanza(handler);
  }
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    const stanza = await super.request(iq, options);
    for (const handler of this.#handlers) handler({ stanza, from: this.peer ?? "" });
    return stanza;
  }
}

class TakesTheLastAnswer extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    const result = await super.request(iq, options);
    if (result.getChildText("answer", "urn:example:compliance") === "first") throw new BalconyError("internal", "two answers");
    return result;
  }
}

class NeverGivesUp extends Around {
  override request(iq: Element): Promise<Element> {
    return super.request(iq);
  }
}

class SaysLittle extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    return await super.request(iq, options).catch((error: BalconyError) => {
      throw error.code === "timeout" ? new BalconyError("timeout", "Too late.") : error;
    });
  }
}

class EndsAtATimeout extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    return await super.request(iq, options).catch(async (error: BalconyError) => {
      if (error.code === "timeout" || error.code === "aborted") await this.close();
      throw error;
    });
  }
}

class ForgetsReasons extends Around {
  override async request(iq: Element, options?: WaitOptions): Promise<Element> {
    return await super.request(iq, options).catch((error: BalconyError) => {
      throw options?.signal?.aborted ? new BalconyError("aborted", "Aborted.") : error;
    });
  }
}

class SendsWhatWasAborted extends Around {
  override request(iq: Element, options: WaitOptions = {}): Promise<Element> {
    if (options.signal?.aborted) void super.request(iq, { timeout: 100 }).catch(() => undefined);
    return super.request(iq, options);
  }
}

const closing = new WeakMap<Around, AbortController>();
class ClosesAlone extends Around {
  readonly #own = new AbortController();
  override get closed(): StanzaChannel["closed"] {
    closing.set(this, this.#own);
    return this.#own.signal;
  }
  override async close(): Promise<void> {
    this.#own.abort(new BalconyError("closed", "closed"));
  }
}

class ClosesForNoReason extends Around {
  readonly #own = new AbortController();
  constructor(inner: StanzaChannel) {
    super(inner);
    inner.closed.addEventListener("abort", () => this.#own.abort(new BalconyError("internal", "no reason")));
  }
  override get closed(): StanzaChannel["closed"] {
    return this.#own.signal;
  }
}

class ClosesOnlyOnce extends Around {
  #closed = false;
  override async close(): Promise<void> {
    if (this.#closed && (await Promise.resolve(true))) throw new BalconyError("closed", "twice");
    this.#closed = true;
    await super.close();
    queueMicrotask(() => {
      this.#closed = false;
    });
  }
}

class HearsAfterTheEnd extends Around {
  readonly #handlers = new Set<StanzaHandler>();
  override onStanza(handler: StanzaHandler): Unsubscribe {
    this.#handlers.add(handler);
    if (this.inner.closed.aborted) handler({ stanza: xml("message"), from: this.peer ?? "" });
    return super.onStanza(handler);
  }
  override async close(): Promise<void> {
    await super.close();
    for (const handler of this.#handlers) handler({ stanza: xml("message", {}, xml("body", {}, "late")), from: this.peer ?? "" });
    this.#handlers.clear();
  }
}

class DropsWhatIsUnderWay extends Around {
  readonly #waiting = new Set<Element>();
  override async send(stanza: Element): Promise<void> {
    this.inner.closed.throwIfAborted();
    this.#waiting.add(stanza);
    setImmediate(() => {
      if (this.#waiting.delete(stanza)) void super.send(stanza);
    });
  }
  override async close(): Promise<void> {
    this.#waiting.clear();
    await super.close();
  }
}

class SendsIntoNothing extends Around {
  override async send(stanza: Element): Promise<void> {
    if (!this.closed.aborted) await super.send(stanza);
  }
}

class CannotNarrow extends Around {
  override to(): StanzaChannel {
    throw new BalconyError("internal", "cannot narrow");
  }
}

class NarrowsToAnybody extends Around {
  override to(peer: string): StanzaChannel {
    return peer === "somebody@else.example/x" ? this : super.to(peer);
  }
}

class NarrowsToItself extends Around {
  override to(): StanzaChannel {
    return this;
  }
}

class OutlivesItsWideOne extends Around {
  override to(peer: string): StanzaChannel {
    return new ClosesAlone(super.to(peer));
  }
}

const kinds = {
  ForgetsItsPeer,
  BelievesAttributes,
  DropsPresence,
  Reorders,
  LosesEscapes,
  TrimsText,
  Flattens,
  CutsBigOnes,
  DropsEmptyOnes,
  WritesIntoWhatItSends,
  AsksAllHandlers,
  StopsAtBrokenHandlers,
  KeepsHandlers,
  DropsAnswers,
  FillsEmptyAnswers,
  AnswersAtOnce,
  MixesAnswers,
  AsksOneAtATime,
  CannotAskBack,
  AnswersErrorsPoorly,
  TakesErrorsForResults,
  AsksEverybodyEverything,
  AsksTheLastHandler,
  KeepsIds,
  SendsAnything,
  DeliversAnswersToAnybody,
  TakesTheLastAnswer,
  NeverGivesUp,
  SaysLittle,
  EndsAtATimeout,
  ForgetsReasons,
  SendsWhatWasAborted,
  ClosesAlone,
  ClosesForNoReason,
  ClosesOnlyOnce,
  HearsAfterTheEnd,
  DropsWhatIsUnderWay,
  SendsIntoNothing,
  CannotNarrow,
  NarrowsToAnybody,
  NarrowsToItself,
  OutlivesItsWideOne,
} satisfies Record<string, new (inner: StanzaChannel) => StanzaChannel>;

export type BrokenKind = keyof typeof kinds;
export const brokenKinds = Object.keys(kinds) as BrokenKind[];

const made: StanzaChannel[] = [];

/** Closes what is inside, however broken the outside is. */
export async function closeAll(): Promise<void> {
  await Promise.all(made.splice(0).map((channel) => channel.close()));
}

/** A pair broken in one way, on both sides; `sound` has the same things around it, and nothing broken. */
export function brokenPair(kind: BrokenKind | "sound"): { a: StanzaChannel; b: StanzaChannel } {
  const [a, b] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: "juliet@capulet.lit/balcony" }, { report: () => undefined });
  made.push(a, b);
  const Kind = kind === "sound" ? Around : kinds[kind];
  return { a: new Kind(a), b: new Kind(b) };
}
