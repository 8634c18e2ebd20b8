import type { Jid } from "@balcony/xml";

/** Who sees whose presence: everybody, nobody, or those of a list among themselves. Everybody else is a stranger to everybody. */
export type SharedRoster = boolean | readonly string[];

/** One roster for all who share it: there are no subscriptions to ask for. */
export class Roster {
  readonly #members: ReadonlySet<Jid>;

  constructor(members: Iterable<Jid>) {
    this.#members = new Set(members);
  }

  /** The other accounts that this one shares presence with. */
  contactsOf(account: Jid): Jid[] {
    return this.#members.has(account) ? [...this.#members].filter((member) => member !== account) : [];
  }

  /** May the account see the other's presence? Everybody may see their own. */
  sees(account: Jid, other: Jid): boolean {
    return account === other || (this.#members.has(account) && this.#members.has(other));
  }
}
