import type { CeremonyContext } from "../../src/ceremony/state.js";
import type { Code } from "../../src/code/code.js";
import { scalarOf } from "../../src/code/cpace.js";
import { type CodeParameters, codeStepWith, standardCode } from "../../src/code/machine.js";
import type { CodeEffect, CodeEvent, CodeInHand, CodeMessage, CodeState } from "../../src/code/state.js";

export const code = (text: string, entropy = 31.8): Code => ({ text, entropy });
export const lemon = code("ridge-lemon-4020");

export function inHand(of: Code = lemon): CodeInHand {
  return { code: of, half: crypto.getRandomValues(new Uint8Array(16)), scalar: scalarOf(crypto.getRandomValues(new Uint8Array(32))) ?? 1n };
}

/** One side with its store, and the invitation that waits at it, in the hand of a test. */
export class CodeSide {
  state: CodeState = { name: "idle" };
  readonly sent: CodeMessage[] = [];
  readonly effects: CodeEffect[] = [];
  /** The invitation that waits here. */
  waiting: Code | undefined;
  readonly #step;

  constructor(
    readonly context: CeremonyContext,
    /** Says whether a code may be used; the default allows each as often as it is asked. */
    readonly spend: (code: Code) => boolean = () => true,
    parameters: CodeParameters = standardCode,
  ) {
    this.#step = codeStepWith(parameters);
  }

  do(event: CodeEvent): this {
    const { state, effects } = this.#step(this.context, this.state, event);
    this.state = state;
    this.effects.push(...effects);
    for (const effect of effects) {
      if (effect.do === "send") this.sent.push(effect.message);
      else if (effect.do === "spend") this.do(this.spend(effect.code) ? { type: "spent" } : { type: "refused", code: "code-spent" });
      else if (effect.do === "save") this.do({ type: "saved" });
    }
    return this;
  }

  ask(of: Code = lemon): this {
    return this.do({ type: "ask", ...inHand(of) });
  }

  waitWith(of: Code = lemon): this {
    this.waiting = of;
    return this;
  }

  receive(message: CodeMessage): this {
    return this.do({ type: "received", message, waiting: message.type === "code-request" && this.waiting ? inHand(this.waiting) : undefined });
  }

  /** What has been sent since the last call. */
  take(): CodeMessage[] {
    return this.sent.splice(0);
  }

  get done(): string[] {
    return this.effects.map((effect) => (effect.do === "send" ? `send ${effect.message.type}` : effect.do));
  }

  get ending(): string | undefined {
    return this.state.name === "over" ? (this.state.outcome.verified ? "verified" : this.state.outcome.code) : undefined;
  }
}

/** Carries messages both ways until nothing is left; what is delivered, is said to be. */
export function carry(a: CodeSide, b: CodeSide): void {
  for (;;) {
    const [fromA, fromB] = [a.take(), b.take()];
    if (fromA.length + fromB.length === 0) return;
    for (const [from, to, messages] of [
      [a, b, fromA],
      [b, a, fromB],
    ] as const) {
      for (const message of messages) {
        to.receive(message);
        if (message.type === "code-tag") from.do({ type: "delivered" });
      }
    }
  }
}

export function sentBy<Type extends CodeMessage["type"]>(side: CodeSide, type: Type): Extract<CodeMessage, { type: Type }> {
  const found = side.effects
    .flatMap((effect) => (effect.do === "send" ? [effect.message] : []))
    .find((message): message is Extract<CodeMessage, { type: Type }> => message.type === type);
  if (!found) throw new Error(`no ${type} was sent`);
  return found;
}
