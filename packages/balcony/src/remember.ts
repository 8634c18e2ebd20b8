import { abortError } from "@balcony/channel";
import { bare } from "@balcony/xml";
import type { Compared } from "./compare-signalling.js";
import type { Context } from "./context.js";
import { inPhase } from "./progress.js";
import type { SessionParts } from "./session.js";
import { tlsBinding } from "./verification/binding.js";

/** Pins the key, now that policy and both addresses are settled, and says what the session's security is. */
export async function remember(context: Context, previous: Compared): Promise<SessionParts> {
  const { altered, decision, jingle, path, peer, self, signalling, stream, tls } = previous;
  const { ceremonies, identity, onProgress, report, signal, store } = context;
  return await inPhase("store", { text: `remembering the key of ${bare(peer)}`, peer, onProgress }, async () => {
    if (signal.aborted) throw abortError(signal, `the key of ${bare(peer)} to be remembered`);
    const { verified } = await store.accepted(bare(self), bare(peer), { spki: tls.peerCertificate.spki, decision, streamed: true });
    return {
      stream,
      jingle,
      report,
      verification: { binding: tlsBinding(tls, { role: jingle.role, self: bare(self), peer: bare(peer) }), store, ceremonies },
      introductions: { store, identity, peerKey: tls.peerCertificate.spki },
      security: {
        protocol: tls.protocol,
        cipher: tls.cipher,
        path,
        transport: jingle.transport,
        trust: decision.trust,
        ...(decision.trust === "verified" && verified && { verified }),
        firstUse: decision.firstUse,
        alerts: [...decision.alerts, ...(altered.length > 0 ? [{ kind: "path-altered", what: altered } as const] : [])],
        signalling,
        own: { fingerprint: tls.ownCertificate.spki, certificate: tls.ownCertificate.fingerprint },
        peer: { fingerprint: tls.peerCertificate.spki, certificate: tls.peerCertificate.fingerprint },
      },
    };
  });
}
