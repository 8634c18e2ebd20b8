import { BalconyError, type ErrorCode, type ErrorDetail } from "@balcony/channel";
import { childElements, type Element } from "@balcony/xml";

const NS_STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";
const TEXT_LENGTH = 200;

/** Every defined condition of RFC 6120 §4.9.3. */
export const streamConditions = [
  "bad-format",
  "bad-namespace-prefix",
  "conflict",
  "connection-timeout",
  "host-gone",
  "host-unknown",
  "improper-addressing",
  "internal-server-error",
  "invalid-from",
  "invalid-namespace",
  "invalid-xml",
  "not-authorized",
  "not-well-formed",
  "policy-violation",
  "remote-connection-failed",
  "reset",
  "resource-constraint",
  "restricted-xml",
  "see-other-host",
  "system-shutdown",
  "undefined-condition",
  "unsupported-encoding",
  "unsupported-feature",
  "unsupported-stanza-type",
  "unsupported-version",
] as const;

/** A defined condition of RFC 6120 §4.9.3. */
export type StreamCondition = (typeof streamConditions)[number];

const known: ReadonlySet<string> = new Set(streamConditions);

/** What the peer is told where the code alone does not name a condition; codes that are conditions themselves stand for themselves. */
const conditionOf: Partial<Record<ErrorCode, StreamCondition>> = {
  "starttls-injection": "policy-violation",
  "starttls-missing": "policy-violation",
  internal: "internal-server-error",
  "peer-dead": "connection-timeout",
  timeout: "connection-timeout",
};

/** After these there is nothing to complain about: the peer said so itself, is gone, or did nothing wrong. */
const unspoken: ReadonlySet<ErrorCode> = new Set(["aborted", "closed", "connection-lost", "starttls-refused", "stream-error", "truncated"]);

/** An error that ends the stream; `condition` is what the peer is told, where the peer is to blame or can do something about it. */
export function streamError(code: ErrorCode, message: string, detail: ErrorDetail = {}): BalconyError {
  return new BalconyError(code, message, { condition: unspoken.has(code) ? undefined : conditionFor(code), ...detail });
}

function conditionFor(code: ErrorCode): StreamCondition {
  return conditionOf[code] ?? (known.has(code) ? (code as StreamCondition) : "undefined-condition");
}

/** What is said last before the bytes end: the error, if it is one to be told, and the closing tag. RFC 6120 §4.9.1.1. */
export function lastWords(error: BalconyError): string {
  if (unspoken.has(error.code)) return "</stream:stream>";
  const condition = error.condition !== undefined && known.has(error.condition) ? error.condition : conditionFor(error.code);
  return `<stream:error><${condition} xmlns="${NS_STREAM_ERRORS}"/></stream:error></stream:stream>`;
}

/** Reads a `<stream:error/>`; one without a condition of RFC 6120 §4.9.3 counts as `undefined-condition`. */
export function readStreamError(element: Element, detail: ErrorDetail = {}): BalconyError {
  const conditions = childElements(element).filter((child) => child.getNS() === NS_STREAM_ERRORS && known.has(child.getName()));
  const condition = conditions[0]?.getName() ?? "undefined-condition";
  // The peer chose this text: whatever could write over what stands beside it is taken out.
  const text = (element.getChildText("text", NS_STREAM_ERRORS) ?? "").replace(/[\p{Cc}\p{Cf}]/gu, "").slice(0, TEXT_LENGTH);
  return new BalconyError("stream-error", `The peer ended the stream with ${condition}${text === "" ? "." : `: ${text}`}`, { ...detail, condition });
}
