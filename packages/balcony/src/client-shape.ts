import { BalconyError, readStanzaError, type StanzaChannel, stanzaError } from "@balcony/channel";
import { type Element, isElement, xml } from "@balcony/xml";
import { type JID, jid } from "./jid.js";

/** What an iqCallee's handler gets, as in @xmpp/client. */
export interface IqContext {
  readonly stanza: Element;
  readonly element: Element;
  readonly type: "get" | "set";
  readonly name: "iq";
  readonly id: string;
  readonly from: JID;
  readonly to: JID;
  readonly local: string;
  readonly domain: string;
  readonly resource: string;
}

/** What an iqCallee's handler may give back: the result's child, `<error/>`, anything else truthy for an empty result; nothing means `service-unavailable`. */
export type IqReply = Element | object | boolean | null | undefined;

export type IqHandler = (context: IqContext, next: () => Promise<IqReply>) => IqReply | Promise<IqReply>;

/** @xmpp/client's `iqCaller`, over any channel to one peer. Errors are BalconyErrors; `condition` is where @xmpp/client's have it. */
export interface IqCaller {
  request(iq: Element, timeout?: number): Promise<Element>;
  get(element: Element, to?: string, timeout?: number): Promise<Element | undefined>;
  set(element: Element, to?: string, timeout?: number): Promise<Element | undefined>;
}

/** @xmpp/client's `iqCallee`. */
export interface IqCallee {
  get(xmlns: string, name: string, handler: IqHandler): void;
  set(xmlns: string, name: string, handler: IqHandler): void;
}

export function iqCaller(channel: StanzaChannel): IqCaller {
  const ask = async (type: "get" | "set", element: Element, to: string | undefined, timeout: number | undefined): Promise<Element | undefined> => {
    const result = await channel.request(xml("iq", { type, to }, element), { timeout });
    return result.getChild(element.name, element.attrs.xmlns);
  };
  return {
    request: (iq, timeout) => channel.request(iq, { timeout }),
    get: (element, to, timeout) => ask("get", element, to, timeout),
    set: (element, to, timeout) => ask("set", element, to, timeout),
  };
}

const NS_DISCO_INFO = "http://jabber.org/protocol/disco#info";
const NS_PING = "urn:xmpp:ping";

/** What is answered where the application has no handler of its own, or passes on to the next. */
const defaults: readonly { readonly xmlns: string; readonly name: string; readonly handler: IqHandler }[] = [
  { xmlns: NS_PING, name: "ping", handler: () => true },
  {
    xmlns: NS_DISCO_INFO,
    name: "query",
    handler: () =>
      xml("query", NS_DISCO_INFO, xml("identity", { category: "client", type: "pc", name: "Balcony" }), xml("feature", { var: NS_DISCO_INFO }), xml("feature", { var: NS_PING })),
  },
];

export function iqCallee(channel: StanzaChannel): IqCallee {
  /** The application's handlers in their order, then ours. */
  const chains = new Map<string, IqHandler[]>();
  const fallbacks = new Map<string, IqHandler>();
  const add = (type: "get" | "set", xmlns: string, name: string, handler: IqHandler): void => {
    const key = `${type} ${name} ${xmlns}`;
    const chain = chains.get(key);
    if (chain) {
      chain.push(handler);
      return;
    }
    const handlers = [handler];
    chains.set(key, handlers);
    channel.onRequest({ type, name, xmlns }, async ({ stanza, from, payload }) => {
      const sender = jid(from);
      const context: IqContext = {
        stanza,
        element: payload,
        type,
        name: "iq",
        id: stanza.attrs.id ?? "",
        from: sender,
        to: jid(channel.self),
        local: sender.local,
        domain: sender.domain,
        resource: sender.resource,
      };
      const fallback = fallbacks.get(key);
      return answer(await run(fallback ? [...handlers, fallback] : handlers, context, 0));
    });
  };
  for (const { xmlns, name, handler } of defaults) {
    fallbacks.set(`get ${name} ${xmlns}`, handler);
    add("get", xmlns, name, (_, next) => next());
  }
  return {
    get: (xmlns, name, handler) => add("get", xmlns, name, handler),
    set: (xmlns, name, handler) => add("set", xmlns, name, handler),
  };
}

async function run(handlers: readonly IqHandler[], context: IqContext, index: number): Promise<IqReply> {
  return await handlers[index]?.(context, () => run(handlers, context, index + 1));
}

function answer(reply: IqReply): Element | undefined {
  if (!reply) throw stanzaError("service-unavailable");
  if (!isElement(reply)) return undefined;
  if (!reply.is("error")) return reply;
  const error = readStanzaError(xml("iq", { type: "error" }, reply));
  throw new BalconyError("stanza-error", error.message, { stanza: error.stanza, condition: error.condition });
}
