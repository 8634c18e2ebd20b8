import { bare, childElements, domainOf, type Element, isFull, type Jid } from "@balcony/xml";
import type { Accounts } from "./accounts.js";
import { addressIn } from "./address.js";
import { errorReply, isAnswerable } from "./errors.js";
import { answerForAccount, answerForDomain, type HostContext } from "./host.js";
import type { PresenceBroadcast } from "./presence.js";
import { availableOf, type BoundSession, priorityOf, type Sessions, topOf } from "./sessions.js";

/** Something beside accounts that has an address and answers IQs. */
export interface Service {
  readonly jid: Jid;
  answer(request: Element, from: Jid): Element;
}

export interface RouterContext extends HostContext {
  readonly accounts: Accounts;
  readonly domains: ReadonlySet<string>;
  readonly sessions: Sessions;
  readonly presence: PresenceBroadcast;
  readonly components: readonly Service[];
  readonly directedPresences: number;
}

const iqTypes = ["get", "set", "result", "error"];
const presenceTypes = [undefined, "unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"];

/** Where a stanza goes (RFC 6120 §10, RFC 6121 §8), for all domains of the process alike. `from` is already the sender's full JID. */
export class StanzaRouter {
  readonly #context: RouterContext;

  constructor(context: RouterContext) {
    this.#context = context;
  }

  route(stanza: Element): void {
    const from = stanza.attrs.from ?? "";
    const to = stanza.attrs.to === undefined ? bare(from) : addressIn(stanza.attrs.to);
    const wrong = malformation(stanza);
    if (wrong) this.#refuse(stanza, "bad-request", wrong);
    else if (to === undefined) this.#refuse(stanza, "jid-malformed", `The destination address is invalid: ${stanza.attrs.to}`);
    else if (stanza.attrs.to !== undefined) this.#dispatch(stanza, from, to);
    else if (stanza.is("presence")) this.#broadcast(stanza, from);
    else this.#toAccount(stanza, from, to); // RFC 6120 §10.3: on behalf of the sender's own account
  }

  #dispatch(stanza: Element, from: Jid, to: Jid): void {
    const { accounts, components, domains } = this.#context;
    stanza.attrs.to = to;
    if (stanza.is("presence") && !this.#noteDirected(stanza, from, to)) {
      this.#refuse(stanza, "resource-constraint");
      return;
    }
    const component = components.find(({ jid }) => jid === to);
    if (component) this.#toHost(stanza, (request) => component.answer(request, from));
    else if (!domains.has(domainOf(to))) this.#refuse(stanza, "remote-server-not-found");
    else if (domains.has(to)) this.#toHost(stanza, (request) => answerForDomain(request, this.#context));
    else if (!accounts.has(bare(to))) this.#toNobody(stanza);
    else if (isFull(to)) this.#toResource(stanza, from, to);
    else this.#toAccount(stanza, from, to);
  }

  #refuse(stanza: Element, condition: Parameters<typeof errorReply>[1], text?: string): void {
    if (isAnswerable(stanza)) this.#reply(errorReply(stanza, condition, text));
  }

  #reply(stanza: Element): void {
    this.#context.sessions.get(stanza.attrs.to ?? "")?.deliver(stanza);
  }

  #broadcast(presence: Element, from: Jid): void {
    const session = this.#context.sessions.get(from);
    if (!session) return;
    if (presence.attrs.type === undefined) {
      if (Number.isNaN(priorityOf(presence))) {
        this.#refuse(presence, "bad-request", "Invalid priority");
        return;
      }
      this.#context.presence.available(session, presence);
    } else if (presence.attrs.type === "unavailable") this.#context.presence.unavailable(session, presence);
    else this.#refuse(presence, "bad-request", "That presence needs an address");
  }

  /** RFC 6121 §4.6: who was told directly is told of the end as well. False where the sender has told too many. */
  #noteDirected(presence: Element, from: Jid, to: Jid): boolean {
    const directed = this.#context.sessions.get(from)?.directed;
    if (presence.attrs.type === "unavailable") directed?.delete(to);
    else if (presence.attrs.type === undefined && directed) {
      if (directed.size >= this.#context.directedPresences) return false;
      directed.add(to);
    }
    return true;
  }

  #toHost(stanza: Element, answer: (request: Element) => Element): void {
    if (!isAnswerable(stanza) || stanza.is("presence")) return;
    this.#reply(stanza.is("iq") ? answer(stanza) : errorReply(stanza, "service-unavailable"));
  }

  /** RFC 6121 §8.5.1: an account that does not exist looks like one that has nobody there. */
  #toNobody(stanza: Element): void {
    if (stanza.is("presence") || stanza.attrs.type === "headline") return;
    this.#refuse(stanza, "service-unavailable");
  }

  /** RFC 6121 §8.5.3 */
  #toResource(stanza: Element, from: Jid, to: Jid): void {
    const session = this.#context.sessions.get(to);
    if (session) session.deliver(stanza);
    else if (stanza.is("message") && stanza.attrs.type !== "headline")
      this.#toAccount(stanza, from, bare(to)); // §8.5.3.2.1, as Prosody and ejabberd read it
    else this.#toNobody(stanza);
  }

  /** RFC 6121 §8.5.2 */
  #toAccount(stanza: Element, from: Jid, account: Jid): void {
    const { sessions, presence } = this.#context;
    if (stanza.is("iq")) {
      if (isAnswerable(stanza)) this.#reply(answerForAccount(stanza, from, account, this.#context));
    } else if (stanza.is("presence")) {
      if (stanza.attrs.type === "probe") presence.probe(from, account);
      else if (stanza.attrs.type?.includes("subscribe")) this.#refuse(stanza, "feature-not-implemented", "There are no subscriptions here, only a shared roster");
      else for (const session of availableOf(sessions.of(account))) session.deliver(stanza);
    } else this.#message(stanza, sessions.of(account));
  }

  #message(message: Element, sessions: readonly BoundSession[]): void {
    const { type } = message.attrs;
    if (type === "error") return;
    const readers = type === "groupchat" ? [] : type === "headline" ? availableOf(sessions) : topOf(sessions);
    if (readers.length === 0) {
      this.#toNobody(message);
      return;
    }
    for (const session of readers) session.deliver(message);
  }
}

/** What RFC 6120 §8.2.3 and RFC 6121 §4.7.1 forbid, in Prosody's words. */
function malformation(stanza: Element): string | undefined {
  const { type, id } = stanza.attrs;
  if (stanza.is("presence")) return presenceTypes.includes(type) ? undefined : "Invalid presence type";
  if (!stanza.is("iq")) return undefined;
  if (!id) return "Missing required 'id' attribute";
  if (!iqTypes.includes(type ?? "")) return "Invalid IQ type";
  const children = childElements(stanza).length;
  if ((type === "get" || type === "set") && children !== 1) return "Incorrect number of children for IQ stanza";
  if (type === "result" && children > 1) return "Incorrect number of children for IQ stanza";
  return undefined;
}
