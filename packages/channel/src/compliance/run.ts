import { type Deadline, withDeadline } from "../waiting.js";
import { check } from "./check.js";

/** One promise of a contract, and how to find out whether it is kept. */
export interface Case<Context> {
  readonly name: string;
  readonly run: (context: Context) => Promise<void>;
}

/** Registers one test with a runner: `it` of vitest, `test` of node:test, … */
export type Test = (name: string, run: () => Promise<void>) => unknown;

/** Lets everything that is due happen. Never used to wait for something: for that there are events. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise<void>((resolve) => setTimeout(resolve, 0));
}

/** Waits no longer than the suite's deadline. */
export type Within = <T>(work: Promise<T>, waitingFor: string) => Promise<T>;

export function withinDeadline(timeout: number): Within {
  return (work, waitingFor) => withDeadline(work, { timeout, waitingFor } satisfies Deadline);
}

/** Runs `body`, then fails if it left a promise rejected with nobody to hear of it. Only where the platform tells (Node). */
export async function withoutUnhandledRejections(body: () => Promise<void>): Promise<void> {
  const host = (globalThis as { process?: NodeJS.Process }).process;
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  host?.on("unhandledRejection", note);
  try {
    await body();
    await turns();
  } finally {
    host?.removeListener("unhandledRejection", note);
  }
  check(unhandled.length === 0, `${unhandled.length} promises were rejected with nobody to hear of it; the first: ${String(unhandled[0])}`);
}

/** Takes all the steps, whichever of them fail, and then fails as the first did. */
export async function firstFailure(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
