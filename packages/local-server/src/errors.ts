import { type StanzaCondition, stanzaError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";

/** The namespace of stanzas. Every stanza in here declares it itself; a wire leaves it out where the stream has it. */
export const NS_CLIENT = "jabber:client";
const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** May this stanza be answered with an error? Errors and results never are (RFC 6120 §8.3.1, §8.2.3). */
export function isAnswerable(stanza: Element): boolean {
  return stanza.attrs.type !== "error" && stanza.attrs.type !== "result";
}

/**
 * The error that answers `stanza`, with attributes, order and children as Prosody writes them:
 * a client that imitates a server's refusal must not be told from it, and tests compare the two.
 */
export function errorReply(stanza: Element, condition: StanzaCondition, text?: string): Element {
  const { id, from, to } = stanza.attrs;
  return xml(
    stanza.getName(),
    { xmlns: NS_CLIENT, id, type: "error", to: from, from: to },
    xml("error", { type: stanzaError(condition).stanza?.type }, xml(condition, NS_STANZAS), text !== undefined && xml("text", NS_STANZAS, text)),
  );
}

/** The result that answers the IQ `request`, with at most one child. */
export function resultReply(request: Element, child?: Element): Element {
  const { id, from, to } = request.attrs;
  return xml("iq", { xmlns: NS_CLIENT, id, type: "result", to: from, from: to }, child);
}
