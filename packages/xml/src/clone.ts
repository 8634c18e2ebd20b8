import { type Element, isElement } from "./element.js";
import { ParsedAttributes, ParsedElement, toElement } from "./parsed-element.js";

/** A copy of `element` and of all that is in it, without parent. What namespace it inherited from its parent is declared on the copy. */
export function clone(element: Element): Element {
  const xmlns = element.attrs.xmlns === undefined && !element.name.includes(":") ? element.getNS() : undefined;
  const copy = copyOf(element);
  if (xmlns !== undefined) copy.attrs.xmlns = xmlns;
  return copy;
}

function copyOf(element: Element): Element {
  const attrs = new ParsedAttributes();
  for (const [name, value] of Object.entries(element.attrs)) if (value !== undefined && value !== null) attrs[name] = value;
  const copy = toElement(new ParsedElement(element.name, attrs));
  for (const child of element.children) copy.append(isElement(child) ? copyOf(child) : child);
  return copy;
}
