import { tlsContext } from "../../src/ceremony/context.js";
import { type Parameters, standard, stepWith } from "../../src/ceremony/machine.js";
import type { CeremonyContext, CeremonyEffect, CeremonyEvent, CeremonyMessage, CeremonyState } from "../../src/ceremony/state.js";
import { juliet, romeo } from "../addresses.js";

export const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
export const fresh = () => ({ half: crypto.getRandomValues(new Uint8Array(16)), nonce: crypto.getRandomValues(new Uint8Array(32)) });

/** The same channel seen from both of its ends. */
export function contexts({ certificates = [bytes(300, 1), bytes(300, 2)], ekm = bytes(32, 3) } = {}): { readonly I: CeremonyContext; readonly R: CeremonyContext } {
  const [certI = bytes(0, 0), certR = bytes(0, 0)] = certificates;
  const ctx = tlsContext({ initiator: { address: romeo, certificate: certI }, responder: { address: juliet, certificate: certR } });
  return { I: { role: "initiator", self: romeo, peer: juliet, ctx, ekm }, R: { role: "responder", self: juliet, peer: romeo, ctx, ekm } };
}

/** One side with its store and its screen in the hand of a test. */
export class Side {
  state: CeremonyState = { name: "idle" };
  readonly sent: CeremonyMessage[] = [];
  readonly effects: CeremonyEffect[] = [];
  readonly #step;

  constructor(
    readonly context: CeremonyContext,
    /** Says whether a guess is left; the default never runs out. */
    readonly charge: () => boolean = () => true,
    parameters: Parameters = standard,
  ) {
    this.#step = stepWith(parameters);
  }

  do(event: CeremonyEvent): this {
    const { state, effects } = this.#step(this.context, this.state, event);
    this.state = state;
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.do === "send") this.sent.push(effect.message);
      else if (effect.do === "charge") this.do(this.charge() ? { type: "charged" } : { type: "refused", code: "guesses-spent" });
      else if (effect.do === "save") this.do({ type: "saved" });
    }
    return this;
  }

  receive(message: CeremonyMessage): this {
    return this.do({ type: "received", message });
  }

  /** What has been sent since the last call. */
  take(): CeremonyMessage[] {
    return this.sent.splice(0);
  }

  get done(): string[] {
    return this.effects.map((effect) => (effect.do === "send" ? `send ${effect.message.type}` : effect.do));
  }

  get sas(): number | undefined {
    return this.state.name === "showing" ? this.state.sas : undefined;
  }

  get ending(): string | undefined {
    return this.state.name === "over" ? (this.state.outcome.verified ? "verified" : this.state.outcome.code) : undefined;
  }
}

/** Carries messages both ways until nothing is left. */
export function carry(a: Side, b: Side): void {
  for (;;) {
    const [fromA, fromB] = [a.take(), b.take()];
    if (fromA.length + fromB.length === 0) return;
    for (const message of fromA) b.receive(message);
    for (const message of fromB) a.receive(message);
  }
}

/** Both sides with both strings on their screens. */
export function showing(asker: "I" | "R" = "I", readAloud = false): { readonly I: Side; readonly R: Side } {
  const { I, R } = contexts();
  const sides = { I: new Side(I), R: new Side(R) };
  sides[asker].do({ type: "ask", readAloud, ...fresh() });
  carry(sides.I, sides.R);
  sides[asker === "I" ? "R" : "I"].do({ type: "accept", ...fresh() });
  carry(sides.I, sides.R);
  return sides;
}
