import { stanzaError } from "@balcony/channel";
import { childElements, type Element, xml } from "@balcony/xml";

/** XEP-0247: the Jingle application whose content is an XML stream. */
export const NS_XMLSTREAM = "urn:xmpp:jingle:apps:xmlstream:0";

export const xmlStreamApplication = {
  namespace: NS_XMLSTREAM,
  /** The description is empty (XEP-0247 §8). Throws `bad-request` for one that is not. */
  check(description: Element): void {
    if (childElements(description).some((child) => child.getNS() === NS_XMLSTREAM)) throw stanzaError("bad-request", { text: "the xmlstream description is empty" });
  },
} as const;

export function xmlStreamDescription(): Element {
  return xml("description", NS_XMLSTREAM);
}
