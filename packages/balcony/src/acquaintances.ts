import type { AddressPolicy } from "@balcony/jingle";
import type { TrustStore } from "@balcony/trust";
import { bare, type Jid } from "@balcony/xml";
import type { Contacts } from "./contacts.js";
import type { Settings } from "./options.js";

interface Sources {
  readonly self: () => Jid;
  readonly settings: Pick<Settings, "policy" | "loopback">;
  readonly contacts: Contacts;
  readonly store: TrustStore;
  /** Is an invitation waiting for them? */
  readonly invited: (from: Jid) => boolean;
  readonly report: (error: unknown) => void;
}

/** Who may learn what of us: that we are online, and where. */
export class Acquaintances {
  /** Addresses that we are talking to, or are about to, and how often: they know already that we are online. */
  readonly #engaged = new Map<Jid, number>();

  constructor(private readonly from: Sources) {}

  /** We are talking to an address, or are about to. @returns what says that we are not any more */
  engage(address: Jid): () => void {
    this.#engaged.set(address, (this.#engaged.get(address) ?? 0) + 1);
    return () => {
      const left = (this.#engaged.get(address) ?? 1) - 1;
      if (left > 0) this.#engaged.set(address, left);
      else this.#engaged.delete(address);
    };
  }

  /** XEP-0166 §6.3.2: who may learn that we are online. Everybody else gets the answer of an absent resource. */
  knows(peer: Jid): boolean {
    const { contacts, invited, self, settings } = this.from;
    const account = bare(peer);
    if (contacts.inRoom(peer)) return false; // an occupant of a room, whoever they are
    return (
      account === bare(self()) ||
      this.#engaged.has(peer) ||
      this.#engaged.has(account) ||
      contacts.mayKnow(peer) ||
      invited(peer) ||
      this.#asked(() => settings.policy.allow(peer)) ||
      this.#streamed(account)
    );
  }

  /** Whose offers go before those of others, where there are too many. */
  favours(peer: Jid): boolean {
    return this.from.contacts.mayKnow(peer) || this.#engaged.has(peer);
  }

  /** What transports may do with addresses where this peer is concerned (docs/security.md). */
  addresses(peer: Jid, paths: AddressPolicy["paths"]): AddressPolicy {
    const { contacts, self, settings } = this.from;
    const account = bare(peer);
    const known = account === bare(self()) || contacts.seesUs(peer) || this.#streamed(account);
    const shown = this.#asked(() => settings.policy.showAddress({ peer, known }));
    return { paths: paths === "direct" || shown ? paths : "relayed", privateNetworks: shown, dangerouslyUseLoopback: settings.loopback };
  }

  #streamed(account: Jid): boolean {
    return this.from.store.show(bare(this.from.self()), account)?.everStreamed === true;
  }

  /** Policy is the application's: a defect in it must not end the process out of a server's stanza. */
  #asked(question: () => boolean): boolean {
    try {
      return question();
    } catch (error) {
      this.from.report(error);
      return false;
    }
  }
}
