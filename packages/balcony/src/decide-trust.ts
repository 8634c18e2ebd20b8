import { BalconyError, withDeadline } from "@balcony/channel";
import type { Context } from "./context.js";
import { inPhase } from "./progress.js";
import type { Secured } from "./start-tls.js";

/** The key was accepted: by what is known of it, and by the person where policy asks one. */
export interface Trusted extends Secured {
  readonly trusted: true;
}

/** A key never seen before is shown to policy, which may ask the person. The responder has sent nothing under TLS yet. */
export async function decideTrust(context: Context, previous: Secured): Promise<Trusted> {
  const { decision, peer, tls } = previous;
  const { onProgress, policy, signal, timeouts } = context;
  return await inPhase("trust", { text: `deciding on the key of ${peer}`, peer, onProgress }, async () => {
    if (decision.action === "accept" && decision.firstUse) {
      const asked = Promise.resolve(policy.firstUse({ peer, fingerprint: tls.peerCertificate.spki, certificate: tls.peerCertificate, decision, signal }));
      const yes = await withDeadline(asked, { timeout: timeouts.person, signal, waitingFor: "your decision on a key that was never seen before" });
      if (!yes) throw new BalconyError("not-trusted", `The key of ${peer} was not accepted.`);
    }
    return { ...previous, trusted: true };
  });
}
