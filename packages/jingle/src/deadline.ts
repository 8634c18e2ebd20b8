import type { WaitOptions } from "@balcony/channel";

const longestTimer = 2 ** 31 - 1;

/** One absolute deadline for all that is still to be done in a session, and the signal that ends it before. */
export class Deadline {
  #at = Number.POSITIVE_INFINITY;
  #clear: () => void = () => undefined;

  /** ms; Infinity where there never was one. */
  get left(): number {
    return this.#at - performance.now();
  }

  /** Takes the place of the one before. `timeout` in ms. */
  set({ timeout, signal }: WaitOptions & { readonly timeout: number }, { expired, aborted }: { readonly expired: () => void; readonly aborted: (reason: unknown) => void }): void {
    this.#clear();
    this.#at = performance.now() + timeout;
    const stop = (): void => aborted(signal?.reason);
    const timer = setTimeout(expired, Math.min(timeout, longestTimer));
    signal?.addEventListener("abort", stop, { once: true });
    this.#clear = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      this.#clear = () => undefined;
    };
    if (signal?.aborted) stop();
  }

  /** Neither ends anything any more. */
  clear(): void {
    this.#clear();
  }
}
