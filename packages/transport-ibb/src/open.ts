import { BalconyError, randomId, type StanzaChannel, type Unsubscribe } from "@balcony/channel";
import type { Jid } from "@balcony/xml";
import type { InBandBytestream } from "./bytestream.js";
import { type BytestreamLimits, defaultLimits } from "./limits.js";
import { registryOf } from "./registry.js";
import { type Agreement, isSid, MAX_OFFERED_BLOCK_SIZE, refusal, type StanzaKind } from "./stanzas.js";

/** What we ask for, and the limits we keep to. */
export interface BytestreamOptions extends Partial<BytestreamLimits> {
  /** Bytes in a block before base64, at most: 1–32767. Default 4096. */
  readonly blockSize?: number | undefined;
  /** What carries the blocks. Default `iq`: messages are not acknowledged one by one. */
  readonly stanza?: StanzaKind | undefined;
}

export interface OpenOptions extends BytestreamOptions {
  /** An NMTOKEN that is new between the two addresses. Default: random. */
  readonly sid?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** XEP-0047 §5: "It is RECOMMENDED to use a 'block-size' of 4096." */
const BLOCK_SIZE = 4096;
/** Below this we do not go on asking for smaller blocks. */
const SMALLEST_ASKED = 256;

/** What of `options` both sides agree on, checked. Throws `invalid-argument`. */
export function offerOf({ blockSize = BLOCK_SIZE, stanza = "iq" }: BytestreamOptions, sid: string = randomId()): Agreement {
  if (!Number.isInteger(blockSize) || blockSize < 1 || blockSize > MAX_OFFERED_BLOCK_SIZE) {
    throw new BalconyError("invalid-argument", `A block size is a whole number from 1 to ${MAX_OFFERED_BLOCK_SIZE}, not ${blockSize}.`);
  }
  if (stanza !== "iq" && stanza !== "message") throw new BalconyError("invalid-argument", `Blocks go in iq or message stanzas, not in ${String(stanza)}.`);
  if (!isSid(sid)) throw new BalconyError("invalid-argument", `"${sid}" is no NMTOKEN.`);
  return { sid, blockSize, stanza };
}

/** The one address that a narrowed channel talks to. Throws `invalid-argument`. */
export function peerOf(channel: StanzaChannel): Jid {
  if (channel.peer === undefined) throw new BalconyError("invalid-argument", "Narrow the channel to the peer first: channel.to(jid).");
  return channel.peer;
}

/**
 * Opens an in-band bytestream to the peer of `channel`, without Jingle (XEP-0047 §2.1). A peer that prefers smaller blocks gets smaller ones.
 * @param channel narrowed to a full JID
 * @throws `stanza-error` with what the peer answered, `timeout`, `aborted`, `closed`, `invalid-argument`
 */
export async function openBytestream(channel: StanzaChannel, options: OpenOptions = {}): Promise<InBandBytestream> {
  const limits = { ...defaultLimits, ...options };
  for (let offer = offerOf(options, options.sid); ; offer = { ...offer, blockSize: Math.floor(offer.blockSize / 2) }) {
    const bytestream = registryOf(channel).add(channel, peerOf(channel), { agreement: offer, opens: true, limits });
    try {
      await bytestream.open({ timeout: limits.openTimeout, signal: options.signal });
      return bytestream;
    } catch (error) {
      const prefersSmaller = error instanceof BalconyError && error.stanza?.condition === "resource-constraint";
      if (!prefersSmaller || offer.blockSize < 2 * SMALLEST_ASKED) throw error;
    }
  }
}

export interface AcceptOptions extends Partial<BytestreamLimits> {
  /** Whose `<open/>` is accepted. To everybody else nothing of ours answers, so that a stranger learns nothing. */
  readonly from: (peer: Jid) => boolean;
  /** Bytes in a block, at most: who asks for larger ones is answered `resource-constraint`. Default 32767. */
  readonly blockSize?: number | undefined;
  /** Bytestreams at once, at most; further ones are answered `not-acceptable`. Default 64. */
  readonly bytestreams?: number | undefined;
}

/**
 * Accepts in-band bytestreams without Jingle (XEP-0047 §2.1).
 * @param channel wide, or narrowed to one peer
 * @param handler gets each bytestream as it opens
 */
export function acceptBytestreams(channel: StanzaChannel, options: AcceptOptions, handler: (bytestream: InBandBytestream) => void): Unsubscribe {
  const { from, blockSize = MAX_OFFERED_BLOCK_SIZE, bytestreams = 64 } = options;
  const registry = registryOf(channel);
  const open = new Set<InBandBytestream>();
  return registry.accept({
    serves: (peer) => (channel.peer === undefined || channel.peer === peer) && from(peer),
    open: (asked, peer) => {
      if (asked.blockSize > blockSize) throw refusal("resource-constraint");
      if (open.size >= bytestreams) throw refusal("not-acceptable");
      const bytestream = registry.add(channel, peer, { agreement: asked, opens: false, limits: { ...defaultLimits, ...options } });
      bytestream.receive({ type: "open", asked })?.catch(() => undefined);
      open.add(bytestream);
      bytestream.once("close", () => open.delete(bytestream));
      queueMicrotask(() => handler(bytestream)); // nothing of ours before the answer
    },
  });
}
