import { BalconyError, withDeadline } from "@balcony/channel";
import { bare } from "@balcony/xml";
import type { Compared } from "./compare-signalling.js";
import type { Context } from "./context.js";
import { type Logging, type LogPreference, NS_LOGGING } from "./logging.js";
import { inPhase } from "./progress.js";

/** Milliseconds for the person, whose answer the peer waits for: less than its keepalive allows. */
const PERSON = 60_000;

/** A stream whose both sides know what is kept of it. */
export interface Settled extends Compared {
  readonly logging: Logging;
}

/**
 * Both preferences came with the headers. Where they are the same nobody is bothered. Where they differ the stricter holds, and the side that would keep a transcript is asked whether it agrees:
 * by policy, or by the person. Whoever asked that none be kept has nothing to decide. What the peer says meanwhile is held.
 */
export async function settleLogging(context: Context, previous: Compared): Promise<Settled> {
  const { onProgress, policy, signal, timeouts } = context;
  const { peer, stream } = previous;
  const ours = policy.logging;
  const theirs = readPreference(stream.remoteHeader.extra.get(`{${NS_LOGGING}}keep`));
  if (theirs === "mustnot" && ours === "may") {
    await inPhase("stream", { text: `agreeing with ${bare(peer)} on what is kept of it`, peer, onProgress }, async () => {
      const given = AbortSignal.any([signal, stream.closed]);
      const asked = Promise.resolve(policy.loggingDiffers({ peer, ours, theirs, signal: given }));
      const timeout = Math.min(timeouts.person, PERSON);
      if (await withDeadline(asked, { timeout, signal: given, waitingFor: "your decision on keeping no transcript" })) return;
      throw new BalconyError("logging-differs", `${peer} asks that no transcript be kept, and we keep one.`);
    });
  }
  return { ...previous, logging: { ours, theirs, agreed: theirs && (ours === theirs ? ours : "mustnot") } };
}

/** Throws `bad-format`: a preference that cannot be read might be the stricter one. */
function readPreference(stated: string | undefined): LogPreference | undefined {
  if (stated === undefined || stated === "may" || stated === "mustnot") return stated;
  throw new BalconyError("bad-format", `The peer says ${JSON.stringify(stated)} of transcripts, which is neither may nor mustnot.`, { phase: "stream" });
}
