import { BalconyError } from "@balcony/channel";
import { clone, type Element, type Jid, serialize } from "@balcony/xml";
import { envelope } from "./envelope.js";
import { NS_CLIENT } from "./namespaces.js";
import type { Wrapping } from "./wrapping.js";

/** Between two Balconies the whole stanza, its kind, type and id included, is encrypted in a message that shows none of them. */
export function wholeStanzas({ peer, thread, parse }: { readonly peer: Jid; readonly thread: string; readonly parse: (octets: Uint8Array) => Element }): Wrapping {
  return {
    errors: false,
    takeApart: (stanza) => {
      const addressed = stanza.attrs.from !== undefined || stanza.attrs.to !== undefined;
      const copy = addressed ? clone(stanza) : stanza;
      if (addressed) {
        delete copy.attrs.from;
        delete copy.attrs.to;
      }
      return { content: serialize(copy, { parentNamespace: NS_CLIENT }), errorContent: undefined, wrap: (c) => envelope(peer, thread, c) };
    },
    putTogether: (outer, { content }) => {
      if ((outer.attrs.type ?? outer.attrs.id) !== undefined) {
        throw new BalconyError("tampered", "A server has given an encrypted stanza a type or an id.", { phase: "session", peer });
      }
      if (!content) return undefined;
      const stanza = parse(content);
      if (stanza.attrs.xmlns === undefined) stanza.attrs.xmlns = NS_CLIENT;
      if (!["message", "presence", "iq"].includes(stanza.name) || stanza.getNS() !== NS_CLIENT) {
        throw new BalconyError("unsupported-stanza-type", `The peer encrypted <${stanza.name}/>, which is no stanza.`, { phase: "session", peer });
      }
      if (stanza.attrs.from !== undefined || stanza.attrs.to !== undefined) {
        throw new BalconyError("invalid-from", "An encrypted stanza carries an address.", { phase: "session", peer });
      }
      return stanza;
    },
  };
}
