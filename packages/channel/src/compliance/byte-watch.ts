import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { ComplianceError, check, checkEqual } from "./check.js";

type Event = "end" | "finish" | "error" | "close";

/** Writes down what a channel tells from its first moment on. Hearing errors also keeps them from ending the process. */
export class Watch {
  readonly events: Event[] = [];
  readonly errors: Error[] = [];
  readonly #waiting = new Set<() => void>();
  #bytesAfterClose = 0;

  constructor(readonly channel: Duplex) {
    for (const event of ["end", "finish", "close"] as const) channel.on(event, () => this.#note(event));
    channel.on("error", (error) => {
      this.errors.push(error);
      this.#note("error");
    });
  }

  /** Resolves once the event has happened, which may be long ago. */
  saw(event: Event): Promise<void> {
    return this.until(() => this.events.includes(event));
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** What holds for every channel at every time. */
  checkOrder(name: string): void {
    for (const event of ["end", "finish", "error", "close"] as const) {
      const times = this.events.filter((one) => one === event).length;
      check(times <= 1, `${name} emitted '${event}' ${times} times: ${this.events.join(", ")}`);
    }
    const behindClose = this.events.slice(this.events.indexOf("close") + 1);
    if (this.events.includes("close")) check(behindClose.length === 0, `${name} emitted ${behindClose.join(", ")} after 'close'`);
    checkEqual(this.#bytesAfterClose, 0, `bytes that ${name} gave after 'close'`);
  }

  #note(event: Event): void {
    this.events.push(event);
    for (const look of [...this.#waiting]) look();
    // Only from here on, since a 'data' listener would make the channel flow.
    if (event === "close") this.channel.on("data", (chunk: Buffer) => (this.#bytesAfterClose += chunk.length));
  }
}

/** Reads a channel by 'data' and keeps what comes. */
export class Reading {
  readonly chunks: Buffer[] = [];
  length = 0;
  #odd: string | undefined;
  readonly #waiting = new Set<() => void>();
  readonly #channel: Duplex;
  readonly #onData = (chunk: unknown) => {
    if (chunk instanceof Uint8Array) {
      this.chunks.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      this.length += chunk.length;
    } else {
      this.#odd ??= `The channel gave something of type ${typeof chunk} instead of bytes.`;
    }
    this.#look();
  };
  readonly #look = () => {
    for (const look of [...this.#waiting]) look();
  };

  constructor(channel: Duplex) {
    this.#channel = channel;
    channel.on("data", this.#onData);
    channel.on("end", this.#look);
    channel.on("close", this.#look);
    channel.resume(); // it may have been paused before
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Resolves with the first `count` bytes and whatever came with them; rejects where the channel ends before. */
  upTo(count: number): Promise<Buffer> {
    return this.#until(
      () => this.length >= count,
      () => (this.#channel.readableEnded || this.#channel.destroyed ? `The channel ended after ${this.length} of ${count} bytes.` : undefined),
    );
  }

  /** Resolves with everything, once 'end' has come; rejects where the channel closes without one. */
  toEnd(): Promise<Buffer> {
    return this.#until(
      () => this.#channel.readableEnded,
      () => (this.#channel.destroyed ? `The channel closed without 'end', after ${this.length} bytes.` : undefined),
    );
  }

  /** Stops reading and takes its listeners away. */
  stop(): void {
    this.#channel.pause();
    this.#channel.removeListener("data", this.#onData);
    this.#channel.removeListener("end", this.#look);
    this.#channel.removeListener("close", this.#look);
  }

  #until(enough: () => boolean, wrong: () => string | undefined): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const fault = this.#odd ?? (enough() ? undefined : wrong());
        if (fault !== undefined) reject(new ComplianceError(fault));
        else if (enough()) resolve(this.bytes);
        else return;
        this.#waiting.delete(look);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** Resolves once the channel wants more to be written; rejects where it closes first. */
export function drained(channel: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void) => {
      channel.removeListener("drain", onDrain);
      channel.removeListener("close", onClose);
      how();
    };
    const onDrain = () => settle(resolve);
    const onClose = () => settle(() => reject(new ComplianceError("The channel closed while a write waited for 'drain'.")));
    channel.on("drain", onDrain);
    channel.on("close", onClose);
  });
}

/** Writes all of it in pieces, waiting whenever the channel says so. */
export async function writeAll(channel: Duplex, bytes: Uint8Array, pieceBytes = 16_384): Promise<void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (!channel.write(bytes.subarray(at, at + pieceBytes))) await drained(channel);
  }
}

/** Resolves when the write is done, with the error it failed with if it did. */
export function written(channel: Duplex, bytes: Uint8Array | string): Promise<Error | undefined> {
  return new Promise((resolve) => channel.write(bytes, (error) => resolve(error ?? undefined)));
}

/** Bytes that look like none of their neighbours; the same for the same seed. */
export function pattern(count: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  let state = (seed * 0x9e3779b1) >>> 0 || 1;
  for (let at = 0; at < count; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}
