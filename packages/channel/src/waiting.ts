import { BalconyError } from "./error.js";

/** Options of everything that waits. */
export interface WaitOptions {
  /** Milliseconds; the default is documented where the wait is. */
  readonly timeout?: number | undefined;
  /** Ends the wait with code `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** A wait with its deadline (ms) and the words that say what it waits for: "romeo@montague.lit to answer the offer". */
export interface Deadline extends WaitOptions {
  readonly timeout: number;
  readonly waitingFor: string;
}

/** `signal.reason` as an error with code `aborted`; a BalconyError given as the reason is passed on as it is. */
export function abortError(signal: AbortSignal, waitingFor: string): BalconyError {
  if (signal.reason instanceof BalconyError) return signal.reason;
  return new BalconyError("aborted", `Stopped waiting for ${waitingFor}.`, { cause: signal.reason });
}

/** setTimeout counts in 31 bits and fires at once for more. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * Waits for `work`, but no longer than the deadline and not past the signal. Nothing is left behind: no timer, no listener.
 * A timeout beyond 24 days, or infinite, is none.
 * @throws `timeout`, `aborted`, `invalid-argument` for a timeout that is no number from 0 on, or what `work` throws
 */
export function withDeadline<T>(work: Promise<T>, { timeout, waitingFor, signal }: Deadline): Promise<T> {
  const refused = refusal(timeout, waitingFor, signal);
  if (refused) {
    work.catch(() => undefined); // nobody listens any more: the refusal is what the caller hears
    return Promise.reject(refused);
  }
  return new Promise((resolve, reject) => {
    const onTimeout = () => finish(() => reject(new BalconyError("timeout", `Waited ${timeout / 1000} s for ${waitingFor}.`)));
    const onAbort = () => finish(() => reject(abortError(signal as AbortSignal, waitingFor)));
    const timer = timeout > MAX_TIMER ? undefined : setTimeout(onTimeout, timeout);
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    work.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error as Error)),
    );
  });
}

function refusal(timeout: number, waitingFor: string, signal: AbortSignal | undefined): BalconyError | undefined {
  if (!(timeout >= 0)) return new BalconyError("invalid-argument", `${timeout} ms is no timeout to wait for ${waitingFor}.`);
  return signal?.aborted ? abortError(signal, waitingFor) : undefined;
}
