import { BalconyError, type StanzaChannel } from "@balcony/channel";
import { bare, type Element, isFull, type Jid, xml } from "@balcony/xml";
import type { Contacts } from "./contacts.js";

export interface DirectedPresenceOptions {
  readonly contacts: Contacts;
  /** Puts our capabilities in. */
  readonly withCapabilities: (presence: Element) => Element;
  readonly report: (error: unknown) => void;
}

/**
 * Directed presence (RFC 6121 §4.6) between two who share no roster: whoever opens a bare address shows itself to it, and whoever may know us and shows itself gets ours in return.
 * Our server takes it back for us when we go offline (§4.6.4); `withdraw()` does where the client stays.
 */
export class DirectedPresence {
  /** Whom we have told on our own account, not the application. */
  readonly #told = new Set<Jid>();
  readonly #options: DirectedPresenceOptions;
  /** Of the application's own presence: ours goes by the same priority, and is kept back where the application has gone unavailable. */
  #own: { readonly priority: string | null; readonly available: boolean } = { priority: null, available: true };

  constructor(options: DirectedPresenceOptions) {
    this.#options = options;
  }

  /** A new connection: nobody has been told yet. */
  begin(): void {
    this.#told.clear();
    this.#own = { priority: null, available: true };
  }

  /** Notes what the application says of itself. */
  sent(stanza: Element): void {
    if (stanza.name !== "presence") return;
    const { to, type } = stanza.attrs;
    if (to !== undefined) this.#told.delete(to);
    else if (type === undefined) this.#own = { priority: stanza.getChildText("priority"), available: true };
    else if (type === "unavailable") this.#own = { ...this.#own, available: false };
  }

  /**
   * Shows ourselves to an account of which no resource is known, and waits for one to do the same.
   * @param timeout ms
   * @throws `unknown-resource`, `aborted`, `closed`
   */
  async seek(channel: StanzaChannel, account: Jid, { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal }): Promise<void> {
    const appears = this.#options.contacts.appears(account, { timeout, signal: AbortSignal.any([signal, channel.closed]) });
    try {
      await Promise.all([appears, this.#tell(channel, account)]);
    } catch (error) {
      if (!(error instanceof BalconyError) || !["timeout", "peer-unavailable"].includes(error.code)) throw error;
      throw unknownResource(account, error);
    }
  }

  /** Somebody who may know that we are here has shown that they are: shows ourselves to them, once. */
  answer(channel: StanzaChannel, presence: Element, from: Jid): void {
    const { contacts, report } = this.#options;
    if (presence.name !== "presence" || presence.attrs.type !== undefined || !isFull(from) || bare(from) === bare(channel.self)) return;
    if (!this.#own.available || contacts.mayKnow(from)) return;
    this.#tell(channel, from).catch(report);
  }

  /** Takes back what we have told on our own account. */
  async withdraw(channel: StanzaChannel): Promise<void> {
    const told = [...this.#told];
    this.#told.clear();
    await Promise.all(told.map(async (to) => await this.#send(channel, xml("presence", { to, type: "unavailable" }))));
  }

  async #tell(channel: StanzaChannel, to: Jid): Promise<void> {
    const { priority } = this.#own;
    this.#told.add(to);
    await this.#send(channel, this.#options.withCapabilities(xml("presence", { to }, priority !== null && xml("priority", {}, priority))));
  }

  async #send(channel: StanzaChannel, presence: Element): Promise<void> {
    this.#options.contacts.sent(presence);
    await channel.send(presence);
  }
}

export function unknownResource(account: Jid, cause?: unknown): BalconyError {
  return new BalconyError("unknown-resource", `No device of ${account} is known to be online, and none showed itself.`, {
    peer: account,
    cause,
    hint: `They are offline, or do not allow your address. Be in each other's contacts, or give the full address: ${account}/…`,
  });
}
