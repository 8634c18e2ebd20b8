import type { Code, SasSymbols } from "@balcony/trust";
import { type Element, isElement } from "@balcony/xml";

const NS_IBB = "http://jabber.org/protocol/ibb";

/**
 * Does this stanza tell what is being compared? Whoever sits in between could read it, and say the right thing to each. One of the numbers, one of the emoji or two of their names
 * is enough; spaces and punctuation between digits, and other forms of digits, do not hide them.
 */
export function tells(stanza: Element, { emoji, numbers }: SasSymbols): boolean {
  const text = textOf(stanza)
    .normalize("NFKC")
    .replace(/\ufe0f/gu, "")
    .toLowerCase();
  const digits = text.replace(/(?<=\d)[^\p{L}\d]+(?=\d)/gu, "");
  const words = new Set(text.split(/[^\p{L}]+/u));
  const named = emoji.filter(({ name }) => name.split(" ").every((word) => words.has(word)));
  return (
    numbers.some((number) => new RegExp(`(?<!\\d)${number}(?!\\d)`, "u").test(text) || new RegExp(`(?<!\\d)${number}(?!\\d)`, "u").test(digits)) ||
    digits.includes(numbers.join("")) ||
    emoji.some(({ symbol }) => text.includes(symbol.replace(/\ufe0f/gu, ""))) ||
    new Set(named.map(({ name }) => name)).size >= 2
  );
}

/** Does this stanza tell a code that waits? Whatever stands between its parts does not hide it. */
export function tellsCode(stanza: Element, { text }: Code): boolean {
  const bareOf = (tale: string): string =>
    tale
      .normalize("NFKC")
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]/gu, "");
  return bareOf(textOf(stanza)).includes(bareOf(text));
}

function textOf(element: Element): string {
  if (element.is("data", NS_IBB)) return ""; // base64, which nobody types, and in which any number comes up sooner or later
  return element.children.map((child) => (isElement(child) ? textOf(child) : child)).join(" ");
}
