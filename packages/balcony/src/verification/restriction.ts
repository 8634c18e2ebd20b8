import { BalconyError, type StanzaChannel, stanzaError } from "@balcony/channel";
import type { BlockCode } from "@balcony/trust";
import { childElements, type Element, type Jid, xml } from "@balcony/xml";
import { NS_VERIFICATION, verificationNamespaces } from "./stanzas.js";

/** Milliseconds for two people to verify each other before a stream that is there for nothing else is closed. */
const LIFE = 10 * 60_000;

/** Is a key that is blocked with this code one that a verification can make good? A revoked one never. */
export const canBeVerified = (code: BlockCode): boolean => code === "not-trusted" || code === "key-changed";

/** What makes a stream one for verification alone. */
export interface RestrictionParts {
  /** The peer's key is not accepted here until it is verified. */
  readonly ours: boolean;
  /** The peer says that it is so with our key. */
  readonly theirs: boolean;
  /** The peer's key is verified: accepts and pins it. Throws where it is blocked all the same. */
  readonly accept: () => Promise<void>;
}

/**
 * A stream on which nothing but a verification goes (docs/xep-e2e-verification.md §8), in both directions, until each side accepts the other's key. Then it is a stream like any other.
 */
export class Restriction {
  #ours: boolean;
  #theirs: boolean;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly channel: StanzaChannel,
    private readonly parts: RestrictionParts,
    private readonly peer: Jid,
    private readonly lifted: () => void,
    private readonly report: (error: unknown) => void,
  ) {
    this.#ours = parts.ours;
    this.#theirs = parts.theirs;
    channel.onRequest({ type: "set", name: "unrestricted", xmlns: NS_VERIFICATION }, (): undefined => this.#liftedByPeer());
    this.#timer = setTimeout(() => {
      report(new BalconyError("timeout", `The stream with ${peer} was there to verify each other, and within ${LIFE / 60_000} minutes nobody has.`, { phase: "trust", peer }));
      void channel.close();
    }, LIFE);
    this.#timer.unref();
    channel.closed.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
  }

  get stands(): boolean {
    return this.#ours || this.#theirs;
  }

  /** Throws `verification-required` for what may not be sent yet. */
  checkOutgoing(stanza: Element): void {
    if (!this.stands || belongs(stanza)) return;
    const whose = this.#ours ? `The key of ${this.peer} is` : `Your key is, for ${this.peer},`;
    throw new BalconyError("verification-required", `${whose} not verified, and nothing else is sent before it is.`, {
      phase: "trust",
      peer: this.peer,
      hint: "Verify each other first: /verify.",
    });
  }

  /** The error that answers what may not come in yet. */
  refusal(stanza: Element): BalconyError | undefined {
    if (!this.#ours || belongs(stanza)) return undefined;
    this.report(
      new BalconyError("verification-required", `${this.peer} sent <${stanza.name}/> before the two of you have verified each other; it was refused.`, {
        phase: "trust",
        peer: this.peer,
      }),
    );
    return stanzaError("not-authorized", { text: "not before we have verified each other", application: xml("verification-required", NS_VERIFICATION) });
  }

  /** The peer's key was verified here. */
  async verified(): Promise<void> {
    if (!this.#ours) return;
    await this.parts.accept();
    this.#ours = false;
    // It comes before whatever we send from now on. Where the stream is lost meanwhile, the key is verified all the same.
    this.channel.request(xml("iq", { type: "set" }, xml("unrestricted", NS_VERIFICATION))).catch((error: unknown) => {
      if (!this.channel.closed.aborted) this.report(error);
    });
    this.#settle();
  }

  #liftedByPeer(): undefined {
    if (!this.#theirs) return;
    this.#theirs = false;
    this.#settle();
  }

  #settle(): void {
    if (this.stands) return;
    clearTimeout(this.#timer);
    this.lifted();
  }
}

/** Is it part of a verification, or the answer to a request that is? */
function belongs(stanza: Element): boolean {
  if (stanza.name !== "iq") return false;
  if (stanza.attrs.type === "result" || stanza.attrs.type === "error") return true;
  return childElements(stanza).every((child) => verificationNamespaces.has(child.getNS() ?? ""));
}
