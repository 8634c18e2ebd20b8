import type { StanzaChannel, WaitOptions } from "@balcony/channel";
import { type Jid, xml } from "@balcony/xml";
import { info } from "./disco.js";
import type { PeerResource } from "./findings.js";

const NS_XMLSTREAM = "urn:xmpp:jingle:apps:xmlstream:0";
const NS_XTLS = "urn:xmpp:jingle:security:xtls:0";
const NS_PING = "urn:xmpp:ping";

/** Transports by the names that they have in Balcony. */
const transports: Readonly<Record<string, string>> = {
  s5b: "urn:xmpp:jingle:transports:s5b:1",
  "ice-tcp": "urn:xmpp:jingle:transports:ice:0",
  webrtc: "urn:xmpp:jingle:transports:webrtc-datachannel:0",
  ibb: "urn:xmpp:jingle:transports:ibb:1",
};

/** What one device of the peer's supports, by its own word. Throws what `StanzaChannel.request` throws. */
export async function peerResource(wide: StanzaChannel, address: Jid, wait: WaitOptions): Promise<PeerResource> {
  const { features } = await info(wide, address, wait);
  const names = Object.entries(transports).flatMap(([name, namespace]) => (features.has(namespace) ? [name] : []));
  return { address, streams: features.has(NS_XMLSTREAM), transports: names, xtls: features.has(NS_XTLS) };
}

/** ms for a question to an address and its answer, whatever it says. */
export async function roundTrip(wide: StanzaChannel, to: Jid, wait: WaitOptions): Promise<{ readonly ms: number }> {
  const began = performance.now();
  await wide.to(to).request(xml("iq", { type: "get" }, xml("ping", NS_PING)), wait);
  return { ms: Math.round(performance.now() - began) };
}
