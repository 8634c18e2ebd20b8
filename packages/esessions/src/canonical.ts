import { childElements, type Element, isElement } from "@balcony/xml";
import type { Compatibility } from "./compatibility.js";

/** Fields that are made from the canonical form and therefore cannot be in it. */
const LATER = new Set(["identity", "mac", "signs"]);

/**
 * XEP-0116, "XML Normalization": the children of a form as both sides hash them, in the order and with the attributes in which they were sent.
 * The text's "replace all single quotes … with double quotes" contradicts its own "single quotation marks": double, as everybody has it.
 */
export function canonicalForm(form: Element, compatibility: Compatibility): string {
  return childElements(form)
    .filter((child) => child.getName() !== "field" || !LATER.has(child.attrs.var ?? ""))
    .map((child) => canonical(child, compatibility))
    .join("");
}

/** One element without namespaces, its attributes sorted, no character data beside child elements. */
export function canonical(element: Element, compatibility: Compatibility): string {
  const name = element.getName();
  const attributes = Object.entries(element.attrs)
    .filter(([attribute, value]) => value !== undefined && attribute !== "xmlns" && !attribute.startsWith("xmlns:"))
    .map(([attribute, value]) => [attribute.slice(attribute.indexOf(":") + 1), value ?? ""] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([attribute, value]) => ` ${attribute}="${escapeValue(value)}"`)
    .join("");
  const children = childElements(element);
  const content =
    children.length > 0
      ? children.map((child) => canonical(child, compatibility)).join("")
      : element.children
          .filter((child) => !isElement(child))
          .map((text) => escapeText(String(text)))
          .join("");
  if (content === "" && compatibility.emptyElement === "space-slash") return `<${name}${attributes} />`;
  return `<${name}${attributes}>${content}</${name}>`;
}

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;" };
const escaped = (character: string): string => escapes[character] ?? character;
const escapeText = (text: string): string => text.replace(/[&<>\r]/g, escaped);
const escapeValue = (value: string): string => value.replace(/[&<"\t\n\r]/g, escaped);
