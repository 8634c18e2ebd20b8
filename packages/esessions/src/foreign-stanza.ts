import { Buffer } from "node:buffer";
import { BalconyError } from "@balcony/channel";
import { childElements, type Element, type Jid, serialize, xml } from "@balcony/xml";
import { envelope } from "./envelope.js";
import { NS_CLIENT, NS_ENCRYPTED } from "./namespaces.js";
import type { StanzaKind } from "./parameters.js";
import type { Wrapping } from "./wrapping.js";

const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const NS_AMP = "http://jabber.org/protocol/amp";

/**
 * Toward a client that is no Balcony, XEP-0200 §4: only what is in a stanza is encrypted. Its kind, type and id are the servers' to read, and to change; of a message's type none but `error` is
 * told. Whatever comes beside `<c/>` is dropped, but for the condition of an error.
 */
export function stanzaContents({
  kinds,
  parse,
  peer,
  thread,
}: {
  readonly kinds: readonly StanzaKind[];
  readonly peer: Jid;
  readonly thread: string;
  /** The hardened parser. */
  readonly parse: (octets: Uint8Array) => Element;
}): Wrapping {
  return {
    errors: true,
    takeApart: (stanza) => {
      const kind = kinds.find((one) => one === stanza.name);
      if (!kind) throw new BalconyError("invalid-argument", `Only <${kinds.join("/>, <")}/> is encrypted in this session, and this is <${stanza.name}/>.`);
      const { id, type } = stanza.attrs;
      if (kind === "presence" && !presenceTypes.includes(type)) throw new BalconyError("invalid-argument", `Presence of type ${type} is for servers, and is not encrypted.`);
      const children = childElements(stanza);
      const error = type === "error" ? children.find(isError) : undefined;
      const clear = children.filter((child) => child.is("amp", NS_AMP));
      const inner = children.filter((child) => child !== error && !clear.includes(child) && !(kind === "message" && child.getName() === "thread"));
      return {
        content: write(inner),
        errorContent: error && write(childElements(error).filter((child) => !isCondition(child))),
        wrap: (c, errorC) => {
          const told = error && xml("error", { type: error.attrs.type }, childElements(error).filter(isCondition), errorC);
          if (kind !== "message") return xml(kind, { to: peer, type, id }, c, told);
          const message = envelope(peer, thread, c, ...clear, ...(told ? [told] : []));
          if (told) message.attrs.type = "error";
          return message;
        },
      };
    },
    putTogether: (outer, { content, errorContent }) => {
      const { id, type } = outer.attrs;
      const kind = outer.getName();
      if (kind === "presence" && !presenceTypes.includes(type)) {
        throw new BalconyError("tampered", `Encrypted presence came with type ${JSON.stringify(type)}, which is for servers.`, { phase: "session", peer });
      }
      if (kind === "message" && type !== "error" && !content) return undefined;
      const stanza = parse(within(kind, content));
      if (type !== undefined && (kind !== "message" || type === "error")) stanza.attrs.type = type;
      if (id !== undefined && kind === "iq") stanza.attrs.id = id;
      const error = type === "error" ? childElements(outer).find(isError) : undefined;
      if (error) stanza.append(xml("error", { type: error.attrs.type }, childElements(error).filter(isCondition), childElements(parse(within("error", errorContent)))));
      return stanza;
    },
  };
}

/** @returns the `<c/>` of a stanza, and that within its `<error/>`. @throws `stanza-malformed` for two in one place (XEP-0200 §4) */
export function findEncrypted(stanza: Element): { readonly c: Element | undefined; readonly errorC: Element | undefined } {
  const only = (parent: Element | undefined): Element | undefined => {
    const [c, second] = parent?.getChildren("c", NS_ENCRYPTED) ?? [];
    if (second) throw new BalconyError("stanza-malformed", "A stanza holds two <c/> (XEP-0200 §4).", { phase: "session" });
    return c;
  };
  return { c: only(stanza), errorC: stanza.attrs.type === "error" ? only(childElements(stanza).find(isError)) : undefined };
}

/** Is anything in it encrypted? */
export const isEncrypted = (stanza: Element): boolean => [stanza, ...childElements(stanza).filter(isError)].some((parent) => parent.getChild("c", NS_ENCRYPTED) !== undefined);

const presenceTypes: readonly (string | undefined)[] = [undefined, "unavailable", "error"];

const isError = (child: Element): boolean => child.getName() === "error" && (child.getNS() === undefined || child.getNS() === NS_CLIENT);

/** RFC 6120 §8.3.2: what says which error it is. Its text, and whatever an application adds, are encrypted. */
const isCondition = (child: Element): boolean => child.getNS() === NS_STANZAS && child.getName() !== "text";

const write = (elements: readonly Element[]): string => elements.map((element) => serialize(element, { parentNamespace: NS_CLIENT })).join("");

const within = (name: string, content: Uint8Array | undefined): Uint8Array =>
  Buffer.concat([Buffer.from(`<${name} xmlns='${NS_CLIENT}'>`), content ?? new Uint8Array(0), Buffer.from(`</${name}>`)]);
