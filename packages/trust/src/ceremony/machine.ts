import type { ErrorCode } from "@balcony/channel";
import { derive, equalBytes, hashFields } from "./fields.js";
import { answersHalf, concernsRun, endsOf, namesEnds, runId } from "./run-id.js";
import {
  type CeremonyContext,
  type CeremonyEffect,
  type CeremonyEvent,
  type CeremonyMessage,
  type CeremonyMode,
  type CeremonyOutcome,
  type CeremonyState,
  type CeremonyStep,
  HALF_BYTES,
  NONCE_BYTES,
} from "./state.js";
import { sasSymbols } from "./symbols.js";

/** What tests weaken to see that the attacks which it stops would win otherwise. The package exports the standard only. */
export interface Parameters {
  /** Of the string: 30. */
  readonly bits: number;
  readonly commitment: "checked" | "unchecked";
  /** A guess is charged before a nonce of ours leaves, or only once the string stands. */
  readonly charging: "before" | "after";
}

export const standard: Parameters = Object.freeze({ bits: 30, commitment: "checked", charging: "before" });

const TYPINGS = 3;

type Of<Name extends CeremonyState["name"]> = Extract<CeremonyState, { name: Name }>;
type Received<Type extends CeremonyMessage["type"]> = Extract<CeremonyMessage, { type: Type }>;

/** The machine with given parameters, for tests; everybody else takes `ceremonyStep`. */
export const stepWith =
  (parameters: Parameters) =>
  (context: CeremonyContext, state: CeremonyState, event: CeremonyEvent): CeremonyStep =>
    new Machine(context, parameters).step(state, event);

/**
 * The verification ceremony, for one side of one channel. Pure: no clock, no randomness, no I/O. I is the Jingle initiator, R the responder.
 *
 * | state     | event                       | next      | effects                                                     |
 * |-----------|-----------------------------|-----------|-------------------------------------------------------------|
 * | idle      | ask                         | asking    | send request                                                |
 * | idle      | request                     | asked     | prompt                                                      |
 * | asked     | accept, ask                 | I committed, R agreed | send ready; I: send commit                      |
 * | asking    | ready, request (both asked) | I committed, R agreed | I: send commit                                  |
 * | agreed    | commit                      | charging  | charge                                                      |
 * | committed | nonce                       | charging  | charge                                                      |
 * | charging  | charged                     | R answered, I showing | R: send nonce; I: send reveal, show             |
 * | answered  | reveal                      | showing   | show; over `commitment-mismatch` where it is not what was committed to |
 * | showing   | confirm, typed and right    | saving    | save                                                        |
 * | showing   | typed and wrong             | showing   | mistyped; the third time as `differ`                        |
 * | showing   | differ                      | over      | record, send differ, close the channel                      |
 * | showing   | lost                        | showing   | the person may still confirm                                |
 * | saving    | saved                       | over      | send confirmed                                              |
 * | charging, saving | refused              | over      | send cancel                                                 |
 * | any but idle and over | cancel, deadline, lost | over | send cancel, where there is a channel                     |
 * | any       | a message of another ceremony | same    | refuse                                                      |
 * | saving    | a message out of its turn   | saving    | refuse                                                      |
 * | any other | a message out of its turn   | over      | send cancel; `verification-violation`                       |
 *
 * Anything else changes nothing. `request` and `ready` name both addresses: others than ours end it with `address-mismatch`, before any nonce and without a charge. Our own half
 * or nonce coming back is `reflection`.
 */
export const ceremonyStep = stepWith(standard);

class Machine {
  constructor(
    private readonly context: CeremonyContext,
    private readonly parameters: Parameters,
  ) {}

  step(state: CeremonyState, event: CeremonyEvent): CeremonyStep {
    switch (event.type) {
      case "ask":
        if (state.name === "asked") return this.#consent(state, event, state.mode);
        if (state.name !== "idle") return same(state);
        return {
          state: { name: "asking", mode: event.readAloud ? "type" : "compare", half: event.half, nonce: event.nonce },
          effects: [send({ type: "request", half: event.half, readAloud: event.readAloud, ...endsOf(this.context) })],
        };
      case "accept":
        return state.name === "asked" ? this.#consent(state, event, state.mode) : same(state);
      case "received":
        return this.#received(state, event.message);
      case "charged":
        return state.name === "charging" ? this.#charged(state) : same(state);
      case "saved":
        if (state.name !== "saving") return same(state);
        return over(state.id, { verified: true }, state.lost ? [] : [send({ type: "confirmed", id: state.id })]);
      case "refused":
        return state.name === "charging" || state.name === "saving" ? this.#stop(state, event.code, "us") : same(state);
      case "confirm":
        return state.name === "showing" && state.mode !== "type" ? saving(state) : same(state);
      case "typed":
        return state.name === "showing" && state.mode === "type" ? this.#typed(state, event.numbers) : same(state);
      case "differ":
        return state.name === "showing" ? differ(state) : same(state);
      case "cancel":
        return state.name === "saving" ? same(state) : this.#stop(state, "verification-cancelled", "us");
      case "deadline":
        return state.name === "saving" ? same(state) : this.#stop(state, "timeout", "clock");
      case "rejected":
        return state.name === "showing" || state.name === "saving" ? same(state) : this.#stop(state, event.code, "peer", "silently");
      case "lost":
        if (state.name === "showing" || state.name === "saving") return { state: { ...state, lost: true }, effects: [] };
        return this.#stop(state, "connection-lost", "channel", "silently");
    }
  }

  #consent(state: Of<"asked">, fresh: { readonly half: Uint8Array; readonly nonce: Uint8Array }, mode: CeremonyMode): CeremonyStep {
    const id = runId(this.context, fresh.half, state.peerHalf);
    const next = this.#agree({ id, nonce: fresh.nonce, mode });
    return { state: next.state, effects: [send({ type: "ready", id, ...endsOf(this.context) }), ...next.effects] };
  }

  /** Both people have consented. */
  #agree(agreed: { readonly id: Uint8Array; readonly nonce: Uint8Array; readonly mode: CeremonyMode }): CeremonyStep {
    if (this.context.role === "responder") return { state: { name: "agreed", ...agreed }, effects: [] };
    const commitment = this.#commitment(agreed.id, agreed.nonce);
    return { state: { name: "committed", commitment, ...agreed }, effects: [send({ type: "commit", id: agreed.id, commitment })] };
  }

  #commitment(id: Uint8Array, nonce: Uint8Array): Uint8Array {
    return hashFields("balcony-commit-1", this.context.ctx, id, nonce);
  }

  #received(state: CeremonyState, message: CeremonyMessage): CeremonyStep {
    if (message.type === "request") return this.#requested(state, message);
    if (!concerns(state, message)) return { state, effects: [{ do: "refuse" }] };
    switch (message.type) {
      case "cancel":
        return state.name === "saving" ? same(state) : this.#stop(state, "verification-cancelled", "peer", "silently");
      case "confirmed":
        return state.name === "showing" || state.name === "saving" || state.name === "over" ? tell(state, "peer-confirmed") : this.#violated(state);
      case "differ":
        if (state.name === "saving" || state.name === "over") return tell(state, "peer-differs");
        if (state.name !== "showing") return this.#violated(state);
        return over(state.id, { verified: false, code: "verification-differs", by: "peer" }, [{ do: "tell", what: "peer-differs" }]);
      case "ready":
        return state.name === "asking" ? this.#readied(state, message) : this.#violated(state);
      case "commit":
        if (state.name !== "agreed") return this.#violated(state);
        return this.#charge({ ...state, commitment: message.commitment, peerNonce: undefined });
      case "nonce":
        if (state.name !== "committed") return this.#violated(state);
        if (equalBytes(message.nonce, state.nonce)) return this.#stop(state, "reflection", "peer");
        return this.#charge({ ...state, peerNonce: message.nonce });
      case "reveal":
        return state.name === "answered" ? this.#revealed(state, message) : this.#violated(state);
    }
  }

  #requested(state: CeremonyState, message: Received<"request">): CeremonyStep {
    if (state.name !== "idle" && state.name !== "asking") return { state, effects: [{ do: "refuse" }] };
    if (message.half.length !== HALF_BYTES) return this.#violated(state);
    if (!namesEnds(this.context, message)) return this.#misaddressed(state, message.half);
    if (state.name === "idle") {
      const mode = message.readAloud ? "read" : "compare";
      return { state: { name: "asked", peerHalf: message.half, mode }, effects: [{ do: "prompt", mode }] };
    }
    // Both have asked: each request is the other's answer.
    if (equalBytes(message.half, state.half)) return this.#stop(state, "reflection", "peer");
    const typing = state.mode === "type" && (!message.readAloud || this.context.role === "initiator"); // one of the two has to read
    return this.#agree({ id: runId(this.context, state.half, message.half), nonce: state.nonce, mode: typing ? "type" : message.readAloud ? "read" : "compare" });
  }

  #readied(state: Of<"asking">, message: Received<"ready">): CeremonyStep {
    if (!namesEnds(this.context, message)) return this.#misaddressed(state, state.half);
    const answer = answersHalf(this.context, message.id, state.half);
    if (answer !== "yes") return answer === "echo" ? this.#stop(state, "reflection", "peer") : this.#violated(state);
    return this.#agree({ id: message.id, nonce: state.nonce, mode: state.mode });
  }

  #charge({ commitment, id, mode, nonce, peerNonce }: Omit<Of<"charging">, "name">): CeremonyStep {
    const state: Of<"charging"> = { name: "charging", commitment, id, mode, nonce, peerNonce };
    if (this.parameters.charging === "before") return { state, effects: [{ do: "charge" }] };
    return this.#charged(state);
  }

  #charged(state: Of<"charging">): CeremonyStep {
    const { commitment, id, mode, nonce, peerNonce } = state;
    if (peerNonce === undefined) return { state: { name: "answered", commitment, id, mode, nonce }, effects: [send({ type: "nonce", id, nonce })] };
    const shown = this.#show(state, nonce, peerNonce);
    return { state: shown.state, effects: [send({ type: "reveal", id, nonce }), ...shown.effects] };
  }

  #revealed(state: Of<"answered">, message: Received<"reveal">): CeremonyStep {
    if (equalBytes(message.nonce, state.nonce)) return this.#stop(state, "reflection", "peer");
    if (this.parameters.commitment === "checked" && !equalBytes(this.#commitment(state.id, message.nonce), state.commitment)) {
      const outcome = { verified: false, code: "commitment-mismatch", by: "peer" } as const;
      return over(state.id, outcome, [{ do: "record-difference" }, send({ type: "differ", id: state.id }), { do: "close-channel" }]);
    }
    return this.#show(state, message.nonce, state.nonce);
  }

  #show({ id, commitment, mode }: Of<"charging"> | Of<"answered">, nonceI: Uint8Array, nonceR: Uint8Array): CeremonyStep {
    const sas = shortString(this.context, { id, commitment, nonceI, nonceR }, this.parameters.bits);
    const late: readonly CeremonyEffect[] = this.parameters.charging === "after" ? [{ do: "charge" }] : [];
    return { state: { name: "showing", id, mode, sas, lost: false, mistyped: 0 }, effects: [...late, { do: "show", symbols: sasSymbols(sas), mode }] };
  }

  #typed(state: Of<"showing">, numbers: string): CeremonyStep {
    if (numbers.replace(/\D/gu, "") === sasSymbols(state.sas).numbers.join("")) return saving(state);
    const mistyped = state.mistyped + 1;
    return mistyped < TYPINGS ? { state: { ...state, mistyped }, effects: [{ do: "mistyped", left: TYPINGS - mistyped }] } : differ(state);
  }

  #misaddressed(state: CeremonyState, id: Uint8Array): CeremonyStep {
    return over(idOf(state), { verified: false, code: "address-mismatch", by: "peer" }, [send({ type: "cancel", id })]);
  }

  /** While it is being kept that the person has said they match, nothing that the peer sends changes anything about it. */
  #violated(state: CeremonyState): CeremonyStep {
    if (state.name === "saving") return { state, effects: [{ do: "refuse" }] };
    return this.#stop(state, "verification-violation", "peer");
  }

  #stop(state: CeremonyState, code: ErrorCode, by: "us" | "peer" | "channel" | "clock", silently?: "silently"): CeremonyStep {
    const id = idOf(state);
    if (id === undefined || state.name === "over") return same(state);
    const lost = (state.name === "showing" || state.name === "saving") && state.lost;
    return over(id, { verified: false, code, by }, silently || lost ? [] : [send({ type: "cancel", id })]);
  }
}

/** The short authentication string: the first bits of HKDF-SHA-256(ekm, H("balcony-sas-1", ctx, cid, C, nI, nR)). */
export function shortString(
  { ctx, ekm }: Pick<CeremonyContext, "ctx" | "ekm">,
  { commitment, id, nonceI, nonceR }: { readonly id: Uint8Array; readonly commitment: Uint8Array; readonly nonceI: Uint8Array; readonly nonceR: Uint8Array },
  bits = standard.bits,
): number {
  const okm = derive(ekm, hashFields("balcony-sas-1", ctx, id, commitment, nonceI, nonceR));
  return new DataView(okm.buffer, okm.byteOffset).getUint32(0) >>> (32 - bits);
}

const send = (message: CeremonyMessage): CeremonyEffect => ({ do: "send", message });
const same = (state: CeremonyState): CeremonyStep => ({ state, effects: [] });
const tell = (state: CeremonyState, what: "peer-confirmed" | "peer-differs"): CeremonyStep => ({ state, effects: [{ do: "tell", what }] });

function over(id: Uint8Array | undefined, outcome: CeremonyOutcome, before: readonly CeremonyEffect[]): CeremonyStep {
  return { state: { name: "over", id, outcome }, effects: [...before, { do: "end", outcome }] };
}

function saving({ id, lost, mode }: Of<"showing">): CeremonyStep {
  return { state: { name: "saving", id, lost }, effects: [{ do: "save", how: mode === "compare" ? "symbols" : "read-aloud" }] };
}

function differ({ id, lost }: Of<"showing">): CeremonyStep {
  const told: readonly CeremonyEffect[] = lost ? [] : [send({ type: "differ", id }), { do: "close-channel" }];
  return over(id, { verified: false, code: "verification-differs", by: "us" }, [{ do: "record-difference" }, ...told]);
}

/** The ceremony's id as far as it is known. */
function idOf(state: CeremonyState): Uint8Array | undefined {
  if (state.name === "idle") return undefined;
  if (state.name === "asking") return state.half;
  return state.name === "asked" ? state.peerHalf : state.id;
}

/** Is this message about the ceremony that there is? */
function concerns(state: CeremonyState, message: Exclude<CeremonyMessage, { type: "request" }>): boolean {
  const id = idOf(state);
  if (id === undefined) return false;
  return concernsRun(message.id, id, { unanswered: state.name === "asking", cancels: message.type === "cancel" });
}

/** Bytes of each field that a message carries: whoever reads it from the wire holds it to them. */
export const messageLengths = { half: HALF_BYTES, id: 2 * HALF_BYTES, commitment: 32, nonce: NONCE_BYTES } as const;
