/** What came, in its order, for whoever asks next. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T) => void)[] = [];

  put(item: T): void {
    const next = this.#waiting.shift();
    if (next) next(item);
    else this.#items.push(item);
  }

  get length(): number {
    return this.#items.length;
  }

  /** All that has come, at once, for whoever does not wait any more. */
  drain(): T[] {
    this.#waiting.length = 0;
    return this.#items.splice(0);
  }

  next(): Promise<T> {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift() as T);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
