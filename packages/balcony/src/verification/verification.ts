import { BalconyError, type StanzaChannel, stanzaError, withDeadline } from "@balcony/channel";
import type { CeremonyMode, Device, TrustStore } from "@balcony/trust";
import { bare, type Element, type Jid, xml } from "@balcony/xml";
import type { ChannelBinding } from "./binding.js";
import type { Ceremonies, OpenCeremony } from "./ceremonies.js";
import { Ceremony } from "./ceremony.js";
import { rejection } from "./errors.js";
import { messageNames, NS_VERIFICATION, readMessage, writeMessage } from "./stanzas.js";

const LIFE = 10 * 60_000;

/** The other person asks to verify. Nothing secret leaves before it is taken. */
export interface VerificationRequest {
  readonly peer: Jid;
  /** `read`: they want to type what the person here reads aloud. */
  readonly mode: "compare" | "read";
  /** Takes it. Resolves once there is something to compare; rejects with why it ended before. */
  accept(): Promise<Ceremony>;
  decline(): Promise<void>;
}

export interface VerifyOptions {
  /** The other person reads numbers aloud, the person here types them, and this program compares. */
  readonly readAloud?: boolean;
  readonly signal?: AbortSignal;
}

/** What verification needs of a session. */
export interface VerificationParts {
  readonly binding: ChannelBinding;
  readonly store: TrustStore;
  readonly ceremonies: Ceremonies;
}

interface Listeners {
  /** Is anybody there to ask the person? */
  readonly listening: () => boolean;
  readonly asked: (request: VerificationRequest) => void;
  /** Where it rejects, so does what the person waits for. */
  readonly verified: (device: Device) => Promise<void>;
  readonly report: (error: unknown) => void;
}

/** Ceremonies within one session, one at a time. */
export class Verification {
  #current: Ceremony | undefined;
  readonly #self: Jid;
  readonly #peer: Jid;

  constructor(
    private readonly channel: StanzaChannel,
    private readonly parts: VerificationParts,
    private readonly listeners: Listeners,
    private readonly peer: Jid,
  ) {
    this.#self = bare(channel.self);
    this.#peer = bare(peer);
    for (const name of messageNames) channel.onRequest({ type: "set", name, xmlns: NS_VERIFICATION }, ({ payload }) => this.#receive(payload));
    channel.closed.addEventListener("abort", () => this.#current?.lost(), { once: true });
  }

  /** Asks the other person, or takes what they have asked for. Resolves once there is something to compare. */
  async verify({ readAloud = false, signal }: VerifyOptions): Promise<Ceremony> {
    const asked = this.#current?.asked ? this.#current : undefined;
    const ceremony = asked ?? this.#begin();
    if (!ceremony) throw new BalconyError("verification-busy", `A verification with ${this.#peer} is open already.`, { phase: "trust", peer: this.peer });
    if (asked) asked.accept();
    else ceremony.ask(readAloud);
    return await this.#shown(ceremony, signal);
  }

  async #shown(ceremony: Ceremony, signal?: AbortSignal): Promise<Ceremony> {
    try {
      return await withDeadline(ceremony.shown, { timeout: LIFE, signal, waitingFor: `${this.#peer} to take the verification` });
    } catch (error) {
      if (!ceremony.over) await ceremony.cancel();
      throw error;
    }
  }

  #receive(payload: Element): undefined {
    const message = readMessage(payload);
    if (message.type === "request" && (!this.#current || this.#current.over)) {
      if (!this.listeners.listening()) throw stanzaError("service-unavailable");
      if (!this.parts.ceremonies.mayAsk(this.#peer)) throw stanzaError("resource-constraint");
      if (!this.#begin()) throw stanzaError("resource-constraint");
    }
    const unasked = message.type === "request" && !this.#current?.asked;
    if (!this.#current?.receive(message)) throw stanzaError(message.type === "request" ? "resource-constraint" : "item-not-found");
    // Nobody here was asked, so nobody waits to hear why it is over already.
    if (unasked && this.#current.failure) this.listeners.report(this.#current.failure);
    return undefined;
  }

  #begin(): Ceremony | undefined {
    const { binding, ceremonies, store } = this.parts;
    const { ctx, ekm, role, spki } = binding;
    let ceremony: Ceremony | undefined;
    const open: OpenCeremony = {
      cancel: () => void ceremony?.cancel(),
      get secret() {
        return ceremony?.secret;
      },
    };
    if (!ceremonies.begin(this.#peer, open)) return undefined;
    try {
      ceremony = new Ceremony({
        context: { role, self: this.#self, peer: this.#peer, ctx, ekm },
        send: async (message) => void (await this.channel.request(xml("iq", { type: "set" }, writeMessage(message)))),
        rejection,
        charge: async () => await store.chargeGuess(this.#self, this.#peer),
        save: async (how) => await this.listeners.verified(await store.confirmSymbols(this.#self, this.#peer, spki, how)),
        recordDifference: async () => void (await store.recordDifference(this.#self, this.#peer, spki)),
        closeChannel: async () => await this.channel.close(),
        prompt: () => this.#prompt(),
        over: () => ceremonies.end(this.#peer),
        report: this.listeners.report,
      });
    } catch (error) {
      ceremonies.end(this.#peer);
      throw error;
    }
    this.#current = ceremony;
    return ceremony;
  }

  #prompt(): void {
    const ceremony = this.#current;
    const mode: CeremonyMode = ceremony?.asked ?? "compare";
    if (!ceremony) return;
    this.listeners.asked({
      peer: this.peer,
      mode: mode === "read" ? "read" : "compare",
      accept: async () => {
        ceremony.accept();
        return await this.#shown(ceremony);
      },
      decline: async () => await ceremony.cancel(),
    });
  }
}
