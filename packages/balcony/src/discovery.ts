import { createHash } from "node:crypto";
import { BalconyError, type StanzaChannel, type WaitOptions } from "@balcony/channel";
import { childElements, type Element, type Jid, xml } from "@balcony/xml";

export const NS_DISCO_INFO = "http://jabber.org/protocol/disco#info";
const NS_CAPS = "http://jabber.org/protocol/caps";
const CAPS_NODE = "urn:xmpp:balcony";

interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name: string;
}

const ownIdentity: Identity = { category: "client", type: "pc", name: "Balcony" };

/**
 * What others learn of us by disco#info (XEP-0030) and capabilities (XEP-0115). The application goes on answering by its own handler, if it has one:
 * our features are put into its answer on its way out, so the two never race; where it has none, the answer is ours alone.
 */
export class Advertisement {
  /** Ours; the application's own come on top. */
  readonly features: readonly string[];
  /** Requests on their way to the application's handler: sender and id. */
  readonly #asked = new Set<string>();
  #application: { readonly identities: readonly Identity[]; readonly features: readonly string[] } | undefined;

  constructor(features: readonly string[]) {
    this.features = [...new Set([...features, NS_DISCO_INFO, NS_CAPS])];
  }

  /** Notes a disco#info request that comes in and is for us, so that its answer is known on its way out. */
  received(stanza: Element, from: Jid): void {
    if (stanza.name !== "iq" || stanza.attrs.type !== "get") return;
    const query = stanza.getChild("query", NS_DISCO_INFO);
    if (!query) return;
    const { node } = query.attrs;
    if (node === undefined || node === `${CAPS_NODE}#${this.ver}`) this.#asked.add(key(from, stanza.attrs.id));
  }

  /** Puts our features into a disco#info answer, and our capabilities into available presence. */
  outgoing(stanza: Element): Element {
    if (stanza.name === "presence") return this.#withCapabilities(stanza);
    if (stanza.name !== "iq" || !this.#asked.delete(key(stanza.attrs.to ?? "", stanza.attrs.id))) return stanza;
    return this.#merged(stanza);
  }

  /** The verification string of XEP-0115 §5.1. */
  get ver(): string {
    const identities = (this.#application?.identities ?? [ownIdentity]).map(({ category, type, name }) => `${category}/${type}//${name}<`).sort();
    const features = [...new Set([...this.features, ...(this.#application?.features ?? [])])].sort().map((feature) => `${feature}<`);
    return createHash("sha1")
      .update([...identities, ...features].join(""))
      .digest("base64");
  }

  #merged(answer: Element): Element {
    const theirs = answer.attrs.type === "result" ? answer.getChild("query", NS_DISCO_INFO) : undefined;
    if (theirs) this.#application = readInfo(theirs);
    const node = (theirs ?? answer.getChild("query", NS_DISCO_INFO))?.attrs.node;
    const { identities, features } = this.#application ?? { identities: [ownIdentity], features: [] };
    const query = xml(
      "query",
      { xmlns: NS_DISCO_INFO, node },
      identities.map(({ category, type, name }) => xml("identity", { category, type, name })),
      [...new Set([...features, ...this.features])].map((feature) => xml("feature", { var: feature })),
      theirs ? childElements(theirs).filter((child) => child.getNS() !== NS_DISCO_INFO) : [],
    );
    return xml("iq", { type: "result", id: answer.attrs.id, to: answer.attrs.to }, query);
  }

  #withCapabilities(presence: Element): Element {
    if (presence.attrs.type !== undefined || presence.getChild("c", NS_CAPS)) return presence;
    presence.append(xml("c", { xmlns: NS_CAPS, hash: "sha-1", node: CAPS_NODE, ver: this.ver }));
    return presence;
  }
}

const key = (address: string, id: string | undefined): string => `${address}\n${id ?? ""}`;

function readInfo(query: Element): { identities: Identity[]; features: string[] } {
  const children = childElements(query).filter((child) => child.getNS() === NS_DISCO_INFO);
  return {
    identities: children.filter((child) => child.getName() === "identity").map(({ attrs }) => ({ category: attrs.category ?? "", type: attrs.type ?? "", name: attrs.name ?? "" })),
    features: children.filter((child) => child.getName() === "feature").flatMap(({ attrs }) => attrs.var ?? []),
  };
}

/**
 * Asks an address what it supports (XEP-0030 §3), directly: no cache decides anything.
 * @param channel narrowed to the address
 * @throws `peer-unavailable`, `timeout`, `aborted`, `closed`
 */
export async function askFeatures(channel: StanzaChannel, options: WaitOptions): Promise<ReadonlySet<string>> {
  try {
    const result = await channel.request(xml("iq", { type: "get" }, xml("query", NS_DISCO_INFO)), options);
    const query = result.getChild("query", NS_DISCO_INFO);
    return new Set(query ? readInfo(query).features : []);
  } catch (error) {
    if (!(error instanceof BalconyError) || error.code !== "stanza-error") throw error;
    throw new BalconyError("peer-unavailable", `${channel.peer} answered ${error.condition}.`, {
      cause: error,
      peer: channel.peer,
      condition: error.condition,
      hint: "They are offline, have blocked you, or do not show strangers that they are there: be in each other's contacts, or let them allow your address.",
    });
  }
}
