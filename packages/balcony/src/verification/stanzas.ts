import { stanzaError } from "@balcony/channel";
import { type CeremonyMessage, messageLengths } from "@balcony/trust";
import { type Element, JidError, normalize, xml } from "@balcony/xml";

/** Verification inside the secured stream: docs/xep-e2e-verification.md. */
export const NS_VERIFICATION = "urn:xmpp:balcony:verification:0";

/** What goes on a stream that is there for a verification alone: symbols and codes. */
export const verificationNamespaces: ReadonlySet<string> = new Set([NS_VERIFICATION]);

/** Each is the one child of an IQ set, answered by an empty result. */
export const messageNames = ["request", "ready", "commit", "nonce", "reveal", "confirmed", "differ", "cancel"] as const satisfies readonly CeremonyMessage["type"][];

export function writeMessage(message: CeremonyMessage): Element {
  const { type, ...fields } = message;
  const attributes = Object.entries(fields).flatMap(([name, value]) => {
    if (name === "readAloud") return value === true ? [["mode", "read-aloud"]] : [];
    return [[name === "nonce" || name === "commitment" ? "value" : name, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value)]];
  });
  return xml(type, { xmlns: NS_VERIFICATION, ...(Object.fromEntries(attributes) as Record<string, string>) });
}

/** Throws `bad-request` for what lacks a field, or has one of another length. */
export function readMessage(element: Element): CeremonyMessage {
  const type = messageNames.find((name) => element.is(name, NS_VERIFICATION));
  switch (type) {
    case "request":
      return { type, half: bytes(element, "half", messageLengths.half), readAloud: readMode(element), ...addresses(element) };
    case "ready":
      return { type, id: bytes(element, "id", messageLengths.id), ...addresses(element) };
    case "commit":
      return { type, id: bytes(element, "id", messageLengths.id), commitment: bytes(element, "value", messageLengths.commitment) };
    case "nonce":
    case "reveal":
      return { type, id: bytes(element, "id", messageLengths.id), nonce: bytes(element, "value", messageLengths.nonce) };
    case "confirmed":
    case "differ":
      return { type, id: bytes(element, "id", messageLengths.id) };
    case "cancel":
      return { type, id: bytes(element, "id", element.attrs.id?.length === 2 * messageLengths.half ? messageLengths.half : messageLengths.id) };
    case undefined:
      throw stanzaError("bad-request", { text: "no message of a verification" });
  }
}

export function bytes({ attrs, name }: Element, attribute: string, length: number): Uint8Array {
  const value = attrs[attribute] ?? "";
  if (value.length !== 2 * length || !/^[0-9a-f]*$/u.test(value)) throw stanzaError("bad-request", { text: `${name}: ${attribute} is not ${length} bytes in lower-case hex` });
  return new Uint8Array(Buffer.from(value, "hex"));
}

function readMode({ attrs }: Element): boolean {
  if (attrs.mode !== undefined && attrs.mode !== "read-aloud") throw stanzaError("bad-request", { text: "mode is read-aloud, or absent" });
  return attrs.mode === "read-aloud";
}

export function addresses({ attrs }: Element): { readonly initiator: string; readonly responder: string } {
  try {
    return { initiator: normalize(attrs.initiator ?? ""), responder: normalize(attrs.responder ?? "") };
  } catch (error) {
    if (error instanceof JidError) throw stanzaError("bad-request", { text: "an address is none" });
    throw error;
  }
}
