import { BalconyError, withDeadline } from "@balcony/channel";
import type { Context } from "./context.js";
import { mayBeSettledByOpenPgp } from "./openpgp-statement.js";
import { inPhase } from "./progress.js";
import type { Secured } from "./start-tls.js";

/** The key was accepted: by what is known of it, and by the person where policy asks one. */
export interface Trusted extends Secured {
  readonly trusted: true;
}

/** A key never seen before is shown to policy, which may ask the person. The responder has sent nothing under TLS yet. Where the peer's OpenPGP key may have a say, it is asked for once that is heard. */
export async function decideTrust(context: Context, previous: Secured): Promise<Trusted> {
  const { peer } = previous;
  return await inPhase("trust", { text: `deciding on the key of ${peer}`, peer, onProgress: context.onProgress }, async () => {
    if (!mayBeSettledByOpenPgp(context, previous)) await askFirstUse(context, previous);
    return { ...previous, trusted: true };
  });
}

/** Throws `not-trusted`. */
export async function askFirstUse({ policy, signal, timeouts }: Context, { decision, peer, tls }: Pick<Secured, "decision" | "peer" | "tls">): Promise<void> {
  if (decision.action !== "accept" || !decision.firstUse) return;
  const asked = Promise.resolve(policy.firstUse({ peer, fingerprint: tls.peerCertificate.spki, certificate: tls.peerCertificate, decision, signal }));
  const yes = await withDeadline(asked, { timeout: timeouts.person, signal, waitingFor: "your decision on a key that was never seen before" });
  if (!yes) throw new BalconyError("not-trusted", `The key of ${peer} was not accepted.`);
}
