import { childElements, type Element } from "@balcony/xml";

const NS_C2CTLS = "urn:xmpp:tmp:c2ctls";

/** A way to authenticate in TLS that an offer can list (XEP-0250 §2). Ours is x509. */
export type TlsMethod = "x509" | "srp";

/** The XEP-0250 `<offer/>` within `<starttls/>` or `<proceed/>`. */
export function findOffer(parent: Element): Element | undefined {
  return childElements(parent).find((child) => child.is("offer", NS_C2CTLS));
}

/**
 * The methods that an offer lists. Unknown ones are ignored, as XEP-0250 §2 demands; how its elements are qualified is not looked at,
 * since deployed offers repeat or leave out namespaces.
 */
export function methodsOf(offer: Element): ReadonlySet<TlsMethod> {
  const methods = new Set<TlsMethod>();
  for (const child of childElements(offer)) {
    // <keyinfo/> names a key; <insecure/> says that a certificate will do though it cannot be verified yet (XEP-0250 §3.2).
    const name = child.getName() === "method" ? child.attrs.name : child.getName();
    if (name === "keyinfo" || name === "insecure" || name === "x509") methods.add("x509");
    else if (name === "srp") methods.add("srp");
  }
  return methods;
}

/** Is there a method that both sides have? Without an offer the peer knows nothing of offers, and TLS goes on as RFC 6120 has it (XEP-0250 §3.3). */
export function hasCommonMethod(offer: Element | undefined): boolean {
  return offer === undefined || methodsOf(offer).has("x509");
}
