import { childElements, type Element, xml } from "@balcony/xml";
import { NS_JINGLE } from "./namespaces.js";

/** Why a session ends: the conditions of XEP-0166 §7.4. */
export const reasons = [
  "alternative-session",
  "busy",
  "cancel",
  "connectivity-error",
  "decline",
  "expired",
  "failed-application",
  "failed-transport",
  "general-error",
  "gone",
  "incompatible-parameters",
  "media-error",
  "security-error",
  "success",
  "timeout",
  "unsupported-applications",
  "unsupported-transports",
] as const;

export type Reason = (typeof reasons)[number];

/** A `<reason/>` as it came in. */
export interface ReceivedReason {
  /** The condition's name, also one that XEP-0166 does not know; undefined where the element holds none. */
  readonly condition: string | undefined;
  /** What the peer wrote for a person to read, without control, bidi and zero-width characters, 200 characters at most. */
  readonly text: string | undefined;
  /** With `alternative-session`: the session that the peer would rather use. */
  readonly alternative: string | undefined;
}

const longest = 200;
// C0, C1, zero-width and bidi controls: nothing of a peer's may move the cursor or turn text around. And what XML cannot hold.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]/gu;

export function readReason(jingle: Element): ReceivedReason | undefined {
  const reason = jingle.getChild("reason", NS_JINGLE);
  if (!reason) return undefined;
  const condition = childElements(reason).find((child) => child.getNS() === NS_JINGLE && child.getName() !== "text");
  const text = printable(reason.getChildText("text", NS_JINGLE) ?? "");
  const alternative = condition?.getName() === "alternative-session" ? (condition.getChildText("sid", NS_JINGLE)?.trim() ?? undefined) : undefined;
  return { condition: condition?.getName(), text: text || undefined, alternative: alternative || undefined };
}

/** What may go with a reason. */
export interface ReasonDetail {
  /** For a person to read: 200 characters at most are sent. */
  readonly text?: string | undefined;
  /** With `alternative-session`: the sid of the session that we would rather use. */
  readonly alternative?: string | undefined;
}

export function writeReason(reason: Reason, { text, alternative }: ReasonDetail = {}): Element {
  return xml(
    "reason",
    null,
    xml(reason, null, alternative === undefined ? undefined : xml("sid", null, alternative)),
    text === undefined ? undefined : xml("text", null, printable(text)),
  );
}

function printable(text: string): string {
  return [...text.replace(unprintable, "")].slice(0, longest).join("");
}
