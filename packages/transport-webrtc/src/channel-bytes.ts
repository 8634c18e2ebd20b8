import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { BalconyError } from "@balcony/channel";
import type { DataChannel } from "./peer-connection.js";
import { MAX_MESSAGE } from "./sdp.js";

type Done = (error?: Error | null) => void;

/** Bytes handed to the data channel ahead of what it has sent, where it does not say itself what pays. */
const AHEAD = 256 * 1024;
/** Bytes that wait for our reader, at most. A peer that keeps to its window stays far below. */
const MAX_UNREAD = 4 * 1024 * 1024;
/** ms for the peer to end its side, once ours is ended and sent; and for the channel to close. */
const CLOSING = 5_000;

export interface ChannelBytesOptions {
  readonly channel: DataChannel;
  /** Lets go of the connection below. */
  readonly release: () => void;
}

/**
 * A data channel as a ByteChannel. Small writes are joined into messages of up to 64 KiB.
 *
 * Data channels know no end of one direction, and closing one drops what the other side has not sent yet. So an empty message says that no more will come;
 * the channel is closed when both sides have said it. A peer that knows nothing of this closes its channel, which counts as its end.
 *
 * Errors, by code: `connection-lost`, `webrtc-channel`, `resource-constraint`.
 */
export class ChannelBytes extends Duplex {
  readonly #channel: DataChannel;
  readonly #release: () => void;
  readonly #ahead: number;
  #draining: Done | undefined;
  /** Ends the wait for the channel to close. */
  #leaving: (() => void) | undefined;
  #ended = false;
  #sentEnd = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ channel, release }: ChannelBytesOptions) {
    super({ allowHalfOpen: false, readableHighWaterMark: 256 * 1024, writableHighWaterMark: 256 * 1024 });
    this.#channel = channel;
    this.#release = release;
    this.#ahead = channel.ahead ?? AHEAD;
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = this.#ahead / 2;
    channel.addEventListener("message", ({ data }) => this.#receive(data));
    channel.addEventListener("bufferedamountlow", () => this.#drained());
    channel.addEventListener("closing", () => this.#closed());
    channel.addEventListener("close", () => this.#closed());
    channel.addEventListener("error", () => this.lose());
    // A peer can break it before whoever waits for it has it in hand: that must not end the process. It is found in `errored`.
    this.on("error", () => undefined);
  }

  /** The connection below is gone. */
  lose(error: BalconyError = new BalconyError("connection-lost", "The WebRTC connection broke.")): void {
    if (this.#leaving) this.#leaving();
    else this.destroy(this.#ended && this.#sentEnd ? undefined : error);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send(chunk, 0, done);
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, done: Done): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), 0, done);
  }

  override _final(done: Done): void {
    if (this.#channel.readyState === "open") this.#channel.send(new Uint8Array(0));
    this.#sentEnd = true;
    this.#channel.bufferedAmountLowThreshold = 0;
    this.#draining = () => {
      if (!this.#ended) this.#timer = setTimeout(() => this.#end(), CLOSING);
      done();
    };
    if (this.#channel.bufferedAmount === 0 || this.#channel.readyState !== "open") this.#drained();
  }

  override _read(): void {
    this.#taken();
  }

  override _destroy(error: Error | null, done: Done): void {
    clearTimeout(this.#timer);
    const leave = () => {
      clearTimeout(this.#timer);
      this.#leaving = undefined;
      this.#release();
      done(error);
    };
    this.#draining?.(error ?? new BalconyError("closed", "The data channel was closed."));
    this.#draining = undefined;
    clearTimeout(this.#timer);
    if (error || !this.#ended || !this.#sentEnd || this.#channel.readyState === "closed") {
      leave();
      return;
    }
    // Both sides have ended: closing the channel is what tells that everything has arrived.
    this.#leaving = leave;
    this.#timer = setTimeout(leave, CLOSING);
    this.#channel.close();
  }

  // ---- sending

  /** One message after another, and no more of them at once than pays: what waits in the channel costs it something at each packet. */
  #send(bytes: Buffer, from: number, done: Done): void {
    let at = from;
    try {
      for (; at < bytes.length && this.#channel.bufferedAmount < this.#ahead; at += MAX_MESSAGE) {
        // A copy: the writer may use its memory again once it is told that the write is done.
        this.#channel.send(Uint8Array.from(bytes.subarray(at, at + MAX_MESSAGE)));
      }
    } catch (cause) {
      done(new BalconyError("connection-lost", "The data channel takes no more.", { cause }));
      return;
    }
    if (at < bytes.length) this.#draining = (error) => (error ? done(error) : this.#send(bytes, at, done));
    else if (this.#channel.bufferedAmount >= this.#ahead) this.#draining = done;
    // Never within the call itself: what is written in the same turn comes together in one _writev().
    else queueMicrotask(done);
  }

  #drained(): void {
    const waiting = this.#draining;
    this.#draining = undefined;
    waiting?.();
  }

  // ---- receiving

  /** What `read()` has taken since the last time. */
  #unread = 0;

  #receive(data: unknown): void {
    if (this.destroyed) return;
    const bytes = data instanceof Uint8Array ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : data instanceof ArrayBuffer ? Buffer.from(data) : undefined;
    if (!bytes || bytes.length > MAX_MESSAGE || (this.#ended && bytes.length > 0)) {
      this.destroy(new BalconyError("webrtc-channel", bytes ? (this.#ended ? "Bytes came behind the end." : `A message of ${bytes.length} bytes.`) : "A message of text."));
      return;
    }
    if (bytes.length === 0) {
      this.#end();
      return;
    }
    if (this.readableLength + bytes.length > MAX_UNREAD) {
      this.destroy(new BalconyError("resource-constraint", `More than ${MAX_UNREAD} bytes wait to be read.`));
      return;
    }
    this.#unread += bytes.length;
    this.push(bytes);
    this.#taken();
  }

  #taken(): void {
    const taken = this.#unread - this.readableLength;
    if (taken <= 0) return;
    this.#unread -= taken;
    this.#channel.taken?.(taken);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.push(null);
    this.read(0); // `end` comes also where nobody ever reads
  }

  /** The peer has closed the channel. */
  #closed(): void {
    if (this.#leaving) {
      this.#leaving();
      return;
    }
    if (this.destroyed) return;
    this.#drained();
    this.#end();
  }
}
