/** One direction of a line: what is sent on it comes later, and in its order. */
export class Lag {
  readonly #waiting: { readonly due: number; readonly arrive: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Calls `arrive` in so many ms, at once for none, and not before what was sent earlier has come. */
  after(ms: number, arrive: () => void): void {
    if (ms <= 0 && this.#waiting.length === 0) {
      arrive();
      return;
    }
    const due = Math.max(performance.now() + ms, this.#waiting.at(-1)?.due ?? 0);
    this.#waiting.push({ due, arrive });
    this.#timer ??= this.#next();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  #next(): NodeJS.Timeout | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    return setTimeout(() => {
      while (this.#waiting[0] && this.#waiting[0].due <= performance.now() + 0.5) this.#waiting.shift()?.arrive();
      this.#timer = this.#next();
    }, first.due - performance.now());
  }
}
