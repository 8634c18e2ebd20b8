import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { BalconyError, type UnsharedMemory } from "@balcony/channel";
import { dataFrames, type FrameReader, stunFrame } from "./framing.js";

type Done = (error?: Error | null) => void;

/** RFC 8445 §11's Tr, in ms: after so long without data a NAT on the way is reminded of us. TCP's own probes do it, and notice a peer that has vanished. */
const KEEPALIVE = 15_000;

export interface FramedSetting {
  /** With `allowHalfOpen`, and no listeners of anybody else. */
  readonly socket: Socket;
  /** What has been read so far. */
  readonly reader: FrameReader;
  /** Data that came before the nomination. */
  readonly held: readonly Buffer[];
  /** The answer to a STUN message, if it deserves one. */
  readonly answer: (message: Buffer) => Buffer | undefined;
}

/** The nominated connection as a ByteChannel: RFC 4571's frames, and STUN answered within them for as long as it lives. */
export class FramedChannel extends Duplex implements UnsharedMemory {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  /** Memory of which nobody else has a part. */
  readonly #alone = new WeakSet<ArrayBufferLike>();

  constructor({ socket, reader, held, answer }: FramedSetting) {
    super({ allowHalfOpen: false, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
    this.#socket = socket;
    this.#reader = reader;
    this.on("error", () => undefined); // a peer can break it before its owner listens; it is found in `errored`
    reader.handlers = {
      data: (bytes) => void (this.push(bytes) || socket.pause()),
      alone: (memory) => void this.#alone.add(memory),
      stun: (message) => {
        const answered = answer(message);
        if (answered && socket.writable) socket.write(stunFrame(answered));
      },
    };
    for (const bytes of held) this.push(bytes);
    socket.setKeepAlive(true, KEEPALIVE);
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.on("end", () => this.#ended());
    socket.on("error", (cause) => this.destroy(lost(cause)));
    socket.on("close", () => {
      if (!this.readableEnded && !this.readableFinished) this.destroy(lost());
    });
    socket.resume();
  }

  /** Has the peer's end been received, though perhaps not read yet? */
  private readableFinished = false;

  owns(memory: ArrayBufferLike): boolean {
    return this.#alone.has(memory);
  }

  #take(bytes: Buffer): void {
    try {
      this.#reader.take(bytes);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  #ended(): void {
    if (this.#reader.within) {
      this.destroy(new BalconyError("ice-framing", "The connection ended within a frame."));
      return;
    }
    this.readableFinished = true;
    this.push(null);
    this.read(0);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send([chunk], done);
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, done: Done): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #send(chunks: readonly Buffer[], done: Done): void {
    const frames = dataFrames(chunks);
    const last = frames.pop();
    if (!last) {
      done();
      return;
    }
    this.#socket.cork();
    for (const frame of frames) this.#socket.write(frame);
    this.#socket.write(last, (error) => done(error ? lost(error) : null));
    this.#socket.uncork();
  }

  override _final(done: Done): void {
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#socket.destroy();
    done(error);
  }
}

function lost(cause?: Error): BalconyError {
  return new BalconyError("connection-lost", "The ICE-TCP connection broke.", { cause });
}
