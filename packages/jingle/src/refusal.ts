import { type BalconyError, type StanzaCondition, stanzaError } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { NS_JINGLE_ERRORS } from "./namespaces.js";

/** The errors that answer a Jingle action (XEP-0166 §10, and those of RFC 6120 that need no condition of Jingle's own). */
export type Refusal = "bad-request" | "item-not-found" | "not-acceptable" | "out-of-order" | "resource-constraint" | "tie-break" | "unknown-session" | "unsupported-info";

const own = {
  "out-of-order": { condition: "unexpected-request", type: "wait" },
  "tie-break": { condition: "conflict", type: "cancel" },
  "unknown-session": { condition: "item-not-found", type: "cancel" },
  "unsupported-info": { condition: "feature-not-implemented", type: "modify" }, // §6.8's example, not RFC 6120's usual type
} as const satisfies Partial<Record<Refusal, { condition: StanzaCondition; type: "wait" | "cancel" | "modify" }>>;

export function refusal(name: Refusal, text?: string): BalconyError {
  const detail = text === undefined ? {} : { text };
  if (!(name in own)) return stanzaError(name as StanzaCondition, detail);
  const { condition, type } = own[name as keyof typeof own];
  return stanzaError(condition, { ...detail, type, application: xml(name, NS_JINGLE_ERRORS) });
}

/** Is this the peer's answer that it has no such session? */
export function saysUnknownSession(error: unknown): boolean {
  return saysCondition(error, "unknown-session");
}

/** Is this the peer's answer that its own action goes first? */
export function saysTieBreak(error: unknown): boolean {
  return saysCondition(error, "tie-break");
}

function saysCondition(error: unknown, name: string): boolean {
  return (error as Partial<BalconyError> | undefined)?.stanza?.application?.is(name, NS_JINGLE_ERRORS) === true;
}
