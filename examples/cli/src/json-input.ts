import { createInterface } from "node:readline";
import { BalconyError } from "@balcony/channel";
import { type Session, xml } from "balcony";
import type { ConverseOptions } from "./conversation.js";
import { UsageError } from "./exit-codes.js";
import { aborted } from "./interrupt.js";
import type { Output } from "./output.js";
import { sendable } from "./printable.js";
import { Upgrading } from "./upgrading.js";
import { Verifying } from "./verifying.js";

/** What a program may say on stdin, one JSON object a line. The README has the shapes. */
type Said = { readonly message: string } | { readonly upgrade: true } | { readonly verify: Verb; readonly numbers?: string };

/** What a person would type for it. */
const verbs = {
  begin: "/verify",
  "begin-aloud": "/verify aloud",
  accept: "/verify",
  decline: "/cancel",
  same: "/same",
  different: "/different",
  heard: "/heard",
  cancel: "/cancel",
} as const;
type Verb = keyof typeof verbs;

/** With a program at this end, that also answers what a person would: messages and verification, as JSON both ways. With `verify` it ends with the verification; otherwise with stdin, or when the peer closes. */
export async function exchangeObjects(session: Session, output: Output, { upgrade, verify }: ConverseOptions): Promise<Session | undefined> {
  session.on("stanza", (stanza) => {
    const body = stanza.name === "message" ? stanza.getChildText("body") : null;
    if (body !== null) output.payload({ event: "message", from: session.peer, body }, body);
  });
  const left = new AbortController();
  const failures: unknown[] = [];
  const over = (error: unknown): boolean => {
    if (!verify) return false;
    if (error !== undefined) failures.push(error);
    left.abort();
    return true;
  };
  const verifying = new Verifying(session, output, (work) => work(), over);
  const upgrading = upgrade && new Upgrading(session, upgrade, output, (work) => work());
  keepAlive(true);
  const lines = createInterface({ input: process.stdin, terminal: false });
  session.once("close", () => left.abort());
  lines.on("close", () => {
    if (verify && verifying.open)
      verifying.obey("/cancel"); // nobody is there any more to answer
    else left.abort();
  });
  lines.on("line", (line) => {
    try {
      obey(read(line, output.json), { session, output, upgrading, verifying });
    } catch (error) {
      output.fail(error);
    }
  });
  if (verify) verifying.begin(verify === "aloud");
  try {
    await aborted(left.signal);
    if (failures.length > 0) throw asError(failures[0]);
    if (verify && session.security.trust !== "verified")
      throw new BalconyError("verification-cancelled", "The stream ended before you had verified each other.", { phase: "trust", peer: session.peer });
    if (session.status !== "online") return await upgrading?.ended();
    upgrading?.leave();
    return undefined;
  } finally {
    lines.close();
    process.stdin.pause();
    keepAlive(false); // a stdin that stays open must not keep the process
  }
}

/** Pipes and sockets keep a process, and a file has no say in it. */
function keepAlive(yes: boolean): void {
  const { stdin } = process;
  if ("ref" in stdin && "unref" in stdin) stdin[yes ? "ref" : "unref"]();
}

interface Obeying {
  readonly session: Session;
  readonly output: Output;
  readonly verifying: Verifying;
  readonly upgrading: Upgrading | undefined;
}

function obey(said: Said, { output, session, upgrading, verifying }: Obeying): void {
  if ("message" in said) session.send(xml("message", { type: "chat" }, xml("body", {}, sendable(said.message)))).catch((error: unknown) => output.fail(error));
  else if ("upgrade" in said) {
    if (!upgrading) throw new UsageError("This session is a stream already.");
    upgrading.begin();
  } else verifying.obey(`${verbs[said.verify]} ${said.numbers ?? ""}`.trim());
}

/** Throws UsageError. In a pipe without --json it is a word, and numbers behind it: `same`, `heard 1402 1977 1033`. */
function read(line: string, json: boolean): Said {
  if (!json) {
    const [verb = "", ...numbers] = line.trim().split(/\s+/u);
    if (!isVerb(verb)) throw new UsageError(`${JSON.stringify(line)} is none of ${Object.keys(verbs).join(", ")}.`);
    return { verify: verb, numbers: numbers.join(" ") };
  }
  let said: unknown;
  try {
    said = JSON.parse(line);
  } catch (cause) {
    throw new UsageError(`This line on stdin is no JSON: ${line.slice(0, 80)}`, { cause });
  }
  if (typeof said === "object" && said !== null) {
    const { message, numbers, upgrade, verify } = said as Record<string, unknown>;
    if (upgrade === true && message === undefined && verify === undefined) return { upgrade };
    if (typeof message === "string" && verify === undefined) return { message };
    const text = Array.isArray(numbers) ? numbers.join(" ") : numbers;
    if (isVerb(verify) && message === undefined && (text === undefined || typeof text === "string")) return { verify, ...(text !== undefined && { numbers: text }) };
  }
  throw new UsageError(`This line on stdin is neither a message nor an answer: ${line.slice(0, 80)}`);
}

const asError = (failure: unknown): Error => (failure instanceof Error ? failure : new Error(String(failure)));

const isVerb = (value: unknown): value is Verb => typeof value === "string" && Object.hasOwn(verbs, value);
