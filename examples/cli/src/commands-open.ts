import { parseCode } from "@balcony/trust";
import { normalize } from "@balcony/xml";
import { address, goOnline } from "./connect.js";
import { UsageError } from "./exit-codes.js";
import { onInterrupt } from "./interrupt.js";
import type { StreamOptions } from "./options.js";
import { makeOutput } from "./output.js";
import { tellProgress } from "./progress.js";
import { run, tellClosing } from "./run.js";
import { askText } from "./secrets.js";

/** Seconds for the peer's client to accept, which may have to ask its person first. */
const PERSON = 120;

export interface VerifyByVoiceOptions extends StreamOptions {
  readonly readAloud: boolean;
}

/** `balcony verify JID`: a conversation that begins with a verification; a program gets what is to be compared, and answers on stdin. */
export async function verifyCommand(typed: string, options: VerifyByVoiceOptions): Promise<void> {
  await openCommand(typed, options, options.readAloud ? "aloud" : "compare");
}

export interface OpenOptions extends StreamOptions {
  /** As typed; `true` and `-`: to be asked for. */
  readonly code?: string | true;
}

/** `balcony open [JID]` */
export async function openCommand(typed: string | undefined, options: OpenOptions, verify?: "compare" | "aloud"): Promise<void> {
  const code = await codeOf(options);
  const peer = typed === undefined ? addressOf(code) : address(typed);
  const output = makeOutput(options);
  const interrupt = onInterrupt(() => tellClosing(output));
  const negotiation = Math.max(options.timeout, PERSON) * 1000;
  try {
    const online = await goOnline(options, output, {
      signal: interrupt.signal,
      e2e: { timeouts: { negotiation }, policy: { fallback: options.streamsOnly ? "never" : () => true } },
    });
    try {
      const how = { signal: interrupt.signal, onProgress: tellProgress(output, options), ...(code !== undefined && { code }) };
      const session = await (verify ? online.e2e.verify(peer, how) : online.e2e.open(peer, how));
      await run(session, output, interrupt, { verify, jsonInput: options.jsonInput, upgrade: { e2e: online.e2e, policy: options.upgrade } });
    } finally {
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}

/** A code is used up by one try: it may stand where other users of the machine can see it. */
async function codeOf({ code }: OpenOptions): Promise<string | undefined> {
  const typed = code === true || code === "-" ? await askText("What is the code?", "Give it behind --code.") : code;
  if (typed !== undefined) parseCode(typed, { normalize }); // what is mistyped is told before anybody is called
  return typed;
}

/** Whose invitation was scanned. */
function addressOf(code: string | undefined): string {
  const scanned = code === undefined ? undefined : parseCode(code, { normalize }).address;
  if (scanned === undefined) throw new UsageError("Whom? It is `balcony open JID`, or `balcony open --code` with a scanned code, which says whose it is.");
  return scanned;
}
