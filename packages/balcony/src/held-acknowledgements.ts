import type { Element } from "@balcony/xml";

const NS_SM = "urn:xmpp:sm:3";
/** ms for which a request to acknowledge may wait. Servers wait for their answer for 30 s and more before they give a connection up. */
const WITHHELD = 100;
/** Stanzas that may be unacknowledged meanwhile: Prosody keeps 500 of them, and cannot resume a connection that lost one. */
const MOST = 100;

/**
 * Keeps a server from asking again for each stanza (XEP-0198 §4): it asks no more while its `<r/>` is unanswered, so one that follows another at once waits a moment, and its
 * answer counts what has come meanwhile. A bytestream through the server costs it, and us, a third less. §4 allows this: an answer may be withheld for a timeout.
 *
 * It waits only as long as something else of ours answers what comes: where nothing does, the system puts TCP's own acknowledgement off for some 40 ms, and Nagle's algorithm
 * puts what the server has to send off until that.
 */
export class HeldAcknowledgements {
  #held: Element | undefined;
  #timer: NodeJS.Timeout | undefined;
  #answered = Number.NEGATIVE_INFINITY;
  #since = 0;
  #looking = false;
  /** Has something gone in this turn? */
  #written = false;

  /** @param passOn gives a request to whoever answers it */
  constructor(private readonly passOn: (request: Element) => void) {}

  /** Takes a request to acknowledge, to be passed on now or later. @returns whether it is one */
  take(element: Element): boolean {
    if (!element.is("r", NS_SM)) return false;
    this.#held = element;
    const wait = this.#answered + WITHHELD - performance.now();
    if (wait <= 0) this.release();
    else {
      this.#timer ??= setTimeout(() => this.release(), wait).unref();
      this.#look();
    }
    return true;
  }

  /** A stanza comes. */
  comes(): void {
    this.#since += 1;
    if (this.#since >= MOST) this.release();
    else this.#look();
  }

  /** A stanza goes. */
  goes(): void {
    if (this.#written) return;
    this.#written = true;
    setImmediate(() => {
      this.#written = false;
    });
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

  /** The connection is gone, and what it asked with it. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#held = undefined;
  }

  /** Is nothing sent in the turn in which something came? */
  #look(): void {
    if (!this.#held || this.#looking || this.#written) return;
    this.#looking = true;
    setImmediate(() => {
      this.#looking = false;
      if (!this.#written) this.release();
    });
  }
}
