import { exitCodes } from "./exit-codes.js";

export interface Interrupt {
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** What a Ctrl-C does: for whoever reads the terminal raw and gets the key instead of the signal. */
  readonly press: () => void;
  readonly release: () => void;
}

/** The first Ctrl-C or SIGTERM closes everything properly; the second one ends the process at once. */
export function onInterrupt(closing: () => void): Interrupt {
  const controller = new AbortController();
  const press = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(new Error("interrupted"));
    closing();
  };
  process.on("SIGINT", press);
  process.on("SIGTERM", press);
  return {
    signal: controller.signal,
    press,
    release: () => {
      process.off("SIGINT", press);
      process.off("SIGTERM", press);
    },
  };
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
