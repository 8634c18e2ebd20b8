import { stanzaError } from "@balcony/channel";
import { childElements, type Element, xml } from "@balcony/xml";
import type { Reach } from "../plugins.js";

/** docs/xep-side-by-side.md */
export const NS_SIDE_BY_SIDE = "urn:xmpp:balcony:transports:side-by-side:0";

/** What a `<transport/>` says of one way. */
export type Item =
  | { readonly what: "offer"; readonly way: string; readonly reach: Reach; readonly transport: Element }
  | { readonly what: "answer" | "info"; readonly way: string; readonly transport: Element }
  | { readonly what: "failed" | "chosen"; readonly way: string };

/** Items of one element. */
const ITEM_LIMIT = 32;

const malformed = (text: string) => stanzaError("bad-request", { text });

/** In their order; elements that nobody knows are left out. @throws `stanza-error`: bad-request, resource-constraint for too many */
export function readItems(transport: Element): readonly Item[] {
  const elements = childElements(transport).filter((child) => child.getNS() === NS_SIDE_BY_SIDE);
  if (elements.length > ITEM_LIMIT) throw stanzaError("resource-constraint", { text: `more than ${ITEM_LIMIT} at once` });
  const items = elements.flatMap((element) => readItem(element) ?? []);
  if (items.length === 0) throw malformed("it says nothing");
  return items;
}

function readItem(element: Element): Item | undefined {
  const what = element.getName();
  if (what !== "offer" && what !== "answer" && what !== "info" && what !== "failed" && what !== "chosen") return undefined;
  const { way = "", reach } = element.attrs;
  if (!/^[A-Za-z0-9]{1,16}$/.test(way)) throw malformed("way is missing or none");
  if (what === "failed" || what === "chosen") return { what, way };
  const [transport, ...others] = childElements(element);
  if (transport?.getName() !== "transport" || others.length > 0) throw malformed(`an ${what} holds one transport`);
  if (transport.getNS() === NS_SIDE_BY_SIDE) throw malformed("side by side are other transports");
  if (what !== "offer") return { what, way, transport };
  if (reach !== "direct" && reach !== "relayed") throw malformed("reach is direct or relayed");
  return { what, way, reach, transport };
}

export const writeItem = (what: Item["what"], attributes: { readonly way: string; readonly reach?: Reach | undefined }, transport?: Element): Element =>
  xml(what, { way: attributes.way, reach: attributes.reach }, transport);

export const writeTransport = (items: readonly Element[]): Element => xml("transport", { xmlns: NS_SIDE_BY_SIDE }, [...items]);
