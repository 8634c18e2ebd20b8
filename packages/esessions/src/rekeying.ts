import { BalconyError } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import type { Arithmetic, Crypto } from "./crypto.js";
import type { StanzaCipher } from "./stanza-cipher.js";

/** When a session agrees on new keys by itself, where the frequency that was negotiated allows it. */
export interface RekeyTimes {
  /** Stanzas that we have sent since the last time. */
  readonly stanzas: number;
  /** Milliseconds, if anything was sent or received in them. */
  readonly time: number;
}

export const defaultRekeyTimes: RekeyTimes = Object.freeze({ stanzas: 4_096, time: 10 * 60_000 });

export interface RekeyingOptions {
  readonly cipher: StanzaCipher;
  readonly crypto: Crypto;
  readonly arithmetic: Arithmetic;
  readonly group: number;
  /** Stanzas in both directions between re-keys, as was agreed. */
  readonly frequency: number;
  readonly after: RekeyTimes;
  readonly peer: Jid;
  /** Aborted when the session ends. */
  readonly closed: AbortSignal;
  /** Sends a `<c/>` that is there for its new key. */
  readonly send: (c: Element) => Promise<void>;
  readonly report: (error: unknown) => void;
}

/** Our own re-keys (XEP-0200 §8.2): when they are due, and how they are made. A key that is known later opens no more than what was sent under it. */
export class Rekeying {
  readonly #options: RekeyingOptions;
  /** Stanzas in both directions since our last re-key, and of those ours. */
  #exchanged = 0;
  #sent = 0;
  #underWay = false;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: RekeyingOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#inTime(), options.after.time);
    this.#timer.unref();
  }

  sent(): void {
    this.#exchanged++;
    this.#sent++;
    if (this.#sent >= this.#options.after.stanzas) this.#inTime();
  }

  received(): void {
    this.#exchanged++;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** XEP-0200 §8: as regularly as possible. */
  #inTime(): void {
    const { cipher, closed, frequency, report } = this.#options;
    if (this.#underWay || closed.aborted || this.#exchanged < frequency || !cipher.mayRekey) return;
    this.#underWay = true;
    this.begin()
      .catch((error: unknown) => {
        if (!closed.aborted) report(error);
      })
      .finally(() => {
        this.#underWay = false;
      });
  }

  /** @throws `resource-constraint`, `closed` */
  async begin(): Promise<void> {
    const { arithmetic, cipher, closed, crypto, frequency, group, peer, send } = this.#options;
    if (this.#exchanged < frequency) {
      throw new BalconyError("resource-constraint", `A re-key may come after ${frequency} stanzas, as was agreed.`, { phase: "session", peer });
    }
    for (;;) {
      closed.throwIfAborted();
      if (!cipher.mayRekey) throw new BalconyError("resource-constraint", "The peer has not been heard to have seen the last re-keys.", { phase: "session", peer });
      const exponent = crypto.random(64);
      exponent[0] = (exponent[0] ?? 0) | 0x80;
      const against = cipher.peerPublic;
      const [publicValue, power] = await arithmetic.powers([
        { group, exponent },
        { group, base: against, exponent },
      ]);
      closed.throwIfAborted();
      const c = publicValue && power && cipher.seal(undefined, { against, exponent, publicValue, power });
      if (!c) continue; // the peer has re-keyed meanwhile
      this.#exchanged = 0;
      this.#sent = 0;
      await send(c);
      return;
    }
  }
}
