import { type Element, isElement } from "./element.js";

/**
 * An element as text that is the same however it is written: prefixes, the order of attributes and where namespaces are declared make no difference. Each field is preceded by its
 * length, so that no two elements have the same.
 */
export function canonical(element: Element): string {
  const attributes = Object.entries(element.attrs)
    .filter(([name, value]) => value !== undefined && name !== "xmlns" && !name.startsWith("xmlns:"))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const children = merged(element).map((child) => (typeof child === "string" ? field(`"${child}`) : field(canonical(child))));
  return [field(element.getNS() ?? ""), field(element.getName()), ...attributes.flatMap(([name, value]) => [field(name), field(String(value))]), "|", ...children].join("");
}

/** Children with neighbouring pieces of text made one. */
function merged(element: Element): (Element | string)[] {
  const children: (Element | string)[] = [];
  for (const child of element.children) {
    const last = children.at(-1);
    if (isElement(child)) children.push(child);
    else if (typeof last === "string") children.splice(-1, 1, last + child);
    else if (child !== "") children.push(child);
  }
  return children;
}

const field = (text: string): string => `${text.length}:${text}`;
