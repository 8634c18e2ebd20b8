import { Element as LtxElement } from "@xmpp/xml";
import type { Element } from "./element.js";

export const NS_XML = "http://www.w3.org/XML/1998/namespace";

/** Attributes read from outside: no name in them is found in a prototype, and `__proto__` is a name like any other. */
export interface ParsedAttributes {
  [name: string]: string | undefined;
}
// An empty prototype of its own instead of Object.create(null), which would keep every such object in V8's slow mode.
export const ParsedAttributes = function ParsedAttributes() {} as unknown as new () => ParsedAttributes;
ParsedAttributes.prototype = Object.create(null);

/** An ltx Element whose attribute names are a stranger's. */
export class ParsedElement extends LtxElement {
  constructor(name: string, attrs: ParsedAttributes) {
    super(name);
    this.attrs = attrs;
  }

  // ltx takes xmlns="" for no declaration at all, and lets an element out of every namespace pass as one of its parent's.
  override findNS(prefix?: string): string | undefined {
    if (prefix === "xml") return NS_XML;
    const declared = this.attrs[prefix ? `xmlns:${prefix}` : "xmlns"];
    return declared ?? this.parent?.findNS(prefix);
  }

  // ltx calls attrs.hasOwnProperty, which a stranger can name an attribute after.
  override getXmlns(): Record<string, string> {
    const prefixes: Record<string, string> = this.parent?.getXmlns() ?? Object.create(null);
    for (const [name, value] of Object.entries(this.attrs)) {
      if (value === undefined) continue;
      if (name === "xmlns") prefixes[value] = "";
      else if (name.startsWith("xmlns:")) prefixes[value] = name.slice(6);
    }
    return prefixes;
  }
}

/** The same element, as those outside this package know it. */
export function toElement(element: ParsedElement): Element {
  return element as unknown as Element;
}
