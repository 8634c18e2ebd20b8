import { show } from "./code-points.js";
import { type Element, isElement } from "./element.js";
import { checkNamespaces, isReserved, NamespaceFault, type Resolve } from "./namespaces.js";
import { XmlError } from "./xml-error.js";

/** Where the text goes. */
export interface SerializeOptions {
  /** The default namespace there, which an element in it then does not repeat. */
  readonly parentNamespace?: string;
  /** Prefixes that are declared there: `stream`, in a stream. */
  readonly parentPrefixes?: readonly string[];
}

type Attributes = Readonly<Record<string, unknown>>;

/** The attributes of an element being written and of those around it, for what its prefixes mean. */
interface Scope {
  readonly attrs: Attributes;
  readonly outer: Scope | undefined;
}

// XML 1.0 §2.3, and Namespaces in XML 1.0 §4
const start =
  "A-Z_a-z\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u02ff\\u0370-\\u037d\\u037f-\\u1fff\\u200c\\u200d\\u2070-\\u218f\\u2c00-\\u2fef\\u3001-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\ufffd\\u{10000}-\\u{effff}";
const ncName = `[${start}][${start}\\-.0-9\\u00b7\\u0300-\\u036f\\u203f\\u2040]*`;
const qName = new RegExp(`^(?:${ncName}:)?${ncName}$`, "u");
const plainName = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

// XML 1.0 §2.2
const notCharacter = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
// What cannot go as it is, or (a pair of surrogates) may not: most texts hold none of it and need no second look.
const notPlainText = /[^\t\n\x20-%'-;=?-\ud7ff\ue000-\ufffd]/;
const notPlainValue = /[^\x20!#-%'-;=?-\ud7ff\ue000-\ufffd]/;
// A line feed or tab in an attribute would be read as a space, a carriage return anywhere as a line feed, if they went as they are.
const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#x9;", "\n": "&#xA;", "\r": "&#xD;" };
const escaped = (character: string): string => escapes[character] ?? character;

// Far more than any stream takes; an element that is its own descendant gets here.
const DEEPEST = 1000;

const invalid = (message: string) => new XmlError("invalid-xml", message);

/**
 * An element as text that reads back as the same element, whatever names and texts it was made with.
 * What it inherits of namespaces from its parents is declared on it, unless `options` say that it holds where the text goes.
 * Throws XmlError (`invalid-xml`) where XML cannot carry it: U+0000 and other forbidden characters, half a surrogate pair, names that are none, prefixes nobody declared.
 */
export function serialize(element: Element, options: SerializeOptions = {}): string {
  const around = declarationsAround(element);
  const xmlns = element.attrs.xmlns ?? around?.xmlns;
  const written = xmlns === options.parentNamespace ? undefined : xmlns;
  // Most stanzas say nothing of namespaces: no copy for them.
  const attrs: Attributes = written === element.attrs.xmlns ? element.attrs : { ...element.attrs, xmlns: written };
  let inherited: Map<string, string> | undefined;
  const outside: Resolve = (prefix) => {
    const uri = around?.[`xmlns:${prefix}`];
    if (uri !== undefined) {
      inherited ??= new Map();
      inherited.set(`xmlns:${prefix}`, uri);
    }
    return uri ?? (options.parentPrefixes?.includes(prefix) ? `whatever ${prefix} is where the text goes` : undefined);
  };
  const scope: Scope = { attrs, outer: undefined };
  const opening = tag(element.name, scope, outside);
  const rest = content(element, scope, outside, 1);
  const declarations = inherited ? Array.from(inherited, ([name, uri]) => ` ${name}="${escapeValue(uri)}"`).join("") : "";
  return `${opening}${declarations}${rest}`;
}

/** The end of an element's start tag, what is in the element, and its end tag. */
function content(element: Element, scope: Scope, outside: Resolve, depth: number): string {
  if (depth > DEEPEST) throw invalid(`nested deeper than ${DEEPEST}`);
  if (element.children.length === 0) return "/>";
  let text = ">";
  for (const child of element.children as readonly unknown[]) {
    if (typeof child === "string") text += escapeText(child);
    else if (isElement(child)) {
      const inner: Scope = { attrs: child.attrs, outer: scope };
      text += tag(child.name, inner, outside) + content(child, inner, outside, depth + 1);
    } else if (child !== null && child !== undefined) text += escapeText(asText(child));
  }
  return `${text}</${element.name}>`;
}

/** A start tag but for its end. ltx leaves out attributes that are null or undefined. */
function tag(name: string, scope: Scope, outside: Resolve): string {
  let prefixed = checkName(name);
  let text = `<${name}`;
  for (const attribute of Object.keys(scope.attrs)) {
    const value = scope.attrs[attribute];
    if (value === null || value === undefined) continue;
    if (checkName(attribute)) prefixed = true;
    else if (attribute === "xmlns" && value !== "") prefixed ||= isReserved(asText(value));
    text += ` ${attribute}="${escapeValue(asText(value))}"`;
  }
  if (prefixed) checkPrefixes(name, scope, outside);
  return text;
}

/** Is it a name with a prefix? Throws where it is none at all. */
function checkName(name: string): boolean {
  if (plainName.test(name)) return false;
  if (!qName.test(name)) throw invalid(`${JSON.stringify(name)} is no name`);
  return name.includes(":");
}

function checkPrefixes(name: string, scope: Scope, outside: Resolve): void {
  try {
    checkNamespaces({ name, attrs: declared(scope.attrs) }, (prefix) => {
      for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
        const uri = at.attrs[`xmlns:${prefix}`];
        if (uri !== null && uri !== undefined) return asText(uri);
      }
      return outside(prefix);
    });
  } catch (error) {
    throw error instanceof NamespaceFault ? invalid(error.message) : error;
  }
}

function declared(attrs: Attributes): Record<string, string> {
  const all: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(attrs)) if (value !== null && value !== undefined) all[name] = asText(value);
  return all;
}

/** The namespace declarations that an element is under, by attribute name. */
function declarationsAround(element: Element): Record<string, string> | undefined {
  if (!element.parent) return undefined;
  const found: Record<string, string> = Object.create(null);
  for (let at: Element | null | undefined = element.parent, depth = 0; at; at = at.parent) {
    if (++depth > DEEPEST) throw invalid(`nested deeper than ${DEEPEST}`);
    for (const [name, value] of Object.entries(declared(at.attrs))) if (name === "xmlns" || name.startsWith("xmlns:")) found[name] ??= value;
  }
  return found;
}

function asText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw invalid(`a ${typeof value} is neither element nor text`);
}

function escapeText(text: string): string {
  return notPlainText.test(text) ? checked(text).replace(/[&<>\r]/g, escaped) : text;
}

function escapeValue(value: string): string {
  return notPlainValue.test(value) ? checked(value).replace(/[&<>"\t\n\r]/g, escaped) : value;
}

function checked(text: string): string {
  const found = notCharacter.exec(text);
  if (found) throw invalid(`${show(found[0].codePointAt(0) ?? 0)} is no character of XML`);
  return text;
}
