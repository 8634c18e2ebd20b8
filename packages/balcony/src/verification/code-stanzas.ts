import { stanzaError } from "@balcony/channel";
import { type CodeMessage, codeMessageLengths } from "@balcony/trust";
import { type Element, xml } from "@balcony/xml";
import { addresses, bytes, NS_VERIFICATION } from "./stanzas.js";

/** Each is the one child of an IQ set, answered by an empty result. */
export const codeMessageNames = [
  "code-request",
  "code-ready",
  "code-share",
  "code-answer",
  "code-tag",
  "code-wrong",
  "code-cancel",
] as const satisfies readonly CodeMessage["type"][];

const { half, id, share, tag } = codeMessageLengths;

export function writeCodeMessage({ type, ...fields }: CodeMessage): Element {
  const attributes = Object.entries(fields).map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value)]);
  return xml(type, { xmlns: NS_VERIFICATION, ...(Object.fromEntries(attributes) as Record<string, string>) });
}

/** Throws `bad-request` for what lacks a field, or has one of another length. What a share holds is for the run to judge. */
export function readCodeMessage(element: Element): CodeMessage {
  const type = codeMessageNames.find((name) => element.is(name, NS_VERIFICATION));
  switch (type) {
    case "code-request":
      return { type, half: bytes(element, "half", half), ...addresses(element) };
    case "code-ready":
      return { type, id: bytes(element, "id", id), ...addresses(element) };
    case "code-share":
      return { type, id: bytes(element, "id", id), share: bytes(element, "share", share) };
    case "code-answer":
      return { type, id: bytes(element, "id", id), share: bytes(element, "share", share), tag: bytes(element, "tag", tag) };
    case "code-tag":
      return { type, id: bytes(element, "id", id), tag: bytes(element, "tag", tag) };
    case "code-wrong":
      return { type, id: bytes(element, "id", id) };
    case "code-cancel":
      return { type, id: bytes(element, "id", element.attrs.id?.length === 2 * half ? half : id) };
    case undefined:
      throw stanzaError("bad-request", { text: "no message of a code" });
  }
}
