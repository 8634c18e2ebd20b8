import { BalconyError, type StanzaChannel, stanzaError } from "@balcony/channel";
import type { Connection, Transport, TransportAttempt, TransportContext } from "@balcony/jingle";
import { domainOf, type Element, xml } from "@balcony/xml";
import type { InBandBytestream } from "./bytestream.js";
import { defaultLimits } from "./limits.js";
import { type BytestreamOptions, offerOf, peerOf } from "./open.js";
import { registryOf } from "./registry.js";
import { type Agreement, readAgreement } from "./stanzas.js";

const NS_JINGLE_IBB = "urn:xmpp:jingle:transports:ibb:1";

/**
 * In-band bytestreams as a Jingle transport (XEP-0261).
 * @throws `invalid-argument` for a block size that is not from 1 to 32767
 */
export function ibb(options: BytestreamOptions = {}): Transport {
  offerOf(options);
  return {
    namespace: NS_JINGLE_IBB,
    reaches: ["relayed"],
    features: ["http://jabber.org/protocol/ibb"],
    check: (offer) => void readAgreement(offer),
    attempt: (context) => new IbbAttempt(context, options),
  };
}

/** One offer and its answer. Whoever began the session sends `<open/>`, whichever side offers this transport. */
class IbbAttempt implements TransportAttempt {
  #offered: Agreement | undefined;
  #bytestream: InBandBytestream | undefined;
  #connected = false;

  constructor(
    private readonly context: TransportContext,
    private readonly options: BytestreamOptions,
  ) {}

  async offer(): Promise<Element> {
    this.#mustBeWanted();
    this.#offered = offerOf(this.options);
    return transportElement(this.#offered);
  }

  async answer(offer: Element): Promise<Element> {
    const offered = readAgreement(offer);
    this.#mustBeWanted();
    const { blockSize } = offerOf(this.options);
    this.#agree({ ...offered, blockSize: Math.min(offered.blockSize, blockSize) });
    return transportElement(this.#agreed.agreement);
  }

  accepted(answer: Element): void {
    const offered = this.#offered;
    if (!offered) throw new BalconyError("internal", "An answer without an offer.");
    const answered = readAgreement(answer);
    if (answered.sid !== offered.sid) throw stanzaError("bad-request", { text: "the answer has another sid than the offer" });
    if (answered.blockSize > offered.blockSize) throw stanzaError("bad-request", { text: "the answer has larger blocks than the offer" });
    // IQs are what everybody can read: a peer may fall back to them, and not to messages.
    if (answered.stanza === "message" && offered.stanza === "iq") throw stanzaError("bad-request", { text: "the answer has another stanza than the offer" });
    this.#agree(answered);
  }

  /** XEP-0261 §2.4: all that a transport-info could do is to add a session to the bytestream, and one is all we need. */
  info(transport: Element): void {
    readAgreement(transport);
    throw stanzaError("feature-not-implemented", { text: "one session in a bytestream" });
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const bytestream = this.#agreed;
    const { channel, role, progress } = this.context;
    const options = { timeout: this.options.openTimeout ?? defaultLimits.openTimeout, signal };
    if (role === "initiator") {
      progress(`ibb: opening a bytestream with blocks of ${bytestream.blockSize} bytes`);
      await bytestream.open(options);
    } else {
      progress("ibb: waiting for the bytestream to be opened");
      await bytestream.opened(options);
    }
    this.#connected = true;
    return { bytes: bytestream, path: pathOf(channel) };
  }

  abort(): void {
    if (!this.#connected) this.#bytestream?.destroy();
  }

  #mustBeWanted(): void {
    if (this.context.addresses.paths === "direct") throw new BalconyError("failed-transport", "In-band bytestreams go through servers, and only direct paths are wanted.");
  }

  get #agreed(): InBandBytestream {
    if (!this.#bytestream) throw new BalconyError("internal", "Nothing is agreed yet.");
    return this.#bytestream;
  }

  #agree(agreement: Agreement): void {
    const { channel, role } = this.context;
    const limits = { ...defaultLimits, ...this.options };
    this.#bytestream = registryOf(channel).add(channel, peerOf(channel), { agreement, opens: role === "initiator", limits });
  }
}

function transportElement({ sid, blockSize, stanza }: Agreement): Element {
  return xml("transport", { xmlns: NS_JINGLE_IBB, "block-size": String(blockSize), sid, stanza });
}

function pathOf({ self, peer }: StanzaChannel): string {
  const domains = new Set([domainOf(self), domainOf(peer ?? self)]);
  return `ibb via ${[...domains].join(" and ")}`;
}
