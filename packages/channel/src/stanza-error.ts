import { childElements, type Element, xml } from "@balcony/xml";
import { BalconyError, isStanzaCondition, type StanzaCondition, type StanzaErrorDetail } from "./error.js";

const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const errorTypes = new Set<string>(["auth", "cancel", "continue", "modify", "wait"]);

/** The `<error/>` element of RFC 6120 §8.3.2. */
export function writeStanzaError({ type, condition, text, application }: StanzaErrorDetail): Element {
  return xml("error", { type }, xml(condition, NS_STANZAS), text === undefined ? undefined : xml("text", NS_STANZAS, text), application);
}

/** Reads what an error stanza says (RFC 6120 §8.3.2); one that says nothing usable counts as `undefined-condition`, type cancel. */
export function readStanzaError(stanza: Element): BalconyError {
  const error = childElements(stanza).find((child) => child.getName() === "error" && child.getNS() === stanza.getNS());
  const children = error ? childElements(error) : [];
  const defined = children.filter((child) => child.getNS() === NS_STANZAS);
  const condition = defined.map((child) => child.getName()).find(isStanzaCondition) ?? ("undefined-condition" satisfies StanzaCondition);
  const text = defined.find((child) => child.getName() === "text")?.getText();
  const application = children.find((child) => child.getNS() !== NS_STANZAS && child.getNS() !== error?.getNS());
  const type = error?.attrs.type ?? "";
  return new BalconyError("stanza-error", text ? `${condition}: ${text}` : condition, {
    stanza: { type: isErrorType(type) ? type : "cancel", condition, text, application },
    condition,
  });
}

function isErrorType(type: string): type is StanzaErrorDetail["type"] {
  return errorTypes.has(type);
}
