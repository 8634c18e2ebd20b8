import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { fillsMemory, type UnsharedMemory } from "@balcony/channel";

/** A socket that TLS does not know for one, and that remembers what memory went through it. */
export class Wrapped extends Duplex {
  readonly received: ArrayBufferLike[] = [];
  readonly alone = new Set<ArrayBufferLike>();
  readonly written: ArrayBufferLike[] = [];
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.allowHalfOpen = true; // it ends when this one does
    this.on("error", () => undefined);
    socket.on("data", (bytes) => {
      this.received.push(bytes.buffer);
      if (fillsMemory(bytes)) this.alone.add(bytes.buffer);
      // In two pieces of the same memory, as frames are.
      this.push(bytes.subarray(0, 1000));
      if (bytes.length > 1000) this.push(bytes.subarray(1000));
      if (this.readableLength > this.readableHighWaterMark) socket.pause();
    });
    socket.on("end", () => {
      this.push(null);
      this.read(0);
    });
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => {
      if (!this.readableEnded && !socket.readableEnded) this.destroy();
    });
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.written.push(chunk.buffer);
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/** One that says what memory it shares with nobody. */
export class Unshared extends Wrapped implements UnsharedMemory {
  owns(memory: ArrayBufferLike): boolean {
    return this.alone.has(memory);
  }
}
