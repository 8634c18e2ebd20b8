import { type Clock, QuietDeadline } from "./clock.js";
import { refusal } from "./stanzas.js";

interface Held {
  readonly resolve: (answer: undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Acknowledgements held back while our reader does not read, so that the peer stops sending; but no longer than its patience may last. */
export class HeldAnswers {
  #held: Held[] = [];
  readonly #deadline: QuietDeadline;

  constructor(
    clock: Clock,
    private readonly timeout: number,
  ) {
    this.#deadline = new QuietDeadline(clock, () => this.release());
  }

  get any(): boolean {
    return this.#held.length > 0;
  }

  /** An answer that is given by `release()`. */
  hold(): Promise<undefined> {
    if (!this.any) this.#deadline.start(this.timeout);
    return new Promise((resolve, reject) => this.#held.push({ resolve, reject }));
  }

  release(): void {
    this.#deadline.stop();
    for (const { resolve } of this.#held.splice(0)) resolve(undefined);
  }

  /** What was held will never be read. */
  refuse(): void {
    this.#deadline.stop();
    for (const { reject } of this.#held.splice(0)) reject(refusal("item-not-found"));
  }
}
