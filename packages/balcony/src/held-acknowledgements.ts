import type { Element } from "@balcony/xml";

const NS_SM = "urn:xmpp:sm:3";
/** ms for which a request to acknowledge may wait. Servers wait for their answer for 30 s and more before they give a connection up. */
const WITHHELD = 100;
/** Stanzas that may be unacknowledged meanwhile: Prosody keeps 500 of them, and cannot resume a connection that lost one. */
const MOST = 100;

/**
 * Keeps a server from asking again for each stanza (XEP-0198 §4): it asks no more while its `<r/>` is unanswered, so one that follows another at once waits a moment, and its
 * answer counts what has come meanwhile. A bytestream through the server costs it, and us, a third less. §4 allows this: an answer may be withheld for a timeout.
 */
export class HeldAcknowledgements {
  #held: Element | undefined;
  #timer: NodeJS.Timeout | undefined;
  #answered = Number.NEGATIVE_INFINITY;
  #since = 0;

  /** @param passOn gives a request to whoever answers it */
  constructor(private readonly passOn: (request: Element) => void) {}

  /** Takes a request to acknowledge, to be passed on now or later. @returns whether it is one */
  take(element: Element): boolean {
    if (!element.is("r", NS_SM)) return false;
    this.#held = element;
    const wait = this.#answered + WITHHELD - performance.now();
    if (wait <= 0) this.release();
    else this.#timer ??= setTimeout(() => this.release(), wait).unref();
    return true;
  }

  /** A stanza came. */
  counted(): void {
    this.#since += 1;
    if (this.#since >= MOST) this.release();
  }

  /** The connection is gone, and what it asked with it. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#held = undefined;
  }

  /** Passes on what waits, if anything does. */
  release(): void {
    const request = this.#held;
    if (!request) return;
    this.forget();
    this.#answered = performance.now();
    this.#since = 0;
    this.passOn(request);
  }
}
