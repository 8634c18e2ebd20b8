import { Buffer } from "node:buffer";
import { BalconyError } from "@balcony/channel";
import { type Clock, QuietDeadline } from "./clock.js";
import { SEQUENCE_LENGTH } from "./stanzas.js";
import { acknowledge, hasRoom, startWindow, type Window } from "./window.js";

export type Transmit = (seq: number, bytes: Buffer, acknowledged: () => void, lost: (error: unknown) => void) => void;

export interface BlockSenderOptions {
  /** Bytes in a block, at most. */
  readonly blockSize: number;
  /** Bytes that may be unacknowledged, at most. */
  readonly windowLimit: number;
  /** ms without any acknowledgement after which blocks count as lost. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly peer: string;
  /** Sends one block, and tells when the peer has acknowledged it, or that it is lost. Called in the order of `seq`, never twice for the same. */
  readonly transmit: Transmit;
  /** A block was acknowledged. */
  readonly progress: () => void;
  /** A block was refused or not acknowledged in time. Called once; nothing is sent any more. */
  readonly lost: (error: unknown) => void;
}

/** Blocks on their way at once, at most, however small: each is a request that the peer and its channel have to keep. */
const MOST_BLOCKS = 64;
/** From this many blocks on the way, small writes wait to be joined into a whole block. */
const FEW_BLOCKS = 4;

/**
 * Cuts what is written into blocks and keeps as many on their way as the window allows. Small writes go out at once while few blocks are on
 * their way, and are joined into whole blocks otherwise, so that no timer is needed (Nagle's algorithm).
 */
export class BlockSender {
  readonly #options: BlockSenderOptions;
  #window: Window;
  #seq = 0;
  #stopped = false;

  /** What is not sent yet: whole chunks, of which the first `#offset` bytes have gone. */
  #chunks: Buffer[] = [];
  #offset = 0;
  #waiting = 0;

  /** What is sent and not acknowledged. */
  #blocks = 0;
  #bytes = 0;

  #accepted: (() => void) | undefined;
  #flushed: (() => void) | undefined;
  readonly #deadline: QuietDeadline;

  constructor(options: BlockSenderOptions) {
    const { blockSize, windowLimit, clock, timeout, peer } = options;
    this.#options = options;
    this.#window = startWindow(blockSize, windowLimit);
    this.#deadline = new QuietDeadline(clock, () => this.#lose(new BalconyError("ibb-lost", `Waited ${timeout / 1000} s for ${peer} to acknowledge a block.`, { peer })));
  }

  /** Is everything that was written acknowledged? */
  get idle(): boolean {
    return this.#waiting === 0 && this.#blocks === 0;
  }

  /** Takes bytes to send; `accepted` is called once there is room for more. */
  write(chunk: Buffer, accepted: () => void): void {
    if (chunk.length > 0) {
      this.#chunks.push(chunk);
      this.#waiting += chunk.length;
    }
    this.#accepted = accepted;
    this.#pump();
  }

  /** Sends what is left, however small; `flushed` is called once everything is acknowledged. */
  flush(flushed: () => void): void {
    this.#flushed = flushed;
    this.#pump();
  }

  /** Sends nothing any more and calls nobody back. */
  stop(): void {
    this.#stopped = true;
    this.#deadline.stop();
    this.#chunks = [];
  }

  #pump(): void {
    const { blockSize } = this.#options;
    while (this.#waiting > 0 && !this.#stopped) {
      const size = Math.min(this.#waiting, blockSize);
      if (size < blockSize && this.#blocks >= FEW_BLOCKS && !this.#flushed) break;
      if (this.#blocks >= MOST_BLOCKS || !hasRoom(this.#window, this.#bytes, size)) break;
      this.#send(this.#take(size));
    }
    if (this.#stopped) return;
    if (this.#accepted && this.#waiting < blockSize) this.#accept();
    if (this.#flushed && this.idle) {
      const flushed = this.#flushed;
      this.#flushed = undefined;
      flushed();
    }
  }

  /** What little is left is copied: the bytes written are the writer's again once they are accepted. */
  #accept(): void {
    if (this.#waiting > 0) {
      this.#chunks = [Buffer.from(this.#take(this.#waiting))];
      this.#waiting = this.#chunks[0]?.length ?? 0;
      this.#offset = 0;
    }
    const accepted = this.#accepted;
    this.#accepted = undefined;
    accepted?.();
  }

  /** The next `size` bytes: without copying where they lie in one chunk. */
  #take(size: number): Buffer {
    const parts: Buffer[] = [];
    for (let missing = size; missing > 0; ) {
      const chunk = this.#chunks[0] as Buffer; // `size` is at most what is waiting
      const part = chunk.subarray(this.#offset, this.#offset + missing);
      parts.push(part);
      missing -= part.length;
      this.#offset += part.length;
      if (this.#offset < chunk.length) break;
      this.#chunks.shift();
      this.#offset = 0;
    }
    this.#waiting -= size;
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, size);
  }

  #send(bytes: Buffer): void {
    const { clock, transmit } = this.#options;
    const sent = clock.now();
    const alone = this.#blocks === 0;
    const seq = this.#seq;
    this.#seq = (seq + 1) % SEQUENCE_LENGTH;
    this.#blocks += 1;
    this.#bytes += bytes.length;
    if (alone) this.#deadline.start(this.#options.timeout);
    transmit(
      seq,
      bytes,
      () => this.#acknowledged(bytes.length, sent, alone),
      (error) => this.#lose(error),
    );
  }

  #acknowledged(bytes: number, sent: number, alone: boolean): void {
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    const full = !hasRoom(this.#window, this.#bytes, this.#options.blockSize);
    this.#window = acknowledge(this.#window, { bytes, trip: now - sent, now, alone, full });
    this.#blocks -= 1;
    this.#bytes -= bytes;
    if (this.#blocks === 0) this.#deadline.stop();
    else this.#deadline.restart();
    this.#options.progress();
    this.#pump();
  }

  #lose(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#options.lost(error);
  }
}
