import { BalconyError, withDeadline } from "@balcony/channel";
import type { ESession, Verdict } from "@balcony/esessions";
import { bare, type Jid } from "@balcony/xml";
import type { Context } from "../context.js";
import { Session } from "../session.js";
import { unwinding } from "../unwinding.js";
import { allowsFallback, hasStreamed } from "./permission.js";
import { secured } from "./secured.js";

/** Who may have an ESession with us: those who may know that we are there, have never had streams, and whom policy takes. */
export async function admit(context: Context, peer: Jid): Promise<Verdict> {
  const { policy, report, signal, store, timeouts } = context;
  await store.refresh(); // another process may know this peer
  if (hasStreamed(context, peer)) {
    report(
      new BalconyError("downgrade-suspected", `${bare(peer)} has spoken end-to-end streams before, and ${peer} now asks for an ESession: it was declined.`, {
        peer,
        hint: "They may be on another client. Or somebody is between you and wants less: ask them by another way.",
      }),
    );
    return "decline";
  }
  if (!(await allowsFallback(context, peer, "responder"))) return "decline";
  const known = (store.show(bare(context.channel.self), bare(peer))?.devices.length ?? 0) > 0;
  const asked = Promise.resolve(policy.accept({ peer, known, protocol: "ESession", signal }));
  return (await withDeadline(asked, { timeout: timeouts.person, signal, waitingFor: `your decision on the ESession that ${peer} offers` })) || "decline";
}

/** An ESession that the peer has begun, as the session that the application gets. */
export async function answered(context: Promise<Context>, session: ESession, report: (error: unknown) => void): Promise<Session> {
  return await unwinding(async (undo) => {
    undo(() => session.abandon().catch(report));
    return new Session(await secured(await context, session));
  });
}
