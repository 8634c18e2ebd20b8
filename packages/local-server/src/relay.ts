import { clone, type Element, type Jid } from "@balcony/xml";
import type { Interfere } from "./options.js";

/** What happens to stanzas between reading and writing: somebody may interfere, and they may take their time. */
export class Relay {
  readonly #interfere: Interfere | undefined;
  readonly #latency: number;
  readonly #delayed = new Set<NodeJS.Timeout>();

  /** @param latency ms between reading a stanza and writing it */
  constructor(interfere: Interfere | undefined, latency: number) {
    this.#interfere = interfere;
    this.#latency = latency;
  }

  /** What becomes of a stanza that a client sent. */
  received(stanza: Element, session: Jid): readonly Element[] {
    return this.#altered(stanza, "in", session);
  }

  /** Hands on what becomes of a stanza to a client, in the order of calls. */
  sending(stanza: Element, session: Jid, write: (stanza: Element) => void): void {
    const ready = this.#altered(stanza, "out", session);
    if (this.#latency === 0) {
      for (const one of ready) write(one);
      return;
    }
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      for (const one of ready) write(one);
    }, this.#latency);
    this.#delayed.add(timer);
  }

  /** Drops what was not written yet. */
  stop(): void {
    for (const timer of this.#delayed) clearTimeout(timer);
    this.#delayed.clear();
  }

  #altered(stanza: Element, direction: "in" | "out", session: Jid): readonly Element[] {
    if (!this.#interfere) return [stanza];
    const outcome = this.#interfere(clone(stanza), { direction, session });
    if (outcome === undefined) return [];
    return Array.isArray(outcome) ? (outcome as readonly Element[]) : [outcome as Element];
  }
}
