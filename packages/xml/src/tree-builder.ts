import type { Limits } from "./limits.js";
import { checkNamespaces, NamespaceFault } from "./namespaces.js";
import { ParsedAttributes, ParsedElement } from "./parsed-element.js";
import { Saxes, type SaxesTag } from "./saxes.js";
import { byteLengthExceeds } from "./utf8.js";
import { XmlError } from "./xml-error.js";

/** What a TreeBuilder tells, in the order of the text. `position` stands behind the tag that is told of. */
export interface TreeEvents {
  declaration(): void;
  /** The root was opened; where it is `empty`, its end follows at the same position. Not told where `level` is 0. */
  open(root: ParsedElement, empty: boolean): void;
  /** An element of the wanted level is complete. Where `level` is 1 its parent is the root, which does not list it as a child. */
  element(element: ParsedElement, inherited: ReadonlySet<string>): void;
  /** The root was closed. Not told where `level` is 0. */
  close(): void;
}

interface Declaration {
  readonly encoding?: string | undefined;
}

/** Makes Elements of text, and refuses what RFC 6120 §11 forbids and what is deeper, more or longer than the limits. */
export class TreeBuilder extends Saxes {
  readonly #events: TreeEvents;
  readonly #limits: Limits;
  readonly #level: 0 | 1;
  #root: ParsedElement | null = null;
  #cursor: ParsedElement | null = null;
  #depth = 0;
  /** Child elements so far of each open element. */
  readonly #children: number[] = [];
  #attrs = new ParsedAttributes();
  #attributes = 0;
  #namespaced = false;
  /** The root's namespace declarations that the element being read makes use of, by attribute name. */
  readonly #inherited = new Set<string>();

  /** @param level 1 to be given the root's children one by one, 0 to be given the root */
  constructor(events: TreeEvents, limits: Limits, level: 0 | 1) {
    // XML 1.0 (5th edition) §2.8: a 1.0 processor reads documents labelled 1.x, as 1.0.
    super({ position: false, forceXMLVersion: true, defaultXMLVersion: "1.0" });
    this.#events = events;
    this.#limits = limits;
    this.#level = level;
  }

  xmldeclHandler = ({ encoding }: Declaration): void => {
    if (encoding !== undefined && encoding.toUpperCase() !== "UTF-8") throw new XmlError("unsupported-encoding", `encoding ${encoding}`);
    this.#events.declaration();
  };

  attributeHandler = ({ name, value }: { readonly name: string; readonly value: string }): void => {
    if (++this.#attributes > this.#limits.attributes) throw new XmlError("policy-violation", `more than ${this.#limits.attributes} attributes`);
    if (byteLengthExceeds(value, this.#limits.attributeBytes)) throw new XmlError("policy-violation", `attribute ${name} is longer than ${this.#limits.attributeBytes} bytes`);
    if (name === "xmlns" || name.includes(":")) this.#namespaced = true;
    this.#attrs[name] = value;
  };

  openTagHandler = ({ name, isSelfClosing }: SaxesTag): void => {
    const element = new ParsedElement(name, this.#attrs);
    const parent = this.#cursor;
    this.#place(element, parent);
    if (this.#namespaced || name.includes(":")) this.#checkNamespaces(element);
    this.#attrs = new ParsedAttributes();
    this.#attributes = 0;
    this.#namespaced = false;
    this.#cursor = element;
    if (parent === null && this.#level === 1) this.#events.open(element, isSelfClosing);
  };

  closeTagHandler = (): void => {
    const element = this.#cursor;
    if (element === null) throw new Error("saxes closed a tag that it had not opened");
    this.#cursor = element.parent as ParsedElement | null;
    this.#depth--;
    if (this.#depth === this.#level) this.#events.element(element, this.#inherited);
    else if (this.#depth === 0) this.#events.close();
  };

  textHandler = (text: string): void => {
    const cursor = this.#cursor;
    if (cursor === null || this.#depth <= this.#level) return; // white space: whoever feeds us lets nothing else stand there
    const { children } = cursor;
    const last = children.at(-1);
    if (typeof last === "string") children[children.length - 1] = last + text;
    else children.push(text);
  };

  cdataHandler = (text: string): void => {
    if (this.#depth <= this.#level) throw new XmlError("bad-format", "text directly under the root");
    if (text !== "") this.textHandler(text);
  };

  override fail(message: string): this {
    // RFC 6120 §11.1: only the five predefined entities may be referred to.
    throw new XmlError(message === "undefined entity." ? "restricted-xml" : "not-well-formed", message);
  }

  // saxes takes the elements that a wrong end tag leaves open for complete, and only then finds fault.
  override closeTag(): void {
    if (this.name !== this.#cursor?.name) throw new XmlError("not-well-formed", `</${this.name}> closes nothing that is open`);
    super.closeTag();
  }

  override sOpenWakaBang(): void {
    super.sOpenWakaBang();
    const first = this.openWakaBang[0];
    if (first === "-" || first === "D") throw new XmlError("restricted-xml", first === "-" ? "a comment" : "a document type declaration");
    if (first !== undefined && first !== "[") this.fail("incorrect syntax.");
  }

  override sPIBody(): void {
    throw new XmlError("restricted-xml", "a processing instruction");
  }

  override sPIEnding(): void {
    throw new XmlError("restricted-xml", "a processing instruction");
  }

  #place(element: ParsedElement, parent: ParsedElement | null): void {
    const depth = ++this.#depth;
    if (depth - this.#level > this.#limits.depth) throw new XmlError("policy-violation", `nested deeper than ${this.#limits.depth}`);
    this.#children[depth] = 0;
    if (parent === null) {
      this.#root = element;
      return;
    }
    element.parent = parent;
    if (depth - this.#level === 1) {
      this.#inherited.clear();
      return;
    }
    const siblings = (this.#children[depth - 1] ?? 0) + 1;
    if (siblings > this.#limits.children) throw new XmlError("policy-violation", `more than ${this.#limits.children} child elements`);
    this.#children[depth - 1] = siblings;
    parent.children.push(element);
  }

  // RFC 6120 §11.3: what is not namespace-well-formed is not well-formed, an undeclared prefix included.
  // bad-namespace-prefix (§4.9.3.2) is for a declared prefix where none or another must be, which is the stream's to judge.
  #checkNamespaces(element: ParsedElement): void {
    try {
      checkNamespaces(element, (prefix) => this.#resolve(prefix, element));
    } catch (error) {
      throw error instanceof NamespaceFault ? new XmlError("not-well-formed", error.message) : error;
    }
  }

  #resolve(prefix: string, from: ParsedElement): string | undefined {
    const attribute = `xmlns:${prefix}`;
    for (let element: ParsedElement | null = from; element !== null; element = element.parent as ParsedElement | null) {
      const uri = element.attrs[attribute];
      if (uri === undefined) continue;
      if (this.#level === 1 && element === this.#root) this.#inherited.add(attribute);
      return uri;
    }
    return undefined;
  }
}
