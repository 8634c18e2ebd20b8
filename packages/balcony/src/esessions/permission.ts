import { BalconyError, withDeadline } from "@balcony/channel";
import { bare, type Jid } from "@balcony/xml";
import type { Context } from "../context.js";

/** What a client says in disco#info that has ESessions (XEP-0116 §3). */
export const NS_ESESSIONS = "http://www.xmpp.org/extensions/xep-0116.html#ns";

/** What carries encrypted content, in requests, too, where those were agreed on (XEP-0200 §4). */
export const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";

/**
 * What is advertised where policy allows a fallback. A peer whose capabilities lack roster item exchange is taken by clients in use for one with an older form of normalisation
 * (docs/esessions.md).
 */
export const esessionFeatures: readonly string[] = [NS_ESESSIONS, NS_ENCRYPTED, "urn:xmpp:ssn", "http://jabber.org/protocol/feature-neg", "http://jabber.org/protocol/rosterx"];

/** Once a bare address has had streams it is held to them: losing them is what a man in the middle would stage. */
export function hasStreamed({ channel, store }: Pick<Context, "channel" | "store">, peer: Jid): boolean {
  return store.show(bare(channel.self), bare(peer))?.everStreamed ?? false;
}

/** Does policy allow less than a stream with this peer? It may ask the person. */
export async function allowsFallback({ policy, signal, timeouts }: Context, peer: Jid, role: "initiator" | "responder"): Promise<boolean> {
  if (policy.fallback === "never") return false;
  const asked = Promise.resolve(policy.fallback({ peer, role, signal }));
  return await withDeadline(asked, { timeout: timeouts.person, signal, waitingFor: `your decision on an ESession with ${peer}` });
}

export function refused(peer: Jid, why: string): BalconyError {
  return new BalconyError("unsupported-peer", `The client at ${peer} knows no end-to-end streams, only ESessions, and ${why}.`, {
    peer,
    hint: "Ask them to use a client that has end-to-end streams. docs/esessions.md says what ESessions are, and what is missing from them.",
  });
}
