import { BalconyError, type StanzaChannel } from "@balcony/channel";
import { type Code, parseCode } from "@balcony/trust";
import { bare, type Element, type Jid, normalize } from "@balcony/xml";
import { tellsCode } from "./guard.js";

/** Milliseconds for which a code can be used at most. */
export const LONGEST_LIFETIME = 24 * 3_600_000;

/** A code that waits for whoever has it, too. */
export class OpenInvitation {
  /** The channel on which somebody has proved to know the code; rejects with why nobody will. */
  readonly accepted: Promise<StanzaChannel>;
  #used = false;
  #accept: (channel: StanzaChannel) => void = () => undefined;
  #fail: (error: BalconyError) => void = () => undefined;

  /** @param peer bare; undefined: whoever comes first with the code */
  constructor(
    readonly code: Code,
    readonly peer: Jid | undefined,
    private readonly gone: () => void,
  ) {
    this.accepted = new Promise((resolve, reject) => {
      this.#accept = resolve;
      this.#fail = reject;
    });
    this.accepted.catch(() => undefined); // whoever waits for it hears of it
  }

  get used(): boolean {
    return this.#used;
  }

  /** It is used up, on the disk as well: nobody else comes in by it, whatever becomes of this run. */
  use(): void {
    this.#used = true;
    this.gone();
  }

  accept(channel: StanzaChannel): void {
    this.#accept(channel);
  }

  fail(error: BalconyError): void {
    this.gone();
    this.#fail(error);
  }
}

/** The codes that wait, over all sessions: one for each address, and one for anybody. */
export class Invitations {
  readonly #open = new Map<Jid | undefined, { readonly invitation: OpenInvitation; readonly expires: number; readonly timer: ReturnType<typeof setTimeout> }>();

  /** @param clock milliseconds since 1970 */
  constructor(private readonly clock: () => number = Date.now) {}

  /**
   * One for the same address that is not used yet is withdrawn.
   * @param lifetime milliseconds
   */
  add(code: Code, peer: Jid | undefined, lifetime: number): OpenInvitation {
    this.#open.get(peer)?.invitation.fail(new BalconyError("verification-cancelled", "A newer invitation took the place of this one.", { phase: "trust", peer }));
    const invitation: OpenInvitation = new OpenInvitation(code, peer, () => {
      const found = this.#open.get(peer);
      if (found?.invitation !== invitation) return;
      clearTimeout(found.timer);
      this.#open.delete(peer);
    });
    const timer = setTimeout(() => this.#expire(invitation), lifetime);
    timer.unref();
    this.#open.set(peer, { invitation, expires: this.clock() + lifetime, timer });
    return invitation;
  }

  /** What waits for this bare address: one for it, or one for anybody. A timer may be late after the machine has slept: the clock is asked, too. */
  waitingFor(peer: Jid): OpenInvitation | undefined {
    const found = this.#open.get(peer) ?? this.#open.get(undefined);
    if (!found) return undefined;
    if (this.clock() < found.expires) return found.invitation;
    this.#expire(found.invitation);
    return this.waitingFor(peer);
  }

  /** Throws `verification-open` for a stanza that tells a code that waits: whoever reads it could use it. */
  check(stanza: Element): void {
    for (const { invitation } of this.#open.values()) {
      if (!tellsCode(stanza, invitation.code)) continue;
      throw new BalconyError("verification-open", "This tells the code of your invitation. Whoever is between you would read it and use it: tell it by voice, or show it.", {
        phase: "trust",
        peer: invitation.peer,
      });
    }
  }

  /** Withdraws all. */
  close(): void {
    for (const { invitation } of [...this.#open.values()]) invitation.fail(new BalconyError("closed", "Balcony was closed.", { phase: "trust" }));
  }

  #expire(invitation: OpenInvitation): void {
    invitation.fail(new BalconyError("code-expired", "Nobody came with the code before it expired.", { phase: "trust", peer: invitation.peer }));
  }
}

/**
 * Reads what the person has typed or scanned, for a verification with this peer.
 * @throws `code-invalid`, `invalid-jid`, `address-mismatch` for the code of somebody else's invitation
 */
export function readCode(typed: string, peer: Jid): Code {
  const code = parseCode(typed, { normalize });
  if (code.address === undefined || code.address === bare(peer)) return code;
  throw new BalconyError("address-mismatch", `That is a code of ${code.address}, and not of ${bare(peer)}.`, { phase: "trust", peer });
}
