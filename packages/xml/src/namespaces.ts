import { NS_XML } from "./parsed-element.js";

const NS_XMLNS = "http://www.w3.org/2000/xmlns/";

// Namespaces in XML 1.0 §4: one colon, and both sides of it an NCName. That the whole is a Name is known already.
const qName = /^[^:]+:(?!\d|[-.]|\u00b7|[\u0300-\u036f]|\u203f|\u2040)[^:]+$/u;

interface Tag {
  readonly name: string;
  readonly attrs: Readonly<Record<string, string | undefined>>;
}

/** The namespace that a prefix stands for, if it stands for any. */
export type Resolve = (prefix: string) => string | undefined;

/** A breach of Namespaces in XML 1.0; whoever asked knows which condition that is. */
export class NamespaceFault extends Error {}

const ill = (message: string) => new NamespaceFault(message);

/** Holds a tag to Namespaces in XML 1.0: names, declarations, and no attribute twice under two prefixes. Throws NamespaceFault. */
export function checkNamespaces(element: Tag, resolve: Resolve): void {
  const { name, attrs } = element;
  let seen: Set<string> | undefined; // few tags have an attribute with a prefix
  for (const attribute of Object.keys(attrs)) {
    if (attribute === "xmlns") checkDeclaration("", attrs[attribute]);
    else if (attribute.includes(":")) {
      const [prefix, local] = split(attribute);
      if (prefix === "xmlns") checkDeclaration(local, attrs[attribute]);
      else {
        const expanded = `{${known(prefix, resolve)}}${local}`;
        if (seen?.has(expanded)) throw ill(`attribute ${attribute} stands twice, under two prefixes`);
        seen ??= new Set();
        seen.add(expanded);
      }
    }
  }
  if (!name.includes(":")) return;
  const [prefix] = split(name);
  if (prefix === "xmlns") throw ill("xmlns is no element's prefix");
  known(prefix, resolve);
}

function split(name: string): [prefix: string, local: string] {
  if (!qName.test(name)) throw ill(`${name} is no qualified name`);
  const colon = name.indexOf(":");
  return [name.slice(0, colon), name.slice(colon + 1)];
}

function known(prefix: string, resolve: Resolve): string {
  const uri = prefix === "xml" ? NS_XML : resolve(prefix);
  if (uri === undefined) throw ill(`prefix ${prefix} is not declared`);
  return uri;
}

/** Is it one of the two namespaces that have their prefixes for themselves? */
export function isReserved(uri: string): boolean {
  return uri === NS_XML || uri === NS_XMLNS;
}

// Namespaces in XML 1.0 §3 (reserved prefixes) and §5 (no prefix is undeclared).
function checkDeclaration(prefix: string, uri: string | undefined): void {
  if (prefix === "xml" ? uri !== NS_XML : uri === NS_XML) throw ill("the prefix xml and its namespace belong to each other");
  if (prefix === "xmlns" || uri === NS_XMLNS) throw ill("xmlns is declared by nobody");
  if (prefix !== "" && uri === "") throw ill(`prefix ${prefix} is declared as nothing`);
}
