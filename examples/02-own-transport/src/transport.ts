import { Duplex } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import { BalconyError, type ByteChannel } from "@balcony/channel";

/** Bytes that may be under way: a port itself would take any number. */
const WINDOW = 65_536;

/** What goes through the port: bytes; how many bytes were read; "end". */
type Message = Uint8Array | number | "end";
type Done = (error?: Error | null) => void;

/** A ByteChannel over a MessagePort: its other end may be in another thread. */
export function overPort(port: MessagePort): ByteChannel {
  return new PortChannel(port);
}

class PortChannel extends Duplex {
  #credit = WINDOW;
  #unacknowledged = 0;
  #ended = false;
  #waiting: { readonly chunk: Buffer; readonly done: Done } | undefined;

  constructor(private readonly port: MessagePort) {
    super({ allowHalfOpen: false }); // no half-close: the other side's end is ours too
    port.on("message", (message: Message) => this.#receive(message));
    port.on("close", () => this.#portClosed());
  }

  #receive(message: Message): void {
    if (message instanceof Uint8Array) {
      this.#unacknowledged += message.length;
      this.push(message);
    } else if (message === "end") {
      this.#ended = true;
      this.push(null);
      this.read(0); // an end behind which nothing is unread is told although nobody reads
    } else {
      this.#credit += message;
      this.#goOn();
    }
  }

  /** Called when the reader has room: the writer may send as much again as was read. */
  override _read(): void {
    if (this.#unacknowledged > 0) this.port.postMessage(this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#waiting = { chunk, done };
    this.#goOn();
  }

  #goOn(): void {
    if (!this.#waiting || this.#credit <= 0) return;
    const { chunk, done } = this.#waiting;
    this.#waiting = undefined;
    this.#credit -= chunk.length;
    const copy = new Uint8Array(chunk); // the writer's memory stays the writer's
    this.port.postMessage(copy, [copy.buffer]);
    done();
  }

  override _final(done: Done): void {
    this.port.postMessage("end");
    done();
  }

  // A port that closes before "end" came was lost, and so is what waits to be written into one that has closed.
  #portClosed(): void {
    if (!this.#ended || this.#waiting) this.destroy(new BalconyError("connection-lost", "The other end of the port is gone."));
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#waiting?.done(error ?? new BalconyError("closed", "The channel was destroyed."));
    this.#waiting = undefined;
    this.port.close();
    done(error);
  }
}
