import type { Progress } from "balcony";
import type { Output } from "./output.js";
import { printable } from "./printable.js";

/** The phases in which somebody else is waited for: the others are over in a moment. */
const waits: readonly string[] = ["discover", "negotiate"];

/** Tells of each step: what is waited for, and for how long at most. People see the steps that may take long; `--verbose` shows all. */
export function tellProgress(output: Output, { verbose }: { readonly verbose: boolean }): (progress: Progress) => void {
  return ({ phase, state, text, deadline, error }) => {
    const event = { event: "progress", phase, state, text, ...(deadline !== undefined && { deadline }), ...(error && { error: error.message }) };
    const shown = verbose ? state !== "end" : state === "begin" && waits.includes(phase);
    const atMost = deadline === undefined ? "" : ` (at most ${deadline / 1000} s)`;
    output.tell(event, shown ? `${printable(text)}${atMost}` : undefined, "step");
  };
}
