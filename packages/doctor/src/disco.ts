import type { StanzaChannel, WaitOptions } from "@balcony/channel";
import { domainOf, type Element, type Jid, JidError, normalize, xml } from "@balcony/xml";
import type { ServerFeatures } from "./findings.js";

const NS_INFO = "http://jabber.org/protocol/disco#info";
const NS_ITEMS = "http://jabber.org/protocol/disco#items";
/** Components of one server that are asked what they are. */
const MOST_ITEMS = 32;

/** What streams are the better for, by where it is specified. */
const useful: Readonly<Record<string, string>> = {
  "XEP-0215 (STUN, TURN)": "urn:xmpp:extdisco:2",
  "XEP-0191 (blocking)": "urn:xmpp:blocking",
  "XEP-0280 (carbons)": "urn:xmpp:carbons:2",
  "XEP-0313 (archive)": "urn:xmpp:mam:2",
};

export interface Info {
  readonly identities: readonly { readonly category: string; readonly type: string; readonly name: string | undefined }[];
  readonly features: ReadonlySet<string>;
}

/** Asks an address what it is (XEP-0030 §3). Throws what `StanzaChannel.request` throws. */
export async function info(wide: StanzaChannel, to: Jid, wait: WaitOptions): Promise<Info> {
  const query = await ask(wide, to, NS_INFO, wait);
  return {
    identities: query.getChildren("identity", NS_INFO).map(({ attrs }) => ({ category: attrs.category ?? "", type: attrs.type ?? "", name: attrs.name })),
    features: new Set(query.getChildren("feature", NS_INFO).flatMap(({ attrs }) => attrs.var ?? [])),
  };
}

/** The components that a server says it has; what is no address is left out. */
export async function items(wide: StanzaChannel, wait: WaitOptions): Promise<readonly Jid[]> {
  const query = await ask(wide, domainOf(wide.self), NS_ITEMS, wait);
  return query
    .getChildren("item", NS_ITEMS)
    .slice(0, MOST_ITEMS)
    .flatMap(({ attrs }) => {
      try {
        return [normalize(attrs.jid ?? "")];
      } catch (error) {
        if (error instanceof JidError) return [];
        throw error;
      }
    });
}

export async function serverFeatures(wide: StanzaChannel, wait: WaitOptions): Promise<ServerFeatures> {
  const { identities, features } = await info(wide, domainOf(wide.self), wait);
  return {
    name: identities.find(({ category }) => category === "server")?.name?.slice(0, 64),
    count: features.size,
    useful: Object.fromEntries(Object.entries(useful).map(([name, namespace]) => [name, features.has(namespace)])),
  };
}

export async function ask(wide: StanzaChannel, to: Jid, xmlns: string, wait: WaitOptions): Promise<Element> {
  const answer = await wide.to(to).request(xml("iq", { type: "get" }, xml("query", xmlns)), wait);
  return answer.getChild("query", xmlns) ?? xml("query", xmlns);
}
