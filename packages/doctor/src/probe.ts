import { BalconyError, withDeadline } from "@balcony/channel";
import type { Outcome } from "./findings.js";

/** One probe, for a person to see: begun, with what is waited for and for how long, or over. */
export interface ProbeProgress {
  readonly probe: string;
  readonly state: "begin" | "end" | "failed";
  /** What is waited for: "the proxy proxy.capulet.lit to carry a byte". */
  readonly text: string;
  /** ms */
  readonly deadline: number;
  readonly error?: string;
}

export interface Probing {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ProbeProgress) => void;
}

/**
 * Runs a probe within its deadline: it never rejects, but for the caller's abort. What it holds is let go of when its own signal is aborted, which always happens in the end.
 * @param work gets a signal that is aborted at the deadline, by the caller, or once the work is over
 */
export async function probe<T>(
  { signal, onProgress }: Probing,
  { name, waitingFor, timeout }: { readonly name: string; readonly waitingFor: string; readonly timeout: number },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Outcome<T>> {
  const began = performance.now();
  const over = new AbortController();
  const step = { probe: name, text: waitingFor, deadline: timeout };
  onProgress({ ...step, state: "begin" });
  const ms = (): number => Math.round(performance.now() - began);
  try {
    const found = await withDeadline(work(AbortSignal.any([signal, over.signal])), { timeout, waitingFor, signal });
    onProgress({ ...step, state: "end" });
    return { found, ms: ms() };
  } catch (error) {
    if (signal.aborted) throw error;
    const failure = error instanceof BalconyError ? error : new BalconyError("failed-transport", error instanceof Error ? error.message : String(error), { cause: error });
    onProgress({ ...step, state: "failed", error: failure.message });
    return { failed: { code: failure.code, message: failure.message }, ms: ms() };
  } finally {
    over.abort(new BalconyError("closed", "The probe is over."));
  }
}

export const isFound = <T>(outcome: Outcome<T>): outcome is Extract<Outcome<T>, { readonly found: T }> => "found" in outcome;
