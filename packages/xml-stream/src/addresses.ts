import { BalconyError } from "@balcony/channel";
import { bare, type Element, type Jid, JidError, normalize, xml } from "@balcony/xml";
import { streamError } from "./stream-error.js";

interface Pair {
  readonly self: Jid;
  readonly peer: Jid;
}

/**
 * Judges the addresses of a stanza that came in. Absent, bare or full are fine; anybody else's are not (XEP-0246 §4).
 * @returns `invalid-from`, `improper-addressing`, or undefined where nothing is wrong
 */
export function foreignAddress(stanza: Element, { self, peer }: Pair): BalconyError | undefined {
  const { from, to } = stanza.attrs;
  if (from !== undefined && !names(from, peer)) return streamError("invalid-from", `A stanza comes from ${JSON.stringify(from)}, and the peer is ${peer}.`, { peer });
  if (to !== undefined && !names(to, self)) return streamError("improper-addressing", `A stanza is for ${JSON.stringify(to)}, and we are ${self}.`, { peer });
  return undefined;
}

/**
 * The stanza as it is sent: without addresses, as the stream itself says who talks to whom. The caller's element stays as it was.
 * @throws `invalid-argument` where it names anybody but the stream's two ends
 */
export function withoutAddresses(stanza: Element, { self, peer }: Pair): Element {
  const { from, to } = stanza.attrs;
  if (from === undefined && to === undefined) return stanza;
  if (from !== undefined && !names(from, self)) throw new BalconyError("invalid-argument", `A stanza from ${from} cannot be sent on the stream of ${self}.`, { peer });
  if (to !== undefined && !names(to, peer)) throw new BalconyError("invalid-argument", `A stanza for ${to} cannot be sent on a stream to ${peer}.`, { peer });
  const bareStanza = xml(stanza.name, { ...stanza.attrs, from: undefined, to: undefined });
  // Shared, not adopted: the children keep their parent, and the parent knows nothing of this.
  bareStanza.children = stanza.children;
  bareStanza.parent = stanza.parent;
  return bareStanza;
}

function names(address: string, jid: Jid): boolean {
  if (address === jid) return true;
  let normal: Jid;
  try {
    normal = normalize(address);
  } catch (error) {
    if (error instanceof JidError) return false; // no address, so nobody's
    throw error;
  }
  return normal === jid || normal === bare(jid);
}
