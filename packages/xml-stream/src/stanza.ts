import { BalconyError } from "@balcony/channel";
import { type Element, serialize, XmlError } from "@balcony/xml";
import { NS_CLIENT } from "./header.js";
import { streamError } from "./stream-error.js";

const names: ReadonlySet<string> = new Set(["message", "presence", "iq"]);
const around = { parentNamespace: NS_CLIENT, parentPrefixes: ["stream"] };

/** Does this stanza answer a request? */
export function isAnswer({ name, attrs }: Element): boolean {
  return name === "iq" && (attrs.type === "result" || attrs.type === "error");
}

/** Judges the name of an element that came in the stream's content namespace. */
export function notAStanza({ name }: Element): BalconyError | undefined {
  if (names.has(name)) return undefined;
  // RFC 6120 §4.8.5: no prefix stands for the content namespace.
  if (name.includes(":")) return streamError("bad-namespace-prefix", `A stanza came as <${name}>.`);
  return streamError("unsupported-stanza-type", `<${name}/> is no stanza.`);
}

/**
 * The stanza as text.
 * @throws `invalid-argument` where the peer would have to end the stream over it
 */
export function writeStanza(stanza: Element): string {
  const xmlns = stanza.getNS() ?? NS_CLIENT;
  if (!names.has(stanza.name) || xmlns !== NS_CLIENT) throw new BalconyError("invalid-argument", `<${stanza.name} xmlns='${xmlns}'/> is no stanza.`);
  try {
    return serialize(stanza, around);
  } catch (error) {
    if (error instanceof XmlError) throw new BalconyError("invalid-argument", `A stanza that XML cannot carry: ${error.message}.`, { cause: error });
    throw error;
  }
}
