import { bare, type Element, type Jid } from "@balcony/xml";

/** A client that is logged in, as the rest of the server sees it. */
export interface BoundSession {
  /** The full JID. */
  readonly self: Jid;
  /** Its last available presence; undefined while it has sent none, or is unavailable. */
  presence: Element | undefined;
  /** Full or bare JIDs that it has sent its presence to directly (RFC 6121 §4.6). */
  readonly directed: Set<Jid>;
  deliver(stanza: Element): void;
}

/** Who is logged in, by full JID. */
export class Sessions {
  readonly #byAccount = new Map<Jid, Map<Jid, BoundSession>>();

  get(self: Jid): BoundSession | undefined {
    return this.#byAccount.get(bare(self))?.get(self);
  }

  /** Every session of a bare JID, in the order of login. */
  of(account: Jid): BoundSession[] {
    return [...(this.#byAccount.get(account)?.values() ?? [])];
  }

  add(session: BoundSession): void {
    const account = bare(session.self);
    const sessions = this.#byAccount.get(account) ?? new Map<Jid, BoundSession>();
    sessions.set(session.self, session);
    this.#byAccount.set(account, sessions);
  }

  /** Takes this session out; another one that has its resource by now stays. */
  remove(session: BoundSession): void {
    const sessions = this.#byAccount.get(bare(session.self));
    if (sessions?.get(session.self) !== session) return;
    sessions.delete(session.self);
    if (sessions.size === 0) this.#byAccount.delete(bare(session.self));
  }
}

/** RFC 6121 §4.7.2.3: from -128 to 127; 0 where there is none, NaN where it is something else. */
export function priorityOf(presence: Element): number {
  const text = presence.getChildText("priority")?.trim() || "0";
  const priority = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  return priority >= -128 && priority <= 127 ? priority : Number.NaN;
}

/** Those that are available and may get what is sent to the bare JID (RFC 6121 §8.5.2.1.1). */
export function availableOf(sessions: readonly BoundSession[]): BoundSession[] {
  return sessions.filter(({ presence }) => presence !== undefined && priorityOf(presence) >= 0);
}

/** Those of the highest priority, as Prosody chooses among several. */
export function topOf(sessions: readonly BoundSession[]): BoundSession[] {
  const available = availableOf(sessions);
  const top = Math.max(...available.map(({ presence }) => (presence ? priorityOf(presence) : 0)));
  return available.filter(({ presence }) => presence && priorityOf(presence) === top);
}
