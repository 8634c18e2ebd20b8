/** Time as this package sees it: replaced in simulations. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Calls back after `delay` ms, unless the function returned is called first. */
  schedule(delay: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  schedule: (delay, callback) => {
    const timer = setTimeout(callback, delay);
    return () => clearTimeout(timer);
  },
};

/** A deadline that restarts on every progress: the timer stays where it is, and looks again when it fires. */
export class QuietDeadline {
  #since = 0;
  #timeout = 0;
  #cancel: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly expired: () => void,
  ) {}

  start(timeout: number): void {
    this.stop();
    this.#since = this.clock.now();
    this.#timeout = timeout;
    this.#arm(timeout);
  }

  /** Progress: without effect where the deadline does not run. */
  restart(): void {
    this.#since = this.clock.now();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #arm(delay: number): void {
    this.#cancel = this.clock.schedule(delay, () => {
      this.#cancel = undefined;
      const left = this.#since + this.#timeout - this.clock.now();
      if (left > 0) this.#arm(left);
      else this.expired();
    });
  }
}
