import { BalconyError, withDeadline } from "@balcony/channel";
import type { Offer } from "@balcony/jingle";
import { bare } from "@balcony/xml";
import { xmlStreamDescription } from "./application.js";
import { attestByOpenPgp } from "./attest-by-openpgp.js";
import { compareSignalling } from "./compare-signalling.js";
import type { Context } from "./context.js";
import { decideTrust } from "./decide-trust.js";
import type { Plan } from "./discover.js";
import { type Connected, connected, negotiationSteps, securityFor } from "./negotiate.js";
import { openStream } from "./open-stream.js";
import { inPhase } from "./progress.js";
import { remember } from "./remember.js";
import { Session } from "./session.js";
import { settleLogging } from "./settle-logging.js";
import { startTls } from "./start-tls.js";
import { type Undo, unwinding } from "./unwinding.js";
import { byWhateverPath } from "./whatever-path.js";
import { knowsX509 } from "./xtls.js";

/** Takes an offered stream: the mirror of open(), from the second step on. Returns undefined where policy declined. */
export async function accept(context: Context, offer: Offer): Promise<Session | undefined> {
  return await unwinding(async (undo) => {
    if (!(await admitted(context, offer))) return undefined;
    const plan: Plan = {
      protocol: "TLSv1.3",
      self: context.channel.self,
      peer: offer.peer,
      role: "responder",
      xtls: knowsX509(offer.security),
      seenFeatures: undefined,
      transports: context.transports,
    };
    const answered = await answer(context, plan, offer, undo);
    const streamed = await byWhateverPath(context, answered, async (by) => {
      const secured = await startTls(context, by, undo);
      const trusted = await decideTrust(context, secured);
      return await openStream(context, trusted, undo);
    });
    const attested = await attestByOpenPgp(context, streamed);
    const compared = await compareSignalling(context, attested);
    const settled = await settleLogging(context, compared);
    return new Session(await remember(context, settled));
  });
}

/** Asks policy, which may ask the person; the offer waits as long as the peer lets it. */
async function admitted(context: Context, offer: Offer): Promise<boolean> {
  const { peer, signal } = offer;
  const { policy, store, timeouts } = context;
  await store.refresh(); // another process may know this peer
  const known = store.show(bare(context.channel.self), bare(peer))?.everStreamed ?? false;
  try {
    const asked = Promise.resolve(policy.accept({ peer, known, protocol: "TLSv1.3", signal }));
    if (await withDeadline(asked, { timeout: timeouts.person, signal, waitingFor: `your decision on the stream that ${peer} offers` })) return true;
    await offer.decline("decline");
    return false;
  } catch (error) {
    if (!signal.aborted) await offer.decline(error instanceof BalconyError && error.code === "timeout" ? "timeout" : "general-error");
    throw error;
  }
}

async function answer(context: Context, plan: Plan, offer: Offer, undo: Undo): Promise<Connected> {
  const { onProgress, signal, timeouts } = context;
  return await inPhase("negotiate", { text: `taking the stream that ${plan.peer} offers`, deadline: timeouts.negotiation, peer: plan.peer, onProgress }, async () => {
    const session = await offer.accept({
      application: xmlStreamDescription(),
      security: securityFor(context, plan),
      addresses: context.addresses(offer.peer),
      timeout: timeouts.negotiation,
      signal,
      provisional: true,
      progress: negotiationSteps(onProgress),
    });
    return connected(plan, session, undo);
  });
}
