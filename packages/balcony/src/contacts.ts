import { BalconyError, type Deadline, type StanzaChannel, withDeadline } from "@balcony/channel";
import { bare, childElements, type Element, isFull, type Jid, JidError, normalize, xml } from "@balcony/xml";

const NS_ROSTER = "jabber:iq:roster";
const NS_MUC = "http://jabber.org/protocol/muc";
const NS_MUC_USER = "http://jabber.org/protocol/muc#user";
/** Of one account: a server could invent resources without end. */
const MAX_RESOURCES = 64;

/** A resource that has told us that it is there. */
export interface Resource {
  readonly address: Jid;
  /** RFC 6121 §4.7.2.3: −128 to 127, 0 where none is given. */
  readonly priority: number;
  /** Counts up with every presence: the higher, the later. */
  readonly order: number;
}

/** Who can see us, and who of those we can see is there: the roster and the presence that passes through the client. */
export class Contacts {
  /** Everybody in the roster, and whether they see our presence. */
  readonly #roster = new Map<Jid, "seesUs" | "doesNot">();
  readonly #resources = new Map<Jid, Map<Jid, Resource>>();
  readonly #directed = new Set<Jid>();
  /** Chat rooms (XEP-0045) that the application has entered on this connection. Whoever is not in a room is not let through to its occupants, nor they to us. */
  readonly #rooms = new Set<Jid>();
  readonly #awaited = new Map<Jid, Set<(presence: Element) => void>>();
  #order = 0;

  /** @param report is told of addresses that are none, in what the server or the application sent */
  constructor(private readonly report: (error: BalconyError) => void) {}

  /** A new connection: what the old one knew of presence is gone. Resolves once the roster has been read; without one nobody sees us. */
  async begin(channel: StanzaChannel): Promise<void> {
    this.#roster.clear();
    this.#resources.clear();
    this.#directed.clear();
    this.#rooms.clear();
    try {
      const result = await channel.request(xml("iq", { type: "get" }, xml("query", NS_ROSTER)));
      this.#readRoster(result.getChild("query", NS_ROSTER));
    } catch (error) {
      if (!(error instanceof BalconyError) || error.code !== "stanza-error") throw error;
      this.report(
        new BalconyError("stanza-error", `The server gives no contact list: ${error.condition}.`, {
          phase: "client",
          cause: error,
          stanza: error.stanza,
          condition: error.condition,
        }),
      );
    }
  }

  /** Has this address been told by us, or by our server for us, that we are online? */
  mayKnow(address: Jid): boolean {
    return this.#roster.get(bare(address)) === "seesUs" || this.#directed.has(address) || this.#directed.has(bare(address));
  }

  /** Is it in the roster, and sees our presence? */
  seesUs(address: Jid): boolean {
    return this.#roster.get(bare(address)) === "seesUs";
  }

  /** Is it a chat room, or somebody in it? Its address then says nothing about who is behind it, and all of them share the bare one. */
  inRoom(address: Jid): boolean {
    return this.#rooms.has(bare(address));
  }

  /** The resources of a bare address that are there: highest priority first, then the one heard of last. */
  resources(account: Jid): Resource[] {
    return [...(this.#resources.get(account)?.values() ?? [])].sort((a, b) => b.priority - a.priority || b.order - a.order);
  }

  /**
   * Waits until a resource of the account shows that it is there.
   * @throws `peer-unavailable` where presence to it comes back as an error, `timeout`, `aborted`
   */
  async appears(account: Jid, options: Omit<Deadline, "waitingFor">): Promise<void> {
    const listeners = this.#awaited.get(account) ?? new Set();
    this.#awaited.set(account, listeners);
    let heard: (presence: Element) => void = () => undefined;
    const appeared = new Promise<void>((resolve, reject) => {
      heard = ({ attrs }) => {
        if (attrs.type === undefined) resolve();
        else if (attrs.type === "error") reject(new BalconyError("peer-unavailable", `The presence that we sent to ${account} came back.`, { peer: account }));
      };
      listeners.add(heard);
    });
    try {
      await withDeadline(appeared, { ...options, waitingFor: `a device of ${account} to show itself` });
    } finally {
      listeners.delete(heard);
      if (listeners.size === 0) this.#awaited.delete(account);
    }
  }

  /** @param acquainted may the sender know that we are online? Others, if not in the roster, leave nothing here. */
  received(stanza: Element, { from, self, acquainted }: { readonly from: Jid; readonly self: Jid; readonly acquainted: boolean }): void {
    if (stanza.name === "presence" && stanza.getChild("x", NS_MUC_USER) && this.#directed.has(from)) this.#rooms.add(bare(from)); // the room, about ourselves
    if (stanza.name === "presence" && from !== self && (acquainted || this.#roster.has(bare(from)))) this.#heard(stanza, from);
    if (stanza.name === "iq" && stanza.attrs.type === "set" && from === bare(self)) this.#readRoster(stanza.getChild("query", NS_ROSTER)); // RFC 6121 §2.1.6: pushes come from our own account
  }

  /** Notes whom our presence is directed to, and taken back from. */
  sent(stanza: Element): void {
    if (stanza.name !== "presence" || stanza.attrs.to === undefined) return;
    const to = this.#address(stanza.attrs.to);
    if (to === undefined) return;
    if (stanza.attrs.type === undefined && stanza.getChild("x", NS_MUC)) this.#rooms.add(bare(to));
    if (stanza.attrs.type === undefined) this.#directed.add(to);
    else if (stanza.attrs.type === "unavailable") this.#directed.delete(to);
  }

  #heard(presence: Element, from: Jid): void {
    const { type } = presence.attrs;
    const account = bare(from);
    if (type === undefined && isFull(from)) this.#appeared(presence, from);
    else if (type === "unavailable" || type === "error") {
      const resources = this.#resources.get(account);
      resources?.delete(from);
      if (!isFull(from) || resources?.size === 0) this.#resources.delete(account);
    }
    for (const listener of this.#awaited.get(account) ?? []) listener(presence);
  }

  #appeared(presence: Element, address: Jid): void {
    const account = bare(address);
    const resources = this.#resources.get(account) ?? new Map<Jid, Resource>();
    this.#resources.set(account, resources);
    if (!resources.has(address) && resources.size >= MAX_RESOURCES) return;
    resources.set(address, { address, priority: readPriority(presence), order: ++this.#order });
  }

  #readRoster(query: Element | undefined): void {
    for (const item of query ? childElements(query) : []) {
      if (!item.is("item", NS_ROSTER) || item.attrs.jid === undefined) continue;
      const contact = this.#address(item.attrs.jid);
      if (contact === undefined) continue;
      const { subscription } = item.attrs;
      if (subscription === "remove") this.#roster.delete(contact);
      else this.#roster.set(contact, subscription === "from" || subscription === "both" ? "seesUs" : "doesNot");
    }
  }

  #address(text: string): Jid | undefined {
    try {
      return normalize(text);
    } catch (error) {
      if (!(error instanceof JidError)) throw error;
      this.report(new BalconyError("invalid-jid", `${JSON.stringify(text)} in the contact list or in presence is no address.`, { phase: "client", cause: error }));
      return undefined;
    }
  }
}

/** RFC 6121 §4.7.2.3: an integer from −128 to 127. What is none counts as none given. */
function readPriority(presence: Element): number {
  const text = presence.getChildText("priority")?.trim() ?? "0";
  const priority = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : 0;
  return priority >= -128 && priority <= 127 ? priority : 0;
}
