import { BalconyError, type Phase } from "@balcony/channel";

/** What is being done, for a person to see. */
export interface Progress {
  readonly phase: Phase;
  /** `begin` and `end` frame a phase; `step` tells of something tried in it; `failed` says why one did not work. */
  readonly state: "begin" | "step" | "failed" | "end";
  /** In words: "asking juliet@capulet.lit/balcony what it supports". */
  readonly text: string;
  /** Milliseconds until this phase gives up; absent where it has no deadline of its own. */
  readonly deadline?: number | undefined;
  readonly error?: Error | undefined;
  /** Where a path stands: "s5b direct 192.0.2.7:51234". */
  readonly path?: string | undefined;
}

export type OnProgress = (progress: Progress) => void;

/** Runs one phase of open() or accept(): tells of its begin and end, and puts its name on what goes wrong in it. */
export async function inPhase<T>(
  phase: Phase,
  options: { readonly text: string; readonly deadline?: number | undefined; readonly peer: string; readonly onProgress: OnProgress },
  work: () => Promise<T>,
): Promise<T> {
  const { text, deadline, onProgress, peer } = options;
  onProgress({ phase, state: "begin", text, deadline });
  try {
    const result = await work();
    onProgress({ phase, state: "end", text });
    return result;
  } catch (error) {
    const failure = withPhase(error, phase, peer);
    onProgress({ phase, state: "failed", text: failure.message, error: failure });
    throw failure;
  }
}

/** The same error, saying in which phase and about whom; anything that is no BalconyError is a defect of ours. */
export function withPhase(error: unknown, phase: Phase, peer: string): BalconyError {
  if (!(error instanceof BalconyError)) return new BalconyError("internal", error instanceof Error ? error.message : String(error), { phase, peer, cause: error });
  if (error.phase !== undefined && error.peer !== undefined) return error;
  return error.with({ phase: error.phase ?? phase, peer: error.peer ?? peer, cause: error.cause ?? error });
}
