import type { Duplex } from "node:stream";
import { abortError, type BalconyError, withDeadline } from "@balcony/channel";
import type { Element, Limits } from "@balcony/xml";
import { hangUp } from "./hang-up.js";
import { type Ends, type ExtraAttribute, writeHeader } from "./header.js";
import { type Receiver, XmlReader } from "./reader.js";
import { lastWords, streamError } from "./stream-error.js";

/** What happens to the first part of a stream, before stanzas flow. */
export type ExchangeEvent =
  | { readonly type: "start" }
  | { readonly type: "header"; readonly header: Element }
  | { readonly type: "element"; readonly element: Element }
  | { readonly type: "close" }
  /** Reading has stopped, as asked for; that many bytes had come behind the last element. */
  | { readonly type: "stopped"; readonly surplus: number }
  /** All that was to be sent has been taken by the layer below. */
  | { readonly type: "flushed" }
  /** The bytes ended, broke or are not XML; the deadline has passed; the caller gave up. */
  | { readonly type: "failed"; readonly error: BalconyError };

/** What a machine wants done. */
export type Effect =
  /** Send our header. */
  | { readonly type: "open" }
  | { readonly type: "send"; readonly element: Element }
  /** Read nothing more, not even what has come already. */
  | { readonly type: "stop" }
  /** Tell when all that was sent has been taken by the layer below. */
  | { readonly type: "flush" }
  | { readonly type: "finish" }
  /** Tell the peer, close, give up. */
  | { readonly type: "fail"; readonly error: BalconyError };

export type Step<State> = (state: State, event: ExchangeEvent) => { readonly state: State; readonly effects: readonly Effect[] };

export interface Exchange<State extends Ends> {
  readonly initial: State;
  readonly step: Step<State>;
  readonly addresses: "shown" | "hidden";
  /** For our header. */
  readonly extra?: readonly ExtraAttribute[] | undefined;
  /** Absolute, in ms. */
  readonly timeout: number;
  readonly waitingFor: string;
  readonly signal: AbortSignal | undefined;
  readonly limits: Partial<Limits> | undefined;
  /** How many bytes the peer may send in all. */
  readonly budget?: number | undefined;
}

/**
 * Drives a machine over the bytes. Where it fails, the peer is told and the bytes are closed.
 * @param finish called within the turn in which the machine finishes, before anything more is read; what it returns is the result
 */
export async function runExchange<State extends Ends, Result>(
  bytes: Duplex,
  { initial, step, addresses, extra, timeout, waitingFor, signal, limits, budget }: Exchange<State>,
  finish: (state: State, reader: XmlReader) => Result,
): Promise<Result> {
  let state = initial;
  let opened = false;
  let settle: { resolve: (result: Result) => void; reject: (error: BalconyError) => void };
  const result = new Promise<Result>((resolve, reject) => {
    settle = { resolve, reject };
  });

  const perform = (effect: Effect): string => {
    switch (effect.type) {
      case "open":
        opened = true;
        return writeHeader(state, addresses, extra);
      case "send":
        return effect.element.toString();
      case "stop":
        reader.stop();
        return "";
      case "flush":
        bytes.write("", (error) => {
          if (!error) happen({ type: "flushed" }); // the reader hears of an error
        });
        return "";
      case "finish":
        settle.resolve(finish(state, reader));
        return "";
      case "fail":
        settle.reject(effect.error);
        reader.release();
        // RFC 6120 §4.9.1.2: whoever has not sent a header yet sends one before the error.
        void hangUp(bytes, (opened ? "" : writeHeader(state, addresses, extra)) + lastWords(effect.error));
        return "";
    }
  };
  const happen = (event: ExchangeEvent): void => {
    const outcome = step(state, event);
    state = outcome.state;
    let text = ""; // header and features go out in one piece
    for (const effect of outcome.effects) {
      if (text !== "" && effect.type !== "send") {
        bytes.write(text);
        text = "";
      }
      text += perform(effect);
    }
    if (text !== "") bytes.write(text);
  };
  const receiver: Receiver = {
    header: (header) => happen({ type: "header", header }),
    element: (element) => happen({ type: "element", element }),
    close: () => happen({ type: "close" }),
    failed: (error) => happen({ type: "failed", error }),
    stopped: (surplus) => happen({ type: "stopped", surplus }),
    heard: () => undefined,
  };
  if (signal?.aborted) {
    bytes.destroy();
    throw abortError(signal, waitingFor);
  }
  if (bytes.destroyed || bytes.readableEnded) throw streamError("connection-lost", "The connection is closed already.");
  const reader = new XmlReader(bytes, receiver, { limits, budget });
  happen({ type: "start" });
  try {
    return await withDeadline(result, { timeout, waitingFor, signal });
  } catch (error) {
    happen({ type: "failed", error: error as BalconyError }); // the deadline or the caller; anything else is known already
    throw error;
  }
}
