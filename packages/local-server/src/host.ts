import { bare, childElements, type Element, type Jid, xml } from "@balcony/xml";
import { errorReply, resultReply } from "./errors.js";
import type { Roster } from "./roster.js";

const NS_INFO = "http://jabber.org/protocol/disco#info";
const NS_ITEMS = "http://jabber.org/protocol/disco#items";
const NS_PING = "urn:xmpp:ping";
const NS_ROSTER = "jabber:iq:roster";
/** RFC 3921 §3: a session is asked for behind the resource; RFC 6121 did away with it, and clients in use still ask (gloox goes no further without). */
const NS_SESSION = "urn:ietf:params:xml:ns:xmpp-session";

export interface HostContext {
  readonly roster: Roster;
  /** What a domain lists in disco#items. */
  readonly components: readonly { readonly jid: Jid }[];
}

/** Answers an IQ get or set to one of the domains (XEP-0030, XEP-0199). */
export function answerForDomain(request: Element, { components }: HostContext): Element {
  const payload = childElements(request)[0];
  if (request.attrs.type === "set" && payload?.is("session", NS_SESSION)) return resultReply(request);
  if (request.attrs.type === "get" && payload && !payload.attrs.node) {
    if (payload.is("ping", NS_PING)) return resultReply(request);
    if (payload.is("query", NS_INFO))
      return resultReply(request, info({ category: "server", type: "im", name: "Balcony's local server" }, [NS_INFO, NS_ITEMS, NS_PING, NS_ROSTER]));
    if (payload.is("query", NS_ITEMS)) return resultReply(request, xml("query", NS_ITEMS, ...components.map(({ jid }) => xml("item", { jid }))));
  }
  return errorReply(request, "service-unavailable");
}

/** Answers an IQ get or set to an account, for whoever asks from the full JID `from` (RFC 6121 §8.5.2.1.3). */
export function answerForAccount(request: Element, from: Jid, account: Jid, { roster }: HostContext): Element {
  const payload = childElements(request)[0];
  const get = request.attrs.type === "get";
  const own = bare(from) === account;
  if (own && payload?.is("query", NS_ROSTER)) {
    if (!get) return errorReply(request, "not-allowed"); // the roster is the server's configuration
    const items = roster.contactsOf(account).map((jid) => xml("item", { jid, subscription: "both" }));
    return resultReply(request, xml("query", NS_ROSTER, ...items));
  }
  if (!get && own && payload?.is("session", NS_SESSION)) return resultReply(request);
  if (get && own && payload?.is("ping", NS_PING)) return resultReply(request);
  // XEP-0030 §8: whoever may not see presence learns nothing, not even that the account exists.
  if (get && payload && roster.sees(bare(from), account) && !payload.attrs.node) {
    if (payload.is("query", NS_INFO)) return resultReply(request, info({ category: "account", type: "registered" }, [NS_INFO, NS_ITEMS]));
    if (payload.is("query", NS_ITEMS)) return resultReply(request, xml("query", NS_ITEMS));
  }
  return errorReply(request, "service-unavailable");
}

export function info(identity: { readonly category: string; readonly type: string; readonly name?: string }, features: readonly string[]): Element {
  return xml("query", NS_INFO, xml("identity", identity), ...features.map((name) => xml("feature", { var: name })));
}
