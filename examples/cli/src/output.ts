import { writeSync } from "node:fs";
import { BalconyError } from "@balcony/channel";
import { status } from "./colours.js";
import { ServerError, UsageError } from "./exit-codes.js";
import { folded, printable } from "./printable.js";

/** One thing that happened: its name and its fields, for programs; and its words, for people. */
export interface Event {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** How weighty a line is: its first sign, and its colour. */
export type Mark = "done" | "step" | "note" | "warning" | "alarm";

/** Where a command tells what happens. Payload goes to stdout, everything else to stderr; with `--json` events go to stdout, one a line. */
export interface Output {
  readonly json: boolean;
  /** Something happened. `words` is what a person reads; without it the event is for programs alone. Text of foreign origin in it has to be `printable()` already. */
  tell(event: Event, words?: string, mark?: Mark): void;
  /** What the command was called for: a list, a fingerprint, a received line. Shown as it is. */
  payload(event: Event, words: string): void;
  /** The command, or what it was doing, ends with this error. */
  fail(error: unknown): void;
}

export interface OutputOptions {
  readonly json: boolean;
}

const signs: Readonly<Record<Mark, string>> = {
  done: status.green("✓ "),
  step: "· ",
  note: "  ",
  warning: status.bold(status.yellow("! ")),
  alarm: status.bold(status.red("✗ ")),
};
const INDENT = "  ";

export function makeOutput({ json }: OutputOptions): Output {
  return json ? forPrograms() : forPeople();
}

function forPrograms(): Output {
  const line = (event: Event): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
  return { json: true, tell: (event) => line(event), payload: (event) => line(event), fail: (error) => line({ event: "error", ...errorFields(error) }) };
}

function forPeople(): Output {
  const say = (words: string, mark: Mark): void => {
    const width = (process.stderr.columns ?? Number.POSITIVE_INFINITY) - INDENT.length;
    const text = Number.isFinite(width) ? folded(words, { columns: width, first: "", rest: INDENT }) : words;
    process.stderr.write(`${signs[mark]}${text}\n`);
  };
  return {
    json: false,
    tell: (_, words, mark = "note") => {
      if (words !== undefined) say(words, mark);
    },
    payload: (_, words) => void process.stdout.write(`${words}\n`),
    fail: (error) => {
      const { message, code, hint } = errorFields(error);
      say(`${printable(message)}${code === undefined ? "" : `  [${code}]`}`, "alarm");
      if (hint !== undefined) say(printable(hint), "note");
    },
  };
}

function errorFields(error: unknown): { message: string; code: string; phase?: string; peer?: string; hint?: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof BalconyError) {
    const { code, phase, peer, hint } = error;
    return { message, code, ...(phase && { phase }), ...(peer && { peer }), ...(hint && { hint }) };
  }
  if (error instanceof ServerError) return { message, code: "server", ...(error.hint && { hint: error.hint }) };
  return { message, code: error instanceof UsageError ? "usage" : "internal" };
}

/** Whoever reads our output may leave (`| head`): that ends the command without a word, as it does for other commands. */
export function endWithReader(exitCode: number): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(exitCode);
      writeSync(2, `${error.message}\n`);
      process.exit(exitCode);
    });
  }
}
