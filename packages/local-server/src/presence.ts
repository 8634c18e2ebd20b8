import { bare, clone, type Element, isFull, type Jid, xml } from "@balcony/xml";
import { NS_CLIENT } from "./errors.js";
import type { Roster } from "./roster.js";
import type { BoundSession, Sessions } from "./sessions.js";

/** Presence without `to` and what follows from it (RFC 6121 §4), for accounts that share a roster. */
export class PresenceBroadcast {
  readonly #sessions: Sessions;
  readonly #roster: Roster;

  constructor(sessions: Sessions, roster: Roster) {
    this.#sessions = sessions;
    this.#roster = roster;
  }

  /** §4.2: the first tells everybody and hears from everybody; §4.4: later ones tell. */
  available(session: BoundSession, presence: Element): void {
    const first = session.presence === undefined;
    session.presence = presence;
    this.#tell(session, presence);
    if (first) for (const other of this.#audience(session.self)) if (other !== session && other.presence) session.deliver(addressed(other.presence, session.self));
  }

  /** §4.5: those who knew learn it, whoever was told directly among them (§4.6.4). Also what the server says for a client that has gone. */
  unavailable(session: BoundSession, presence: Element = xml("presence", { xmlns: NS_CLIENT, from: session.self, type: "unavailable" })): void {
    const told = new Set(session.presence === undefined ? [] : this.#tell(session, presence));
    session.presence = undefined;
    const direct = [...session.directed];
    session.directed.clear();
    for (const to of direct) {
      for (const other of isFull(to) ? [this.#sessions.get(to)] : this.#sessions.of(to)) {
        if (other && !told.has(other)) other.deliver(addressed(presence, to));
      }
    }
  }

  /** §4.3.2: a probe is answered with what the asker may see, and otherwise not at all. */
  probe(asker: Jid, account: Jid): void {
    if (!this.#roster.sees(bare(asker), account)) return;
    const session = this.#sessions.get(asker);
    for (const { presence } of this.#sessions.of(account)) if (presence) session?.deliver(addressed(presence, asker));
  }

  #tell(session: BoundSession, presence: Element): BoundSession[] {
    const told = this.#audience(session.self).filter((other) => other.presence !== undefined || other === session);
    for (const other of told) other.deliver(addressed(presence, bare(other.self)));
    return told;
  }

  #audience(self: Jid): BoundSession[] {
    const account = bare(self);
    return [account, ...this.#roster.contactsOf(account)].flatMap((contact) => this.#sessions.of(contact));
  }
}

function addressed(presence: Element, to: Jid): Element {
  const copy = clone(presence);
  copy.attrs.to = to;
  return copy;
}
