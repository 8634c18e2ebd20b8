import type { Jid } from "@balcony/xml";

/** Milliseconds between two requests of one address. */
const BETWEEN_REQUESTS = 60_000;

/** Which ceremonies are open, over all sessions: one at a time with each address, and from each at most one request a minute. */
export class Ceremonies {
  readonly #open = new Map<Jid, () => void>();
  readonly #asked = new Map<Jid, number>();

  /** @param clock milliseconds that never go back */
  constructor(private readonly clock: () => number = () => performance.now()) {}

  /** Takes the place of this address, if it is free. */
  begin(account: Jid, cancel: () => void): boolean {
    if (this.#open.has(account)) return false;
    this.#open.set(account, cancel);
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
    for (const cancel of [...this.#open.values()]) cancel();
  }
}
