import fc from "fast-check";
import { type Element, isElement, xml } from "../src/index.js";

/** What an element is, whichever class made it: name, attributes by name, children with neighbouring texts joined. */
export function shape(element: Element): unknown {
  const children: unknown[] = [];
  for (const child of element.children) {
    const last = children.at(-1);
    if (isElement(child)) children.push(shape(child));
    else if (typeof last === "string") children[children.length - 1] = last + child;
    else if (child !== "") children.push(child);
  }
  const attrs = Object.entries(element.attrs).sort(([a], [b]) => (a < b ? -1 : 1));
  return { name: element.name, attrs, children };
}

const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(..."aé€😀 \t\n\r<>&\"']\u0085\u2028\ufeff\ud7ff\ufffd") },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 0x20, max: 0x10ffff })
      .filter((value) => (value < 0xd800 || value > 0xdfff) && value !== 0xfffe && value !== 0xffff)
      .map((value) => String.fromCodePoint(value)),
  },
);

/** Any text that XML can carry. */
export const text = fc.array(character, { maxLength: 10 }).map((characters) => characters.join(""));

/** Names of elements and attributes, those of Object.prototype among them. */
export const name = fc.oneof(
  fc.constantFrom("body", "a", "é", "_", "x-1.2", "__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "𐀀", "length", "name"),
  fc.stringMatching(/^[a-z_][a-z0-9_.-]{0,6}$/),
);

const attributes = fc.array(fc.tuple(fc.oneof(name, fc.constantFrom("xml:lang", "q:x")), text), { maxLength: 4 });
const namespace = fc.constantFrom(undefined, "jabber:client", "urn:a", "");

interface Leaf {
  readonly name: string;
  readonly prefixed: boolean;
  readonly xmlns: string | undefined;
  readonly attributes: readonly (readonly [string, string])[];
}

const leaf: fc.Arbitrary<Leaf> = fc.record({ name, prefixed: fc.boolean(), xmlns: namespace, attributes });

function make({ name: local, prefixed, xmlns, attributes: all }: Leaf, children: readonly (Element | string)[]): Element {
  const element = xml(prefixed ? `q:${local}` : local, null, ...children);
  const put = (key: string, value: string) => Object.defineProperty(element.attrs, key, { value, enumerable: true, configurable: true, writable: true });
  if (prefixed || all.some(([key]) => key === "q:x")) put("xmlns:q", "urn:q");
  if (xmlns !== undefined) put("xmlns", xmlns);
  for (const [key, value] of all) put(key, value);
  return element;
}

/** Random elements, all of which a stream can carry. */
export const tree: fc.Arbitrary<Element> = fc.letrec<{ tree: Element }>((tie) => ({
  tree: fc.tuple(leaf, fc.array(fc.oneof({ depthSize: "small", withCrossShrink: true }, text, tie("tree")), { maxLength: 4 })).map(([self, children]) => make(self, children)),
})).tree;
