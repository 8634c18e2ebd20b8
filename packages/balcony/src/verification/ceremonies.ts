import { BalconyError } from "@balcony/channel";
import type { SasSymbols } from "@balcony/trust";
import type { Element, Jid } from "@balcony/xml";
import { tells } from "./guard.js";
import { Invitations } from "./invitations.js";

/** Milliseconds between two requests of one address. */
const BETWEEN_REQUESTS = 60_000;

/** A ceremony that is open, as all the others see it. */
export interface OpenCeremony {
  cancel(): void;
  /** What is on the screen and must not be sent, to nobody and by no way of XMPP. */
  readonly secret: SasSymbols | undefined;
}

/** Which ceremonies are open, over all sessions: one at a time with each address, and from each at most one request a minute. */
export class Ceremonies {
  readonly #open = new Map<Jid, OpenCeremony>();
  /** Codes that wait, with whomever. */
  readonly invitations = new Invitations();
  readonly #asked = new Map<Jid, number>();

  /** @param clock milliseconds that never go back */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Takes the place of this address, if it is free. */
  begin(account: Jid, ceremony: OpenCeremony): boolean {
    if (this.#open.has(account)) return false;
    this.#open.set(account, ceremony);
    return true;
  }

  end(account: Jid): void {
    this.#open.delete(account);
  }

  /** May this address ask now? If so it may not again for a minute. */
  mayAsk(account: Jid): boolean {
    const now = this.clock();
    for (const [other, at] of this.#asked) if (now - at >= BETWEEN_REQUESTS) this.#asked.delete(other);
    if (this.#asked.has(account)) return false;
    this.#asked.set(account, now);
    return true;
  }

  /** Cancels all. */
  close(): void {
    for (const ceremony of [...this.#open.values()]) ceremony.cancel();
    this.invitations.close();
  }

  /** Throws `verification-open` for a stanza that tells what somebody is comparing at this moment, or a code that waits. */
  check(stanza: Element): void {
    this.invitations.check(stanza);
    for (const [account, { secret }] of this.#open) {
      if (secret === undefined || !tells(stanza, secret)) continue;
      throw new BalconyError("verification-open", "This tells what you are comparing. Whoever is between you would read it and say the right thing to each: use your voice.", {
        phase: "trust",
        peer: account,
      });
    }
  }
}
