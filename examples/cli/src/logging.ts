import { confirm, isCancel } from "@clack/prompts";
import type { LoggingDifference } from "balcony";
import type { StreamOptions } from "./options.js";
import type { Output } from "./output.js";
import { printable } from "./printable.js";
import { isPipe } from "./run.js";
import { canAsk } from "./secrets.js";

/**
 * What is said of transcripts, and who gives way. At a terminal the person is asked. Without one, whoever has said `--log may` insists on it, and whoever has said nothing gives way.
 */
export function loggingPolicy(
  { log }: Pick<StreamOptions, "log">,
  output: Output,
): { readonly logging: "may" | "mustnot"; readonly loggingDiffers: (difference: LoggingDifference) => Promise<boolean> } {
  let turn: Promise<unknown> = Promise.resolve(); // one question at a time
  return {
    logging: log ?? "may",
    loggingDiffers: async ({ peer, signal }) => {
      if (!canAsk() || isPipe() || output.json) return log === undefined;
      const message = `${printable(peer)} asks that nobody keeps a record of what you say to each other. Do you agree?`;
      const asked = turn.then(async () => await confirm({ message, initialValue: true, output: process.stderr, signal }));
      turn = asked.catch(() => undefined); // whoever asked hears of it
      const answer = await asked;
      return !isCancel(answer) && answer;
    },
  };
}
