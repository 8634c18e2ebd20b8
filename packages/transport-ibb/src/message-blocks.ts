import { BalconyError, type StanzaChannel } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { NO_DEADLINE } from "./limits.js";

export const NS_PING = "urn:xmpp:ping";

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Blocks in messages have no acknowledgement of their own, and XEP-0047 §4 asks for some other flow control: a ping (XEP-0199) behind them. Stanzas between two
 * addresses keep their order (RFC 6120 §10.1), so its answer says that the blocks before it have come; one that says that pings are unknown there says it as well.
 */
export class MessageBlocks {
  #uncovered: Waiting[] = [];
  #pinging = false;

  constructor(private readonly channel: StanzaChannel) {}

  /** Sends one message; resolves when the peer has it. */
  send(message: Element): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#uncovered.push({ resolve, reject });
      this.channel.send(message).catch(reject);
      this.#ping();
    });
  }

  /** One ping at a time: what is sent meanwhile is covered by the next. */
  #ping(): void {
    if (this.#pinging || this.#uncovered.length === 0) return;
    const covered = this.#uncovered;
    this.#uncovered = [];
    this.#pinging = true;
    const settle = (each: (waiting: Waiting) => void) => {
      this.#pinging = false;
      for (const waiting of covered) each(waiting);
      this.#ping();
    };
    this.channel.request(xml("iq", { type: "get" }, xml("ping", NS_PING)), { timeout: NO_DEADLINE }).then(
      () => settle(({ resolve }) => resolve()),
      (error: unknown) => settle(({ resolve, reject }) => (isUnknownPing(error) ? resolve() : reject(error))),
    );
  }
}

function isUnknownPing(error: unknown): boolean {
  const condition = error instanceof BalconyError ? error.stanza?.condition : undefined;
  return condition === "service-unavailable" || condition === "feature-not-implemented";
}
