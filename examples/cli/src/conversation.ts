import { clearScreenDown, createInterface, cursorTo, type Interface, moveCursor } from "node:readline";
import { type Session, xml } from "balcony";
import { paint } from "./colours.js";
import { aborted, type Interrupt } from "./interrupt.js";
import type { Output } from "./output.js";
import { folded, sendable, shortened } from "./printable.js";
import { describeAll } from "./security-words.js";
import { type UpgradeOptions, Upgrading, upgradingCommands } from "./upgrading.js";
import { Verifying, verifyingCommands } from "./verifying.js";

const NAME = 20;
const screen = process.stdout;

/** What a person can type instead of something to say. */
const commands: Readonly<Record<string, string>> = {
  ...verifyingCommands,
  ...upgradingCommands,
  "/info": "addresses, path, cipher and fingerprints",
  "/quit": "close the stream",
  "/help": "this list; a line that begins with / is sent by typing //",
};

export interface ConverseOptions {
  /** Begin with a verification. */
  readonly verify?: "compare" | "aloud" | undefined;
  /** Of an ESession, which may become a stream. */
  readonly upgrade?: UpgradeOptions | undefined;
}

/** Two people, line by line, until one of them has had enough. @returns the stream in which they go on, where an ESession became one */
export async function converse(session: Session, output: Output, interrupt: Interrupt, { upgrade, verify }: ConverseOptions): Promise<Session | undefined> {
  const lines = createInterface({ input: process.stdin, output: screen, prompt: paint.cyan("› ") });
  const name = nameOf(session.peer);
  session.on("stanza", (stanza) => {
    const body = stanza.name === "message" ? stanza.getChildText("body") : null;
    if (body !== null) above(lines, spoken(name, body));
  });
  const redrawing = (work: () => void): void => {
    clearPrompt(lines);
    work();
    if (!left.signal.aborted) lines.prompt(true);
  };
  const verifying = new Verifying(session, output, redrawing);
  const upgrading = upgrade && new Upgrading(session, upgrade, output, redrawing);
  const over = new Promise<void>((resolve) => session.once("close", resolve));
  const left = new AbortController();
  lines.on("SIGINT", interrupt.press);
  lines.on("close", () => left.abort());
  lines.on("line", (line) => {
    if (line.trim() === "/upgrade" && upgrading) upgrading.begin();
    else if (!verifying.obey(line.trim())) obey(line, { session, output, quit: () => lines.close() });
    if (!left.signal.aborted) lines.prompt();
  });
  output.tell({ event: "conversation" }, "Type what you want to say. /help lists commands, Ctrl-C closes the stream.");
  lines.prompt();
  if (verify) verifying.begin(verify === "aloud");
  try {
    await Promise.race([over, aborted(left.signal), aborted(interrupt.signal)]);
    clearPrompt(lines);
    if (session.status === "online") {
      upgrading?.leave();
      return undefined;
    }
    const next = await Promise.race([upgrading?.ended(), aborted(interrupt.signal).then(() => undefined)]);
    const what = session.security.protocol === "ESession" ? "ESession" : "stream";
    if (!next) output.tell({ event: "left", peer: session.peer }, `${name} has closed the ${what}`, "step");
    return next;
  } finally {
    lines.close();
    process.stdin.pause();
  }
}

function obey(line: string, { session, output, quit }: { readonly session: Session; readonly output: Output; readonly quit: () => void }): void {
  const typed = line.trim();
  if (typed === "") return;
  if (typed === "/quit") quit();
  else if (typed === "/info") for (const [words, mark] of describeAll(session)) output.tell({ event: "security" }, words, mark);
  else if (typed.startsWith("/") && !typed.startsWith("//")) for (const [command, text] of Object.entries(commands)) output.tell({ event: "help" }, `${command}  ${text}`);
  else say(session, typed.startsWith("//") ? line.replace("/", "") : line, output);
}

function say(session: Session, body: string, output: Output): void {
  session.send(xml("message", { type: "chat" }, xml("body", {}, sendable(body)))).catch((error: unknown) => output.fail(error));
}

/** What somebody else has said: every line of it behind their name or a bar, so that none can be taken for ours or the program's. */
function spoken(name: string, body: string): string {
  const margin = " ".repeat([...name].length);
  const columns = screen.columns ?? 80;
  return body
    .split(/\r\n|\n|\r/)
    .map((line, index) => folded(shortened(line, Number.POSITIVE_INFINITY), { columns, first: `${index === 0 ? name : margin} │ `, rest: `${margin} │ ` }))
    .join("\n")
    .replace(name, paint.bold(paint.magenta(name)));
}

const nameOf = (peer: string): string => shortened(peer.includes("@") ? peer.slice(0, peer.indexOf("@")) : (peer.split("/")[0] ?? peer), NAME);

/** Writes above what is being typed, which then stands below it as before. */
function above(lines: Interface, text: string): void {
  const { rows } = lines.getCursorPos();
  clearPrompt(lines);
  screen.write(`${text}\n${"\n".repeat(rows)}`); // prompt() goes up by the rows that it remembers
  lines.prompt(true);
}

function clearPrompt(lines: Interface): void {
  moveCursor(screen, 0, -lines.getCursorPos().rows);
  cursorTo(screen, 0);
  clearScreenDown(screen);
}
