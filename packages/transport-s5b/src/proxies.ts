import { BalconyError, type StanzaChannel, withDeadline } from "@balcony/channel";
import { domainOf, type Jid, JidError, normalize, xml } from "@balcony/xml";

import { isHost, portIn } from "./transport-element.js";

const NS_BYTESTREAMS = "http://jabber.org/protocol/bytestreams";
const NS_ITEMS = "http://jabber.org/protocol/disco#items";
const NS_INFO = "http://jabber.org/protocol/disco#info";
/** Components of one server that are asked what they are. */
const MOST_ITEMS = 32;
const TIMEOUT = 5_000;

/** A bytestreams proxy and where it listens. */
export interface BytestreamsProxy {
  readonly jid: Jid;
  readonly host: string;
  readonly port: number;
}

const known = new WeakMap<StanzaChannel, Promise<readonly BytestreamsProxy[]>>();

/** The proxies of our own server (XEP-0065 §4), asked once a connection; none where we talk to no server. Never rejects. */
export function ownProxies({ wide }: StanzaChannel): Promise<readonly BytestreamsProxy[]> {
  const asked = known.get(wide) ?? (wide.peer === undefined ? discover(wide) : Promise.resolve([]));
  known.set(wide, asked);
  return asked;
}

/** Joins both connections at a proxy (XEP-0065 §6.3.5). Throws what `StanzaChannel.request` throws. */
export async function activate(
  { wide }: StanzaChannel,
  proxy: Jid,
  { sid, target, signal }: { readonly sid: string; readonly target: Jid; readonly signal: AbortSignal },
): Promise<void> {
  const query = xml("query", { xmlns: NS_BYTESTREAMS, sid }, xml("activate", null, target));
  await wide.to(proxy).request(xml("iq", { type: "set" }, query), { timeout: TIMEOUT, signal });
}

async function discover(wide: StanzaChannel): Promise<readonly BytestreamsProxy[]> {
  try {
    const items = (await ask(wide, domainOf(wide.self), NS_ITEMS)).getChildren("item", NS_ITEMS).slice(0, MOST_ITEMS);
    const found = await Promise.all(items.map(async ({ attrs }) => await proxyAt(wide, attrs.jid ?? "")));
    return found.flat();
  } catch (error) {
    known.delete(wide); // another time, perhaps
    if (error instanceof BalconyError) return [];
    throw error;
  }
}

async function proxyAt(wide: StanzaChannel, jid: string): Promise<readonly BytestreamsProxy[]> {
  try {
    const info = await ask(wide, normalize(jid), NS_INFO);
    if (!info.getChildren("identity", NS_INFO).some(({ attrs }) => attrs.category === "proxy" && attrs.type === "bytestreams")) return [];
    const { attrs } = (await ask(wide, normalize(jid), NS_BYTESTREAMS)).getChild("streamhost", NS_BYTESTREAMS) ?? { attrs: {} as Record<string, string | undefined> };
    const port = portIn(attrs.port);
    if (attrs.host === undefined || !isHost(attrs.host) || !attrs.jid || port === undefined) return [];
    return [{ jid: normalize(attrs.jid), host: attrs.host, port }];
  } catch (error) {
    // A component that does not answer, will not serve us (forbidden, not-allowed), or has no address: it is no proxy of ours.
    if (error instanceof BalconyError || error instanceof JidError) return [];
    throw error;
  }
}

async function ask(wide: StanzaChannel, to: Jid, xmlns: string) {
  const request = wide.to(to).request(xml("iq", { type: "get" }, xml("query", xmlns)), { timeout: TIMEOUT });
  const answer = await withDeadline(request, { timeout: TIMEOUT, waitingFor: `${to} to answer` });
  return answer.getChild("query", xmlns) ?? xml("query", xmlns);
}
