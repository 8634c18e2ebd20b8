import type { ErrorCode } from "@balcony/channel";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { derive, equalBytes, hashFields } from "../ceremony/fields.js";
import { answersHalf, concernsRun, endsOf, halvesOf, namesEnds, runId } from "../ceremony/run-id.js";
import { type CeremonyContext, type CeremonyOutcome, HALF_BYTES } from "../ceremony/state.js";
import { type Code, codeBytes } from "./code.js";
import { type CpaceInput, concatWithLengths, generator, isShare, multiplied, type Sent, SHARE_BYTES, sessionKey, shareOf, TAG_BYTES, tagOf } from "./cpace.js";
import type { CodeEffect, CodeEvent, CodeInHand, CodeMessage, CodeState, CodeStep } from "./state.js";

/** What tests weaken to see that the attacks which it stops would win otherwise. The package exports the standard only. */
export interface CodeParameters {
  /** CPace's CI is made of both addresses, both certificates and the TLS exporter, or of nothing. */
  readonly binding: "channel" | "none";
  /** A code is used up before anything that is made of it leaves, or only once the peer has shown to know it. */
  readonly spending: "before" | "after";
}

export const standardCode: CodeParameters = Object.freeze({ binding: "channel", spending: "before" });

type Of<Name extends CodeState["name"]> = Extract<CodeState, { name: Name }>;
type Received<Type extends CodeMessage["type"]> = Extract<CodeMessage, { type: Type }>;
type By = Extract<CeremonyOutcome, { verified: false }>["by"];

/** Associated data: constants, never read from the wire. */
const DATA = { initiator: utf8ToBytes("I"), responder: utf8ToBytes("R") } as const;

/** The machine with given parameters, for tests; everybody else takes `codeStep`. */
export const codeStepWith =
  (parameters: CodeParameters) =>
  (context: CeremonyContext, state: CodeState, event: CodeEvent): CodeStep =>
    new Machine(context, parameters).step(state, event);

/**
 * Verification by a code that both sides have, for one side of one channel: CPace with explicit confirmation. Pure: no clock, no randomness, no I/O. I is the Jingle initiator, CPace's A;
 * R the responder, CPace's B; whoever asked.
 *
 * | state    | event                                 | next             | effects                                           |
 * |----------|---------------------------------------|------------------|---------------------------------------------------|
 * | idle     | ask                                   | asking           | send code-request                                 |
 * | idle     | code-request, an invitation waits     | I spending, R agreed | send code-ready; I: spend                     |
 * | idle     | code-request, none waits              | idle             | refuse                                            |
 * | asking   | code-ready                            | I spending, R agreed | I: spend                                      |
 * | asking   | code-request (both asked)             | I asking, R agreed | R: send code-ready; with its invitation, where one waits |
 * | agreed   | code-share                            | spending         | spend                                             |
 * | spending | spent                                 | I shared, R answered | I: send code-share; R: send code-answer       |
 * | shared   | code-answer, its tag right            | saving           | save                                              |
 * | shared   | code-answer, its tag wrong            | over             | send code-wrong; `code-wrong`                     |
 * | answered | code-tag, right                       | saving           | save                                              |
 * | answered | code-tag, wrong                       | over             | send code-wrong; `code-wrong`                     |
 * | answered | code-wrong                            | over             | `code-wrong`                                      |
 * | saving   | saved                                 | I telling, R over | I: send code-tag; R: verified                    |
 * | saving   | lost                                  | saving           | what is proved is kept                            |
 * | telling  | delivered, rejected, lost, deadline, code-cancel | over  | verified                                          |
 * | spending, saving | refused                       | over             | send code-cancel                                  |
 * | any but idle, saving, telling, over | cancel, deadline, lost, code-cancel | over | send code-cancel, where there is a channel |
 * | any but idle, saving, telling, over | rejected   | over             |                                                   |
 * | any      | a message of another run              | same             | refuse                                            |
 * | any      | a message out of its turn             | over             | send code-cancel; `verification-violation`        |
 *
 * Anything else changes nothing; in saving, telling and over no message does. `code-request` and `code-ready` name both addresses: others than ours end it with `address-mismatch`, before
 * anything is used up. A share that is no element, or the neutral one, is a `verification-violation`; our own half or share coming back is `reflection`.
 */
export const codeStep = codeStepWith(standardCode);

class Machine {
  constructor(
    private readonly context: CeremonyContext,
    private readonly parameters: CodeParameters,
  ) {}

  step(state: CodeState, event: CodeEvent): CodeStep {
    switch (event.type) {
      case "ask":
        if (state.name !== "idle") return same(state);
        return {
          state: { name: "asking", code: event.code, half: event.half, scalar: event.scalar },
          effects: [send({ type: "code-request", half: event.half, ...endsOf(this.context) })],
        };
      case "received":
        return this.#received(state, event.message, event.waiting);
      case "spent":
        return state.name === "spending" ? this.#spent(state) : same(state);
      case "saved":
        if (state.name !== "saving") return same(state);
        if (state.tag === undefined || state.lost) return over(state.id, { verified: true }, []);
        return { state: { name: "telling", id: state.id }, effects: [send({ type: "code-tag", id: state.id, tag: state.tag })] };
      case "refused":
        if (state.name === "saving") return over(state.id, failed(event.code, "us"), state.lost ? [] : [send({ type: "code-cancel", id: state.id })]);
        return state.name === "spending" ? this.#stop(state, event.code, "us") : same(state);
      case "delivered":
        return state.name === "telling" ? over(state.id, { verified: true }, []) : same(state);
      case "rejected":
        return this.#stop(state, event.code, "peer", "silently");
      case "cancel":
        return state.name === "telling" ? same(state) : this.#stop(state, "verification-cancelled", "us");
      case "deadline":
        return this.#stop(state, "timeout", "clock");
      case "lost":
        if (state.name === "saving") return { state: { ...state, lost: true }, effects: [] };
        return this.#stop(state, "connection-lost", "channel", "silently");
    }
  }

  #received(state: CodeState, message: CodeMessage, waiting: CodeInHand | undefined): CodeStep {
    if (message.type === "code-request") return this.#requested(state, message, waiting);
    if (!concerns(state, message)) return { state, effects: [{ do: "refuse" }] };
    if (state.name === "saving" || state.name === "over") return same(state);
    if (state.name === "telling") return message.type === "code-cancel" ? over(state.id, { verified: true }, []) : same(state);
    switch (message.type) {
      case "code-cancel":
        return this.#stop(state, "verification-cancelled", "peer", "silently");
      case "code-wrong":
        return state.name === "answered" ? over(state.id, failed("code-wrong", "peer"), []) : this.#violated(state);
      case "code-ready":
        return state.name === "asking" ? this.#readied(state, message) : this.#violated(state);
      case "code-share":
        return state.name === "agreed" ? this.#shared(state, message) : this.#violated(state);
      case "code-answer":
        return state.name === "shared" ? this.#answered(state, message) : this.#violated(state);
      case "code-tag":
        if (state.name !== "answered") return this.#violated(state);
        return equalBytes(message.tag, state.wanted) ? this.#proved(state, undefined) : wrong(state.id);
    }
  }

  #requested(state: CodeState, message: Received<"code-request">, waiting: CodeInHand | undefined): CodeStep {
    if (state.name !== "idle" && state.name !== "asking") return { state, effects: [{ do: "refuse" }] };
    if (state.name === "idle" && !waiting) return { state, effects: [{ do: "refuse" }] };
    if (message.half.length !== HALF_BYTES) return this.#violated(state);
    if (!namesEnds(this.context, message)) return this.#misaddressed(state, message.half);
    if (state.name === "idle") return waiting ? this.#agree({ ...waiting, id: runId(this.context, waiting.half, message.half) }) : same(state);
    // Both have asked: the initiator's request goes on, the responder's is dropped.
    if (equalBytes(message.half, state.half)) return this.#stop(state, "reflection", "peer");
    if (this.context.role === "initiator") return same(state);
    return this.#agree({ ...state, code: waiting?.code ?? state.code, id: runId(this.context, state.half, message.half) });
  }

  /** We were asked, and have a code. */
  #agree({ code, id, scalar }: { readonly code: Code; readonly id: Uint8Array; readonly scalar: bigint }): CodeStep {
    if (equalBytes(...halvesOf(id))) return over(id, failed("reflection", "peer"), [send({ type: "code-cancel", id })]);
    const next = this.#begin({ code, id, scalar });
    return { state: next.state, effects: [send({ type: "code-ready", id, ...endsOf(this.context) }), ...next.effects] };
  }

  #readied(state: Of<"asking">, message: Received<"code-ready">): CodeStep {
    if (!namesEnds(this.context, message)) return this.#misaddressed(state, state.half);
    const answer = answersHalf(this.context, message.id, state.half);
    if (answer !== "yes") return answer === "echo" ? this.#stop(state, "reflection", "peer") : this.#violated(state);
    return this.#begin({ code: state.code, id: message.id, scalar: state.scalar });
  }

  #begin({ code, id, scalar }: { readonly code: Code; readonly id: Uint8Array; readonly scalar: bigint }): CodeStep {
    if (this.context.role === "responder") return { state: { name: "agreed", id, code, scalar }, effects: [] };
    return this.#spend({ name: "spending", id, code, scalar, peerShare: undefined });
  }

  #spend(state: Of<"spending">): CodeStep {
    return this.parameters.spending === "before" ? { state, effects: [{ do: "spend", code: state.code }] } : this.#spent(state);
  }

  #spent({ code, id, peerShare, scalar }: Of<"spending">): CodeStep {
    const input = this.#input(id, code);
    const share = shareOf(scalar, generator(input));
    if (peerShare === undefined) return { state: { name: "shared", id, code, scalar, share }, effects: [send({ type: "code-share", id, share })] };
    const tags = this.#tags({ input, scalar, own: share, peer: peerShare });
    if (!tags) return this.#violated({ name: "spending", id, code, scalar, peerShare });
    return { state: { name: "answered", id, code, wanted: tags.peer }, effects: [send({ type: "code-answer", id, share, tag: tags.own })] };
  }

  /** R has the initiator's share. What is no share, or our own, costs nothing: nothing has left. */
  #shared({ code, id, scalar }: Of<"agreed">, { share }: Received<"code-share">): CodeStep {
    const state: Of<"spending"> = { name: "spending", id, code, scalar, peerShare: share };
    if (!isShare(share)) return this.#violated(state);
    if (equalBytes(share, shareOf(scalar, generator(this.#input(id, code))))) return this.#stop(state, "reflection", "peer");
    return this.#spend(state);
  }

  #answered(state: Of<"shared">, message: Received<"code-answer">): CodeStep {
    if (equalBytes(message.share, state.share)) return this.#stop(state, "reflection", "peer");
    const tags = this.#tags({ input: this.#input(state.id, state.code), scalar: state.scalar, own: state.share, peer: message.share });
    if (!tags) return this.#violated(state);
    return equalBytes(message.tag, tags.peer) ? this.#proved(state, tags.own) : wrong(state.id);
  }

  #proved({ code, id }: { readonly code: Code; readonly id: Uint8Array }, tag: Uint8Array | undefined): CodeStep {
    const late: readonly CodeEffect[] = this.parameters.spending === "after" ? [{ do: "spend", code }] : [];
    return { state: { name: "saving", id, tag, lost: false }, effects: [...late, { do: "save", code }] };
  }

  #input(id: Uint8Array, code: Code): CpaceInput {
    const { ctx, ekm } = this.context;
    return {
      secret: codeBytes(code),
      channel: this.parameters.binding === "channel" ? channelIdentifier({ ctx, ekm }) : new Uint8Array(0),
      sid: hashFields("balcony-cpace-sid-1", ...halvesOf(id)),
    };
  }

  /** The tag that we send, and the one that the peer must; undefined where its share is none. */
  #tags({
    input,
    own,
    peer,
    scalar,
  }: {
    readonly input: CpaceInput;
    readonly scalar: bigint;
    readonly own: Uint8Array;
    readonly peer: Uint8Array;
  }): { readonly own: Uint8Array; readonly peer: Uint8Array } | undefined {
    const point = multiplied(scalar, peer);
    if (!point) return undefined;
    const isInitiator = this.context.role === "initiator";
    const a: Sent = { share: isInitiator ? own : peer, data: DATA.initiator };
    const b: Sent = { share: isInitiator ? peer : own, data: DATA.responder };
    const key = sessionKey({ sid: input.sid, point, a, b });
    const [tagA, tagB] = [tagOf({ sid: input.sid, key, sent: a }), tagOf({ sid: input.sid, key, sent: b })];
    return isInitiator ? { own: tagA, peer: tagB } : { own: tagB, peer: tagA };
  }

  #misaddressed(state: CodeState, id: Uint8Array): CodeStep {
    return over(idOf(state), failed("address-mismatch", "peer"), [send({ type: "code-cancel", id })]);
  }

  #violated(state: CodeState): CodeStep {
    return this.#stop(state, "verification-violation", "peer");
  }

  #stop(state: CodeState, code: ErrorCode, by: By, silently?: "silently"): CodeStep {
    const id = idOf(state);
    if (id === undefined || state.name === "over" || state.name === "saving") return same(state);
    if (state.name === "telling") return over(id, { verified: true }, []);
    return over(id, failed(code, by), silently ? [] : [send({ type: "code-cancel", id })]);
  }
}

/** CPace's CI: what a run over TLS is bound to. Computed by each side for itself, and never sent. */
export function channelIdentifier({ ctx, ekm }: Pick<CeremonyContext, "ctx" | "ekm">): Uint8Array {
  return concatWithLengths(utf8ToBytes("balcony-cpace-1"), ctx, derive(ekm, utf8ToBytes("balcony-cpace-ci")));
}

const send = (message: CodeMessage): CodeEffect => ({ do: "send", message });
const same = (state: CodeState): CodeStep => ({ state, effects: [] });
const failed = (code: ErrorCode, by: By): CeremonyOutcome => ({ verified: false, code, by });
const wrong = (id: Uint8Array): CodeStep => over(id, failed("code-wrong", "us"), [send({ type: "code-wrong", id })]);

function over(id: Uint8Array | undefined, outcome: CeremonyOutcome, before: readonly CodeEffect[]): CodeStep {
  return { state: { name: "over", id, outcome }, effects: [...before, { do: "end", outcome }] };
}

/** The run's id as far as it is known. */
function idOf(state: CodeState): Uint8Array | undefined {
  if (state.name === "idle") return undefined;
  return state.name === "asking" ? state.half : state.id;
}

/** Is this message about the run that there is? */
function concerns(state: CodeState, message: Exclude<CodeMessage, { type: "code-request" }>): boolean {
  const id = idOf(state);
  if (id === undefined) return false;
  return concernsRun(message.id, id, { unanswered: state.name === "asking", cancels: message.type === "code-cancel" });
}

/** Bytes of each field that a message carries: whoever reads it from the wire holds it to them. */
export const codeMessageLengths = { half: HALF_BYTES, id: 2 * HALF_BYTES, share: SHARE_BYTES, tag: TAG_BYTES } as const;
