import type { Buffer } from "node:buffer";
import { BalconyError, type ErrorCode, type StanzaCondition } from "@balcony/channel";
import { type Agreement, type Block, refusal, SEQUENCE_LENGTH } from "./stanzas.js";

/**
 * The life of one bytestream, seen from one side (XEP-0047 §2, XEP-0261 §2).
 *
 * - `agreed`: the sid is agreed and the other side is to send `<open/>`
 * - `opening`: our `<open/>` waits for its answer
 * - `open`: bytes flow both ways
 * - `answering`: the peer sent `<close/>`; ours is flushed before it is answered
 * - `closing`: ours was flushed, our `<close/>` waits for its answer; the peer may still send
 * - `crossed`: both sent `<close/>`
 * - `leaving`: given up; our `<close/>` waits for its answer
 * - `closed`
 */
export type Phase = "agreed" | "opening" | "open" | "answering" | "closing" | "crossed" | "leaving" | "closed";

export interface State {
  readonly phase: Phase;
  /** The seq that the peer's next block must have. */
  readonly expected: number;
}

export type Event =
  /** `<open/>` came. */
  | { readonly type: "open"; readonly asked: Agreement }
  /** Our `<open/>` was answered with a result. */
  | { readonly type: "opened" }
  /** Our `<open/>` was answered with an error: there is no bytestream. */
  | { readonly type: "open-refused" }
  | { readonly type: "block"; readonly block: Block }
  /** `<close/>` came. */
  | { readonly type: "close" }
  /** Our side was ended and all of it is acknowledged. */
  | { readonly type: "flushed" }
  /** Our `<close/>` was answered, or will not be. */
  | { readonly type: "close-answered"; readonly error?: BalconyError | undefined }
  /** What remained of ours was not flushed in time after the peer's `<close/>`. */
  | { readonly type: "late" }
  /** Our side gives up: destroyed, or a loss. */
  | { readonly type: "abandoned" };

export type Effect =
  /** Answer the stanza that was the event: with a result, or with an error. */
  | { readonly type: "acknowledge" }
  | { readonly type: "refuse"; readonly error: BalconyError }
  /** Hand the bytes to the reader, and answer the stanza as soon as there is room for more. */
  | { readonly type: "deliver"; readonly bytes: Buffer }
  /** Keep the `<close/>` that was the event, to answer it later. */
  | { readonly type: "keep-close" }
  | { readonly type: "answer-close" }
  | { readonly type: "send-close" }
  /** `connect` can go on: bytes may flow. */
  | { readonly type: "ready" }
  /** The peer will send no more. */
  | { readonly type: "end-reading" }
  /** Nothing of ours will be taken any more. */
  | { readonly type: "end-writing" }
  /** All of ours is delivered. */
  | { readonly type: "finish" }
  | { readonly type: "fail"; readonly error: BalconyError }
  /** Nothing more will come for this sid: forget it. */
  | { readonly type: "forget" };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** `opening` where `<open/>` is ours to send. */
export function begin(phase: "agreed" | "opening"): State {
  return { phase, expected: 0 };
}

/**
 * One step. An empty cell changes nothing and has no effect; "unknown" answers item-not-found; "refuse" answers not-acceptable.
 *
 * |                | agreed              | opening    | open              | answering            | closing           | crossed    | leaving    | closed  |
 * |----------------|---------------------|------------|-------------------|----------------------|-------------------|------------|------------|---------|
 * | open           | → open, ready       | refuse     | refuse            | refuse               | refuse            | refuse     | unknown    | unknown |
 * | opened         |                     | → open, ready |                |                      |                   |            |            |         |
 * | open-refused   |                     | → closed   |                   |                      |                   |            |            |         |
 * | block, in turn | → open, ready, deliver | deliver | deliver           | unknown              | deliver           | unknown    | unknown    | unknown |
 * | block, wrong   | → leaving, fail     | → leaving, fail | → leaving, fail | unknown            | → leaving, fail   | unknown    | unknown    | unknown |
 * | close          | → answering         | → answering | → answering      | unknown              | → crossed         | unknown    | result     | unknown |
 * | flushed        |                     |            | → closing, finish | → closed, answer, finish |                   |            |            |         |
 * | close-answered |                     |            |                   |                      | → closed          | → closed   | → closed   |         |
 * | late           |                     |            |                   | → closed, answer     |                   |            |            |         |
 * | abandoned      | → closed            | → leaving  | → leaving         | → closed, answer     | → leaving         | → leaving  |            |         |
 *
 * A block before `<open/>` opens the bytestream too: the sid was agreed, and some never send `<open/>`. An `<open/>` that asks for anything but what was
 * agreed is answered resource-constraint (block-size) or not-acceptable, and the right one may still come.
 */
export function step(state: State, event: Event, agreed: Agreement): Step {
  const { phase } = state;
  const to = (next: Phase, ...effects: Effect[]): Step => ({ state: { ...state, phase: next }, effects });
  const stay = (...effects: Effect[]): Step => ({ state, effects });
  switch (event.type) {
    case "open":
      if (phase === "leaving" || phase === "closed") return stay(unknown());
      // XEP-0261 §2.2: always sent by the session initiator, and once.
      if (phase !== "agreed") return stay(refuse("not-acceptable"));
      if (event.asked.blockSize !== agreed.blockSize) return stay(refuse("resource-constraint"));
      if (event.asked.stanza !== agreed.stanza) return stay(refuse("not-acceptable"));
      return to("open", { type: "acknowledge" }, { type: "ready" });
    case "opened":
      return phase === "opening" ? to("open", { type: "ready" }) : stay();
    case "open-refused":
      return phase === "opening" ? to("closed", { type: "forget" }) : stay();
    case "block":
      return phase === "agreed" || phase === "opening" || phase === "open" || phase === "closing" ? receive(state, event.block) : stay(unknown());
    case "close":
      if (phase === "leaving") return stay({ type: "acknowledge" });
      if (phase === "closing") return to("crossed", { type: "acknowledge" }, { type: "end-reading" });
      if (phase === "agreed" || phase === "opening" || phase === "open") return to("answering", { type: "keep-close" }, { type: "ready" }, { type: "end-reading" });
      return stay(unknown());
    case "flushed":
      if (phase === "open") return to("closing", { type: "send-close" }, { type: "finish" });
      if (phase === "answering") return to("closed", { type: "answer-close" }, { type: "finish" }, { type: "forget" });
      return stay();
    case "close-answered":
      if (phase === "closing") return to("closed", event.error ? { type: "fail", error: event.error } : { type: "end-reading" }, { type: "forget" });
      return phase === "crossed" || phase === "leaving" ? to("closed", { type: "forget" }) : stay();
    case "late":
      return phase === "answering" ? to("closed", { type: "answer-close" }, { type: "end-writing" }, { type: "forget" }) : stay();
    case "abandoned":
      if (phase === "agreed") return to("closed", { type: "forget" });
      if (phase === "answering") return to("closed", { type: "answer-close" }, { type: "forget" });
      if (phase === "opening" || phase === "open") return to("leaving", { type: "send-close" });
      return phase === "closing" || phase === "crossed" ? to("leaving") : stay();
  }
}

/** XEP-0047 §2.2: in order, or not at all. After a wrong one nothing that follows may be processed, and the bytestream is closed. */
function receive(state: State, block: Block): Step {
  if ("code" in block) return leave(state, refuse(block.condition), fail(block.code, block.message));
  if (block.seq !== state.expected) return leave(state, refuse("unexpected-request"), fail("ibb-sequence", `Block ${block.seq} came where ${state.expected} was due.`));
  const expected = (block.seq + 1) % SEQUENCE_LENGTH;
  const deliver: Effect = { type: "deliver", bytes: block.bytes };
  if (state.phase === "agreed") return { state: { phase: "open", expected }, effects: [{ type: "ready" }, deliver] };
  return { state: { ...state, expected }, effects: [deliver] };
}

function leave(state: State, ...effects: Effect[]): Step {
  if (state.phase !== "closing") effects.push({ type: "send-close" });
  return { state: { ...state, phase: "leaving" }, effects };
}

function fail(code: ErrorCode, message: string): Effect {
  return { type: "fail", error: new BalconyError(code, message) };
}

function refuse(condition: StanzaCondition): Effect {
  return { type: "refuse", error: refusal(condition) };
}

function unknown(): Effect {
  return refuse("item-not-found");
}
