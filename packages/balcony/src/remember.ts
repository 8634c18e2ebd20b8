import { abortError } from "@balcony/channel";
import { decide } from "@balcony/trust";
import { bare } from "@balcony/xml";
import { blocked, describe } from "./blocked-key.js";
import type { Context } from "./context.js";
import { inPhase } from "./progress.js";
import type { SessionParts } from "./session.js";
import type { Settled } from "./settle-logging.js";
import { tlsBinding } from "./verification/binding.js";
import type { RestrictionParts } from "./verification/restriction.js";

/** Pins the key, now that policy and both addresses are settled, and says what the session's security is. */
export async function remember(context: Context, previous: Settled): Promise<SessionParts> {
  const { altered, attestationFailure, decision, jingle, logging, openPgpFailure, path, peer, peerRestricts, self, signalling, stream, tls } = previous;
  const { ceremonies, identity, onProgress, report, signal, store } = context;
  return await inPhase("store", { text: `remembering the key of ${bare(peer)}`, peer, onProgress }, async () => {
    if (signal.aborted) throw abortError(signal, `the key of ${bare(peer)} to be remembered`);
    const { spki } = tls.peerCertificate;
    const pinned = decision.action === "accept" ? await store.accepted(bare(self), bare(peer), { spki, decision, streamed: true }) : undefined;
    if (stream.closed.aborted) throw stream.closed.reason; // while the disk was written; from here on whoever gets the session hears of it
    const trust = decision.action === "accept" ? decision.trust : "unverified";
    const restriction: RestrictionParts = { ours: !pinned, theirs: peerRestricts, accept: async () => await acceptVerified(context, previous) };
    return {
      ...((restriction.ours || restriction.theirs) && { restriction }),
      stream,
      logging,
      jingle,
      report,
      verification: { binding: tlsBinding(tls, { role: jingle.role, self: bare(self), peer: bare(peer) }), store, ceremonies },
      introductions: { store, identity, peerKey: spki },
      security: {
        protocol: tls.protocol,
        cipher: tls.cipher,
        path,
        transport: jingle.transport,
        trust,
        ...(trust === "verified" && pinned?.verified && { verified: pinned.verified }),
        ...(pinned?.label !== undefined && { petname: pinned.label }),
        firstUse: decision.action === "accept" && decision.firstUse,
        alerts: [
          ...decision.alerts,
          ...(attestationFailure && trust === "unverified" ? [{ kind: "certificate", code: attestationFailure.code, why: attestationFailure.message } as const] : []),
          ...(openPgpFailure && trust === "unverified" ? [{ kind: "openpgp", code: openPgpFailure.code, why: openPgpFailure.message } as const] : []),
          ...(altered.length > 0 ? [{ kind: "path-altered", what: altered } as const] : []),
        ],
        signalling,
        own: { fingerprint: tls.ownCertificate.spki, certificate: tls.ownCertificate.fingerprint },
        peer: { fingerprint: tls.peerCertificate.spki, certificate: tls.peerCertificate.fingerprint },
      },
    };
  });
}

/** The key that was blocked is verified by now, by the two people: it is accepted as any other would be, and pinned. */
async function acceptVerified({ policy, store }: Context, { peer, self, tls }: Settled): Promise<void> {
  const { spki } = tls.peerCertificate;
  const { record, otherOwners } = store.view(bare(self), bare(peer));
  const decision = decide({ record, spki, otherOwners: otherOwners(spki), policy });
  if (decision.action === "block") throw blocked(decision.code, bare(peer), { shown: spki, known: (record?.devices ?? []).map(describe) });
  await store.accepted(bare(self), bare(peer), { spki, decision, streamed: true });
}
