import { address, goOnline } from "./connect.js";
import { onInterrupt } from "./interrupt.js";
import type { StreamOptions } from "./options.js";
import { makeOutput } from "./output.js";
import { tellProgress } from "./progress.js";
import { run, tellClosing } from "./run.js";

/** Seconds for the peer's client to accept, which may have to ask its person first. */
const PERSON = 120;

/** `balcony open JID` */
export async function openCommand(typed: string, options: StreamOptions): Promise<void> {
  const peer = address(typed);
  const output = makeOutput(options);
  const interrupt = onInterrupt(() => tellClosing(output));
  const negotiation = Math.max(options.timeout, PERSON) * 1000;
  try {
    const online = await goOnline(options, output, { signal: interrupt.signal, e2e: { timeouts: { negotiation } } });
    try {
      const session = await online.e2e.open(peer, { signal: interrupt.signal, onProgress: tellProgress(output, options) });
      await run(session, output, interrupt);
    } finally {
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}
