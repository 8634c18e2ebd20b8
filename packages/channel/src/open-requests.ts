import type { Jid } from "@balcony/xml";

/** Senders that can fill their own share before a new one finds none left. */
const SHARES = 16;

/**
 * Counts the requests that wait for their answer or for its way out, so that whoever asks faster than he is answered fills no memory.
 * Up to the limit a sender's requests are served; as many again are refused, since that is an answer to be sent too; what comes beyond is dropped.
 */
export class OpenRequests {
  readonly #bySender = new Map<Jid, number>();
  #all = 0;

  /** @param limit requests of one sender; of all senders together 16 times as many */
  constructor(private readonly limit: number) {}

  admit(from: Jid): "serve" | "refuse" | "drop" {
    const load = Math.max((this.#bySender.get(from) ?? 0) / this.limit, this.#all / (this.limit * SHARES));
    if (load < 1) return "serve";
    return load < 2 ? "refuse" : "drop";
  }

  opened(from: Jid): void {
    this.#all++;
    this.#bySender.set(from, (this.#bySender.get(from) ?? 0) + 1);
  }

  closed(from: Jid): void {
    this.#all--;
    const left = (this.#bySender.get(from) ?? 0) - 1;
    if (left > 0) this.#bySender.set(from, left);
    else this.#bySender.delete(from);
  }
}
