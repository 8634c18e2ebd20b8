import type { ESessions } from "@balcony/esessions";
import type { Jid } from "@balcony/xml";
import type { Context } from "../context.js";
import { inPhase } from "../progress.js";
import type { SessionParts } from "../session.js";
import type { Undo } from "../unwinding.js";
import { allowsFallback, refused } from "./permission.js";
import { secured } from "./secured.js";

/** A peer whose client has never had streams, and has ESessions. */
export interface FallbackPlan {
  readonly protocol: "ESession";
  readonly self: Jid;
  /** Full address, in normal form. */
  readonly peer: Jid;
  readonly esessions: ESessions;
}

/** Falls back to an ESession, if policy allows it: what open() gives then says of itself what it is. */
export async function seal(context: Context, { esessions, peer }: FallbackPlan, undo: Undo): Promise<SessionParts> {
  const { onProgress, sealing, signal, timeouts } = context;
  const text = `${peer} knows no end-to-end streams: agreeing on keys for an ESession, stanza by stanza through the servers`;
  const session = await inPhase("negotiate", { text, deadline: timeouts.negotiation, peer, onProgress }, async () => {
    if (!(await allowsFallback(context, peer, "initiator"))) throw refused(peer, "you do not want one");
    return await esessions.initiate(peer, { messages: sealing.messages?.[0] ?? 4, timeout: timeouts.negotiation, signal });
  });
  undo(() => session.abandon().catch(context.report));
  return await secured(context, session);
}
