import { BalconyError } from "@balcony/channel";
import type { Session } from "balcony";
import { converse } from "./conversation.js";
import { aborted, type Interrupt } from "./interrupt.js";
import { exchangeObjects } from "./json-input.js";
import { exchangeLines } from "./lines.js";
import type { Output } from "./output.js";
import { advertisePipe, exchangeBytes, peerIsPipe, receiveBytes } from "./pipe.js";
import { printable } from "./printable.js";
import { describeAlert, describeLogging, describeSecurity } from "./security-words.js";
import { tellUpgradable, type UpgradeOptions } from "./upgrading.js";

/** Is this end a program? Then it gets bytes, and a person gets a conversation. */
export const isPipe = (): boolean => !process.stdin.isTTY || !process.stdout.isTTY;

export interface RunOptions {
  /** Is what a program says on stdin JSON: messages and answers? */
  readonly jsonInput?: boolean | undefined;
  /** Begin with a verification. */
  readonly verify?: "compare" | "aloud" | undefined;
  /** Where an ESession may become a stream. */
  readonly upgrade?: UpgradeOptions;
}

/** A session from its first word to its last, and the stream that an ESession becomes. Rejects where one did not end as it should: the stream broke, or Ctrl-C cut a pipe short. */
export async function run(session: Session, output: Output, interrupt: Interrupt, { verify, ...options }: RunOptions = {}): Promise<void> {
  let current = await follow(session, output, interrupt, { ...options, verify });
  while (current) current = await follow(current, output, interrupt, options);
}

/** One session. @returns that in which it goes on */
async function follow(session: Session, output: Output, interrupt: Interrupt, options: RunOptions): Promise<Session | undefined> {
  const { peer, security } = session;
  const broken = new Promise<never>((_, reject) => session.once("error", (error) => reject(duringSession(error))));
  broken.catch(() => undefined); // raced below; may come after the race is over
  output.tell({ event: "open", peer, role: session.role, security, logging: session.logging }, `${printable(peer)}  ${security.protocol}, ${printable(security.path)}`, "done");
  for (const alert of security.alerts) output.tell({ event: "alert", ...alert }, describeAlert(alert), "warning");
  for (const [words, mark] of describeLogging(session.logging)) output.tell({ event: "logging", ...session.logging }, words, mark);
  if (!output.json) for (const [words, mark] of describeSecurity(session)) output.tell({ event: "trust" }, words, mark);
  let next: Session | undefined;
  try {
    next = await Promise.race([exchange(session, output, interrupt, options), broken]);
  } finally {
    await session.close();
  }
  output.tell({ event: "close", peer }, next ? "the ESession is closed, and the stream goes on" : "closed", "done");
  return next;
}

async function exchange(session: Session, output: Output, interrupt: Interrupt, { jsonInput = false, upgrade, verify }: RunOptions): Promise<Session | undefined> {
  const upgrading = session.security.protocol === "ESession" ? upgrade : undefined;
  if (!output.json && !isPipe()) return await converse(session, output, interrupt, { upgrade: upgrading, verify });
  if (jsonInput || verify) return await Promise.race([exchangeObjects(session, output, { upgrade: upgrading, verify }), interrupted(interrupt)]);
  const over = upgrading && tellUpgradable(session, upgrading, output);
  try {
    await pipe(session, output, interrupt);
  } finally {
    over?.();
  }
  return undefined;
}

/** With a program at this end: bytes both ways with another program, lines with a person. */
async function pipe(session: Session, output: Output, interrupt: Interrupt): Promise<void> {
  // Whoever sends bytes begins as soon as it has its answer: they are taken from the first moment on.
  const messagesAlone = session.security.protocol === "ESession" && !session.security.esession.stanzas.includes("iq");
  const incoming = output.json || messagesAlone ? undefined : receiveBytes(session, process.stdout);
  incoming?.catch(() => undefined); // with a person at the other end nobody waits for it
  if (incoming) advertisePipe(session);
  const stopped = interrupted(interrupt);
  if (incoming && (await Promise.race([peerIsPipe(session), stopped]))) {
    output.tell({ event: "piping" }, "a pipe: bytes both ways, until both ends have ended", "step");
    await Promise.race([exchangeBytes(session, incoming, output), stopped]);
  } else await Promise.race([exchangeLines(session, output), stopped]);
}

async function interrupted({ signal }: Interrupt): Promise<never> {
  await aborted(signal);
  throw new BalconyError("aborted", "Interrupted.");
}

/** What is waited for behind the first Ctrl-C. */
export function tellClosing(output: Output): void {
  output.tell({ event: "closing", deadline: 15_000 }, "closing (at most 15 s; Ctrl-C again ends at once)", "step");
}

/** Whatever ends a session is about the session, also where the connection to the server was lost under it. */
function duringSession(error: BalconyError): BalconyError {
  const { code, message, hint, peer, stanza, condition } = error;
  return new BalconyError(code, message, { phase: "session", peer, hint, stanza, condition, cause: error });
}
