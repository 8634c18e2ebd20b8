import { address, goOnline } from "./connect.js";
import { UsageError } from "./exit-codes.js";
import { onInterrupt } from "./interrupt.js";
import type { StreamOptions } from "./options.js";
import { makeOutput } from "./output.js";
import { tellProgress } from "./progress.js";
import { isPipe, run, tellClosing } from "./run.js";

/** Seconds for the peer's client to accept, which may have to ask its person first. */
const PERSON = 120;

export interface VerifyByVoiceOptions extends StreamOptions {
  readonly readAloud: boolean;
}

/** `balcony verify JID`: a conversation that begins with a verification. */
export async function verifyCommand(typed: string, options: VerifyByVoiceOptions): Promise<void> {
  if (options.json || isPipe()) throw new UsageError("Verifying needs a person at a terminal, who compares what is on the screen.");
  await openCommand(typed, options, options.readAloud ? "aloud" : "compare");
}

/** `balcony open JID` */
export async function openCommand(typed: string, options: StreamOptions, verify?: "compare" | "aloud"): Promise<void> {
  const peer = address(typed);
  const output = makeOutput(options);
  const interrupt = onInterrupt(() => tellClosing(output));
  const negotiation = Math.max(options.timeout, PERSON) * 1000;
  try {
    const online = await goOnline(options, output, { signal: interrupt.signal, e2e: { timeouts: { negotiation } } });
    try {
      const session = await online.e2e.open(peer, { signal: interrupt.signal, onProgress: tellProgress(output, options) });
      await run(session, output, interrupt, verify);
    } finally {
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}
