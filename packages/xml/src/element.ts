import { createElement, Element as LtxElement } from "@xmpp/xml";

/** Attribute values by name; `undefined` leaves the attribute out. Prefixed names are written as they are: `xml:lang`. */
export type Attributes = Record<string, string | number | undefined>;

/** What an element can hold. */
export type Node = Element | string;

/**
 * An XML element: the type that users of @xmpp/client already know (ltx), described here without `any`.
 * Elements made by @xmpp/client's own `xml()` are accepted wherever this type is asked for.
 */
export interface Element {
  name: string;
  parent: Element | null;
  children: Node[];
  attrs: Record<string, string | undefined>;
  /** Is this an element of that local name and, where given, that namespace? */
  is(name: string, xmlns?: string): boolean;
  getName(): string;
  /** The namespace of this element, inherited where it has none of its own. */
  getNS(): string | undefined;
  getChild(name: string, xmlns?: string): Element | undefined;
  getChildren(name: string, xmlns?: string): Element[];
  getChildText(name: string, xmlns?: string): string | null;
  getChildElements(): Element[];
  getText(): string;
  text(): string;
  append(...nodes: Node[]): void;
  remove(node: Node): this;
  toString(): string;
}

type Child = Node | number | null | undefined | false | readonly Child[];

/**
 * Makes an element, as @xmpp/client's `xml()` does.
 * @param name local name, or `prefix:name`
 * @param attrs attributes, or the namespace alone
 * @param children elements and text; `null`, `undefined` and `false` are left out
 */
export function xml(name: string, attrs?: Attributes | string | null, ...children: Child[]): Element {
  // ltx deletes from the object it is given what is undefined in it: give it a copy.
  return createElement(name, typeof attrs === "string" ? attrs : { ...attrs }, ...children) as Element;
}

/** Is this an element, whichever copy of ltx made it? */
export function isElement(value: unknown): value is Element {
  if (value instanceof LtxElement) return true;
  if (typeof value !== "object" || value === null) return false;
  const candidate = value as Partial<Element>;
  return typeof candidate.name === "string" && typeof candidate.attrs === "object" && Array.isArray(candidate.children) && typeof candidate.getChild === "function";
}

/** The child elements of `element`: unlike ltx's own method also those made by another copy of ltx. */
export function childElements(element: Element): Element[] {
  return element.children.filter(isElement);
}

/** The one child element of `element`, or undefined where there is none or more than one. */
export function onlyChild(element: Element): Element | undefined {
  const children = childElements(element);
  return children.length === 1 ? children[0] : undefined;
}
