import { BalconyError } from "@balcony/channel";
import { type CeremonyContext, type Code, type CodeEvent, type CodeInHand, type CodeMessage, type CodeState, codeStep, scalarOf } from "@balcony/trust";
import { endedBy } from "./errors.js";

/** Milliseconds: nobody has to think, and both sides have their code. */
const LIFE = 30_000;

/** What a run does outside of itself. */
export interface CodeRunSurroundings {
  readonly context: CeremonyContext;
  /** Rejects with the error that the peer's client answers. */
  readonly send: (message: CodeMessage) => Promise<void>;
  readonly rejection: (error: unknown, message: CodeMessage) => BalconyError["code"];
  readonly spend: (code: Code) => Promise<void>;
  readonly save: (code: Code) => Promise<void>;
  readonly over: (failure: BalconyError | undefined) => void;
}

/** One try of one code: the driver of `codeStep`. */
export class CodeRun {
  /** Resolves when it is over, verified or not. */
  readonly ended: Promise<void>;
  #state: CodeState = { name: "idle" };
  #refused = false;
  #failure: BalconyError | undefined;
  #finish: () => void = () => undefined;
  readonly #timer = setTimeout(() => this.#dispatch({ type: "deadline" }), LIFE);

  constructor(private readonly surroundings: CodeRunSurroundings) {
    this.#timer.unref();
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** Why it ended without a verification. */
  get failure(): BalconyError | undefined {
    return this.#failure;
  }

  get over(): boolean {
    return this.#state.name === "over";
  }

  ask(code: Code): void {
    this.#dispatch({ type: "ask", ...inHand(code) });
  }

  cancel(): void {
    this.#dispatch({ type: "cancel" });
  }

  lost(): void {
    this.#dispatch({ type: "lost" });
  }

  /** Returns false for what is about no run that there is. */
  receive(message: CodeMessage, waiting: Code | undefined): boolean {
    this.#refused = false;
    this.#dispatch({ type: "received", message, waiting: waiting && inHand(waiting) });
    return !this.#refused;
  }

  #dispatch(event: CodeEvent): void {
    const { state, effects } = codeStep(this.surroundings.context, this.#state, event);
    this.#state = state;
    for (const effect of effects) {
      if (effect.do === "send") this.#send(effect.message);
      else if (effect.do === "spend") this.#store(this.surroundings.spend(effect.code), "spent");
      else if (effect.do === "save") this.#store(this.surroundings.save(effect.code), "saved");
      else if (effect.do === "refuse") this.#refused = true;
      else this.#end(effect.outcome.verified ? undefined : endedBy(effect.outcome, this.surroundings.context.peer));
    }
  }

  #send(message: CodeMessage): void {
    const delivered = (): void => {
      if (message.type === "code-tag") this.#dispatch({ type: "delivered" });
    };
    this.surroundings.send(message).then(delivered, (error: unknown) => this.#dispatch({ type: "rejected", code: this.surroundings.rejection(error, message) }));
  }

  #store(work: Promise<void>, done: "spent" | "saved"): void {
    work.then(
      () => this.#dispatch({ type: done }),
      (error: unknown) => this.#dispatch({ type: "refused", code: error instanceof BalconyError ? error.code : "internal" }),
    );
  }

  #end(failure: BalconyError | undefined): void {
    clearTimeout(this.#timer);
    this.#failure = failure;
    this.surroundings.over(failure);
    this.#finish();
  }
}

/** A code with what is fresh for one run. */
function inHand(code: Code): CodeInHand {
  for (;;) {
    const scalar = scalarOf(crypto.getRandomValues(new Uint8Array(32)));
    if (scalar !== undefined) return { code, half: crypto.getRandomValues(new Uint8Array(16)), scalar };
  }
}
