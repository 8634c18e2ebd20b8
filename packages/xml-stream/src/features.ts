import { childElements, type Element, xml } from "@balcony/xml";
import { NS_STREAMS } from "./header.js";

const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";

/** `<stream:features/>` holding what is offered. */
export function writeFeatures(...offered: Element[]): Element {
  return xml("stream:features", {}, ...offered);
}

export function isFeatures(element: Element): boolean {
  return element.is("features", NS_STREAMS);
}

/**
 * The first feature that the peer demands, as all of them are unknown once TLS stands: RFC 6120 §4.3.2, `<required/>` within it.
 * SASL is ignored: who is there was settled by TLS.
 */
export function demandedFeature(features: Element): Element | undefined {
  return childElements(features).find((feature) => !feature.is("mechanisms", NS_SASL) && childElements(feature).some((child) => child.getName() === "required"));
}
