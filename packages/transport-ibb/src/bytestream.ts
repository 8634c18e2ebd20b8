import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { BalconyError, readStanzaError, type StanzaChannel, type WaitOptions, withDeadline } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import { QuietDeadline } from "./clock.js";
import { HeldAnswers } from "./held-answers.js";
import { begin, type Effect, type Event, type State, step } from "./lifecycle.js";
import { type BytestreamLimits, NO_DEADLINE } from "./limits.js";
import { MessageBlocks } from "./message-blocks.js";
import { BlockSender, type Transmit } from "./sender.js";
import { type Agreement, type Block, blockStanza, closeRequest, lostBlock, openRequest } from "./stanzas.js";

type Answer = undefined | Promise<undefined>;

export interface BytestreamSetting {
  /** A narrowed channel of its own: closed with the bytestream. */
  readonly channel: StanzaChannel;
  /** Ends the bytestream with its reason. */
  readonly closed: AbortSignal;
  readonly agreement: Agreement;
  /** Do we send `<open/>`? */
  readonly opens: boolean;
  readonly limits: BytestreamLimits;
  /** Nothing will come for this bytestream any more. */
  readonly forget: (bytestream: InBandBytestream) => void;
}

/**
 * One in-band bytestream (XEP-0047) as a ByteChannel. `openBytestream()`, `acceptBytestreams()` and the Jingle transport make them.
 *
 * `finish` comes when the peer has acknowledged every byte, `close` when it has answered the close. Errors, by code: `ibb-lost`, `ibb-sequence`, `ibb-base64`,
 * `ibb-block-size`, `ibb-unknown-sid`, `resource-constraint`, `timeout`, and whatever ends the channel below.
 */
export class InBandBytestream extends Duplex {
  readonly sid: string;
  readonly peer: Jid;
  /** Bytes in a block, at most. */
  readonly blockSize: number;
  readonly #setting: BytestreamSetting;
  readonly #sender: BlockSender;
  readonly #closeDeadline: QuietDeadline;
  readonly #held: HeldAnswers;
  #state: State;
  #answerClose: ((answer: undefined) => void) | undefined;
  #writing: ((error?: Error | null) => void) | undefined;
  #finishing: ((error?: Error | null) => void) | undefined;
  #ready: { resolve: () => void; reject: (error: Error) => void } | undefined;

  /** @internal */
  constructor(setting: BytestreamSetting) {
    super({ allowHalfOpen: false, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
    const { agreement, channel, limits, opens, closed } = setting;
    this.#setting = setting;
    this.sid = agreement.sid;
    this.peer = channel.peer ?? "";
    this.blockSize = agreement.blockSize;
    this.#state = begin(opens ? "opening" : "agreed");
    this.#closeDeadline = new QuietDeadline(limits.clock, () => this.#closeIsLate());
    this.#held = new HeldAnswers(limits.clock, limits.holdTimeout);
    this.#sender = new BlockSender({
      blockSize: agreement.blockSize,
      windowLimit: limits.windowLimit,
      timeout: limits.acknowledgeTimeout,
      clock: limits.clock,
      peer: this.peer,
      transmit: transmitter(channel, agreement),
      progress: () => this.#closeDeadline.restart(),
      lost: (error) => this.destroy(lostBlock(error, this.peer)),
    });
    closed.addEventListener("abort", this.#onChannelClosed, { once: true });
    // A peer can break the bytestream before whoever waits for it has it in hand: that must not end the process. It is found in `errored`.
    this.on("error", () => undefined);
  }

  get agreement(): Agreement {
    return this.#setting.agreement;
  }

  /**
   * Takes what the peer sent for this bytestream; what it returns or throws answers the IQ.
   * @internal
   */
  receive(event: Event): Answer {
    return this.#step(this.#withinLimit(event));
  }

  /**
   * Takes a block that came in a message: nobody waits for an answer, but a refused one ends the bytestream all the same.
   * @internal
   */
  takeMessage(block: Block): void {
    try {
      this.receive({ type: "block", block })?.catch(() => undefined); // held back and then destroyed: nobody is to be told
    } catch (error) {
      if (!(error instanceof BalconyError && error.stanza)) throw error;
    }
  }

  /**
   * Resolves when our reader has taken what came before; undefined where nothing waits.
   * @internal
   */
  whenRead(): Promise<undefined> | undefined {
    return this.#held.any ? this.#held.hold() : undefined;
  }

  /**
   * A message with a block of ours came back.
   * @internal
   */
  bounced(message: Element): void {
    this.destroy(lostBlock(readStanzaError(message), this.peer));
  }

  /**
   * Sends `<open/>` and waits for its answer. Where it fails the bytestream is gone.
   * @internal
   */
  async open(options: WaitOptions): Promise<void> {
    const ready = this.#whenReady();
    const answered = this.#setting.channel.request(openRequest(this.agreement), options);
    try {
      await Promise.race([answered, ready.then(() => answered)]); // `ready` fails where the bytestream does
      this.#perform({ type: "opened" });
      await ready;
    } catch (error) {
      if (error instanceof BalconyError && error.code === "stanza-error") this.#perform({ type: "open-refused" });
      this.destroy();
      throw error;
    }
  }

  /**
   * Waits for the peer's `<open/>`, or its first block. Where that fails the bytestream is gone.
   * @internal
   */
  async opened(options: WaitOptions & { readonly timeout: number }): Promise<void> {
    try {
      await withDeadline(this.#whenReady(), { ...options, waitingFor: `${this.peer} to open the bytestream` });
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  #whenReady(): Promise<void> {
    if (this.destroyed) return Promise.reject(this.errored ?? new BalconyError("closed", "The bytestream was closed.", { peer: this.peer }));
    if (this.#state.phase !== "agreed" && this.#state.phase !== "opening") return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
    });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#writing = callback;
    // Never within the call itself: what is written in the same turn comes together in one _writev(), and callbacks keep their order.
    this.#sender.write(chunk, () => queueMicrotask(() => this.#accepted(callback)));
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, callback: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "binary", callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#state.phase === "closed") {
      callback();
      return;
    }
    this.#finishing = callback;
    this.#sender.flush(() => this.#perform({ type: "flushed" }));
  }

  override _read(): void {
    this.#held.release();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const reason = error ?? new BalconyError("closed", "The bytestream was closed.", { peer: this.peer });
    this.#sender.stop();
    this.#held.refuse();
    this.#perform({ type: "abandoned" });
    this.#ready?.reject(reason);
    const writing = this.#writing;
    this.#writing = undefined;
    writing?.(reason);
    callback(error);
  }

  #accepted(callback: () => void): void {
    if (this.#writing !== callback) return; // destroyed meanwhile, and told so
    this.#writing = undefined;
    callback();
  }

  #onChannelClosed = (): void => {
    this.destroy(this.#setting.closed.reason as BalconyError);
  };

  /** Performs an event that answers nothing. */
  #perform(event: Event): void {
    const answer = this.#step(event);
    if (answer) throw new BalconyError("internal", `${event.type} gave an answer to nothing.`);
  }

  #step(event: Event): Answer {
    const { state, effects } = step(this.#state, event, this.agreement);
    this.#state = state;
    let answer: Answer;
    let refused: BalconyError | undefined;
    for (const effect of effects) {
      if (effect.type === "refuse") refused = effect.error;
      else answer = this.#apply(effect) ?? answer;
    }
    if (refused) throw refused;
    return answer;
  }

  #apply(effect: Exclude<Effect, { type: "refuse" }>): Answer {
    switch (effect.type) {
      case "acknowledge":
        return;
      case "deliver":
        return this.#deliver(effect.bytes);
      case "keep-close":
        this.#closeDeadline.start(this.#setting.limits.flushTimeout);
        return new Promise((resolve) => {
          this.#answerClose = resolve;
        });
      case "answer-close":
        this.#answerClose?.(undefined);
        return;
      case "send-close":
        this.#sendClose();
        return;
      case "ready":
        this.#ready?.resolve();
        this.#ready = undefined;
        return;
      case "end-reading":
        this.#held.release();
        this.push(null);
        this.read(0); // `end` comes also where nobody ever reads
        return;
      case "end-writing":
        this.#endWriting();
        return;
      case "finish":
        this.#finishing?.();
        this.#finishing = undefined;
        return;
      case "fail":
        this.destroy(effect.error);
        return;
      case "forget":
        this.#closeDeadline.stop();
        this.#setting.closed.removeEventListener("abort", this.#onChannelClosed);
        this.#setting.forget(this);
        return;
    }
  }

  #withinLimit(event: Event): Event {
    if (event.type !== "block" || !("bytes" in event.block)) return event;
    const { receiveLimit } = this.#setting.limits;
    if (this.readableLength + event.block.bytes.length <= receiveLimit) return event;
    return { type: "block", block: { code: "resource-constraint", condition: "resource-constraint", message: `More than ${receiveLimit} bytes wait to be read.` } };
  }

  #deliver(bytes: Buffer): Answer {
    this.#closeDeadline.restart();
    return bytes.length === 0 || this.push(bytes) ? undefined : this.#held.hold();
  }

  #sendClose(): void {
    const { channel, limits } = this.#setting;
    this.#closeDeadline.start(this.#state.phase === "leaving" ? limits.flushTimeout : limits.closeTimeout);
    // Not within the call that receives: the answer to what was received goes first.
    const answered = Promise.resolve().then(() => channel.request(closeRequest(this.sid), { timeout: NO_DEADLINE }));
    answered.then(
      () => this.#perform({ type: "close-answered" }),
      (error: unknown) => this.#perform({ type: "close-answered", error: this.#unclean(error) }),
    );
  }

  /** XEP-0047 §2.3: item-not-found closes as well as a result does; so does a peer whose bytestream is gone so long that it knows nothing of it. */
  #unclean(error: unknown): BalconyError | undefined {
    const condition = error instanceof BalconyError ? error.stanza?.condition : undefined;
    if (condition === "item-not-found") return undefined;
    if (condition === "service-unavailable" && this.agreement.stanza === "iq") return undefined;
    return lostBlock(error, this.peer);
  }

  #closeIsLate(): void {
    if (this.#state.phase === "answering") {
      this.#perform({ type: "late" });
      return;
    }
    const { closeTimeout } = this.#setting.limits;
    this.#perform({ type: "close-answered", error: new BalconyError("timeout", `Waited ${closeTimeout / 1000} s for ${this.peer} to answer <close/>.`, { peer: this.peer }) });
  }

  #endWriting(): void {
    if (this.#sender.idle && this.writableLength === 0) this.end();
    else this.destroy(new BalconyError("ibb-lost", `${this.peer} closed the bytestream before it had taken everything.`, { peer: this.peer }));
  }
}

function transmitter(channel: StanzaChannel, agreement: Agreement): Transmit {
  if (agreement.stanza === "iq") {
    return (seq, bytes, acknowledged, lost) => {
      channel.request(blockStanza(agreement, seq, bytes), { timeout: NO_DEADLINE, onResult: acknowledged }).catch(lost);
    };
  }
  const messages = new MessageBlocks(channel);
  return (seq, bytes, acknowledged, lost) => {
    messages.send(blockStanza(agreement, seq, bytes)).then(acknowledged, lost);
  };
}
