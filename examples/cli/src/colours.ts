import type { WriteStream } from "node:tty";
import pc from "picocolors";

/** Colours for what is written to this stream: none where it is no terminal, or where NO_COLOR or TERM=dumb forbids them. */
export const coloursFor = (stream: NodeJS.WriteStream): ReturnType<typeof pc.createColors> => pc.createColors(stream.isTTY && (stream as WriteStream).hasColors());

/** For status, which goes to stderr. */
export const status = coloursFor(process.stderr);
/** For what the command was called for, which goes to stdout. */
export const paint = coloursFor(process.stdout);
