/** Remembers how to let go of what was set up. The error tells it why. */
export type Undo = (step: (reason: unknown) => Promise<void> | void) => void;

/** Runs steps that set things up; where one fails, lets go of everything set up before, last first, and fails with the first error. */
export async function unwinding<T>(work: (undo: Undo) => Promise<T>): Promise<T> {
  const steps: ((reason: unknown) => Promise<void> | void)[] = [];
  try {
    return await work((step) => steps.push(step));
  } catch (error) {
    for (const step of steps.reverse()) await step(error);
    throw error;
  }
}
