import { EventEmitter } from "node:events";
import { BalconyError } from "@balcony/channel";
import {
  type CeremonyContext,
  type CeremonyEffect,
  type CeremonyEvent,
  type CeremonyMessage,
  type CeremonyMode,
  type CeremonyState,
  ceremonyStep,
  type SasSymbols,
} from "@balcony/trust";
import { endedBy } from "./errors.js";

const LIFE = 10 * 60_000;

export interface CeremonyEvents {
  /** The other person says that they match, or that they differ: to be shown, and never to be trusted. */
  peer: [says: "match" | "differ"];
  /** It is over: with the error that says why, or without one where the peer's key is verified now. Exactly once. */
  end: [error?: BalconyError];
}

/** What a ceremony does outside of itself. */
export interface CeremonySurroundings {
  readonly context: CeremonyContext;
  /** Rejects with the error that the peer's client answers. */
  readonly send: (message: CeremonyMessage) => Promise<void>;
  readonly rejection: (error: unknown) => BalconyError["code"];
  readonly charge: () => Promise<void>;
  readonly save: (how: "symbols" | "read-aloud") => Promise<void>;
  readonly recordDifference: () => Promise<void>;
  readonly closeChannel: () => Promise<void>;
  readonly prompt: () => void;
  readonly over: () => void;
  readonly report: (error: unknown) => void;
}

const fresh = () => ({ half: crypto.getRandomValues(new Uint8Array(16)), nonce: crypto.getRandomValues(new Uint8Array(32)) });

/**
 * Two people find out whether somebody is between them, by comparing what is on both screens over a way that is not XMPP: by voice, or side by side. Made by `session.verify()`, or by
 * taking a `verification` request. Lives for 10 minutes; may be finished after the stream was lost.
 */
export class Ceremony extends EventEmitter<CeremonyEvents> {
  /** @internal */
  readonly shown: Promise<this>;
  #state: CeremonyState = { name: "idle" };
  #symbols: SasSymbols | undefined;
  #mode: CeremonyMode = "compare";
  #refused = false;
  #failure: BalconyError | undefined;
  readonly #timer = setTimeout(() => this.#dispatch({ type: "deadline" }), LIFE);
  readonly #surroundings: CeremonySurroundings;
  #showed: () => void = () => undefined;
  #failed: (error: BalconyError) => void = () => undefined;
  readonly #ended: Promise<void>;
  #finish: () => void = () => undefined;

  /** @internal */
  constructor(surroundings: CeremonySurroundings) {
    super();
    this.#surroundings = surroundings;
    this.#timer.unref();
    this.shown = new Promise((resolve, reject) => {
      this.#showed = () => resolve(this);
      this.#failed = reject;
    });
    this.shown.catch(() => undefined); // whoever waits for it hears of it, and `end` tells everybody
    this.#ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  /** `compare`: ask whether both are the same. `read`: read the numbers aloud. `type`: type the numbers that you hear. */
  get mode(): CeremonyMode {
    return this.#mode;
  }

  /** What to compare; both forms say the same. Throws `invalid-argument` for whoever is to type what they hear. */
  get symbols(): SasSymbols {
    if (!this.#symbols || this.#mode === "type") throw new BalconyError("invalid-argument", "There is nothing to show here: the other person reads, and this one types.");
    return this.#symbols;
  }

  /**
   * The person here has compared: they match. Resolves once the peer's key is kept as verified.
   * @throws `key-revoked`, what the store throws, or why the ceremony is over
   */
  async confirm(): Promise<void> {
    this.#demand(this.#mode !== "type");
    this.#dispatch({ type: "confirm" });
    await this.#verified();
  }

  /**
   * The numbers that the person here has heard. Spaces do not matter.
   * @returns whether they are right, and the peer's key is kept as verified; false: they may be typed once more
   * @throws `verification-differs` the third time, or why the ceremony is over
   */
  async enter(numbers: string): Promise<boolean> {
    this.#demand(this.#mode === "type");
    this.#dispatch({ type: "typed", numbers });
    if (this.#state.name === "showing") return false;
    await this.#verified();
    return true;
  }

  /** The person here has compared: they differ. Somebody may be between the two: it is recorded, the peer is told, the stream is closed. */
  async differ(): Promise<void> {
    this.#dispatch({ type: "differ" });
    await this.#ended;
  }

  /** Ends it without a result; the guess is spent. */
  async cancel(): Promise<void> {
    this.#dispatch({ type: "cancel" });
    await this.#ended;
  }

  /** @internal What is on the screen and must not be sent. */
  get secret(): SasSymbols | undefined {
    return this.#state.name === "showing" ? this.#symbols : undefined;
  }

  /** @internal */
  get over(): boolean {
    return this.#state.name === "over";
  }

  /** @internal Why it is over, where it has failed. */
  get failure(): BalconyError | undefined {
    return this.#failure;
  }

  /** @internal */
  get asked(): CeremonyMode | undefined {
    return this.#state.name === "asked" ? this.#state.mode : undefined;
  }

  /** @internal */
  ask(readAloud: boolean): void {
    this.#dispatch({ type: "ask", readAloud, ...fresh() });
  }

  /** @internal */
  accept(): void {
    this.#dispatch({ type: "accept", ...fresh() });
  }

  /** @internal Returns false for what is about no ceremony that there is. */
  receive(message: CeremonyMessage): boolean {
    this.#refused = false;
    this.#dispatch({ type: "received", message });
    return !this.#refused;
  }

  /** @internal */
  lost(): void {
    this.#dispatch({ type: "lost" });
  }

  #demand(can: boolean): void {
    if (this.#failure) throw this.#failure;
    if (this.#state.name === "showing" && !can) throw new BalconyError("invalid-argument", this.#mode === "type" ? "Type what you hear." : "There is nothing to type here.");
  }

  async #verified(): Promise<void> {
    await this.#ended;
    if (this.#failure) throw this.#failure;
  }

  #dispatch(event: CeremonyEvent): void {
    const { state, effects } = ceremonyStep(this.#surroundings.context, this.#state, event);
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: CeremonyEffect): void {
    const { charge, closeChannel, prompt, recordDifference, report, save, send } = this.#surroundings;
    switch (effect.do) {
      case "send":
        send(effect.message).catch((error: unknown) => this.#dispatch({ type: "rejected", code: this.#surroundings.rejection(error) }));
        return;
      case "prompt":
        prompt();
        return;
      case "charge":
        this.#store(charge(), "charged");
        return;
      case "save":
        this.#store(save(effect.how), "saved");
        return;
      case "show":
        this.#symbols = effect.symbols;
        this.#mode = effect.mode;
        this.#showed();
        return;
      case "record-difference":
        recordDifference().catch(report);
        return;
      case "close-channel":
        closeChannel().catch(report);
        return;
      case "tell":
        this.emit("peer", effect.what === "peer-confirmed" ? "match" : "differ");
        return;
      case "refuse":
        this.#refused = true;
        return;
      case "mistyped":
        return;
      case "end":
        this.#end(effect.outcome.verified ? undefined : endedBy(effect.outcome, this.#surroundings.context.peer));
    }
  }

  #store(work: Promise<void>, done: "charged" | "saved"): void {
    work.then(
      () => this.#dispatch({ type: done }),
      (error: unknown) => this.#dispatch({ type: "refused", code: error instanceof BalconyError ? error.code : "internal" }),
    );
  }

  #end(failure: BalconyError | undefined): void {
    clearTimeout(this.#timer);
    this.#failure = failure;
    this.#surroundings.over();
    if (failure) this.#failed(failure);
    this.#finish();
    if (failure) this.emit("end", failure);
    else this.emit("end");
  }
}
