import { Duplex } from "node:stream";
import { BalconyError, type ByteChannel, fillsMemory, type UnsharedMemory } from "@balcony/channel";
import { release } from "./release.js";

type Done = (error?: Error | null) => void;

/**
 * What TLS is laid on where the channel is no `net.Socket`. Node destroys a TLSSocket with all that is not read yet as soon as the stream below closes, and a ByteChannel
 * closes by itself once the peer has ended it: this one stays until TLS lets it go.
 *
 * Node copies everything once more between TLS and a stream that is not a socket. What the channel says that nobody else has is given back as soon as it was copied.
 */
export class Underlay extends Duplex {
  readonly #bytes: ByteChannel;
  readonly #unshared: UnsharedMemory | undefined;
  /** The memory of what TLS has copied last; the next piece may lie in it, too. */
  #copied: ArrayBufferLike | undefined;

  constructor(bytes: ByteChannel) {
    super({ allowHalfOpen: true });
    this.#bytes = bytes;
    this.#unshared = saysOfMemory(bytes) ? bytes : undefined;
    bytes.pause();
    bytes.on("data", (chunk: Uint8Array) => this.#take(chunk));
    bytes.once("end", () => this.push(null));
    bytes.on("error", (error) => this.destroy(error));
    bytes.once("close", () => {
      if (!bytes.readableEnded) this.destroy(new BalconyError("connection-lost", "The channel under TLS was closed."));
    });
  }

  #take(chunk: Uint8Array): void {
    if (this.#copied && this.#copied !== chunk.buffer) release(this.#copied);
    if (!this.push(chunk)) this.#bytes.pause();
    // What is still to be read has not been copied yet.
    this.#copied = this.#unshared?.owns(chunk.buffer) && this.readableLength === 0 ? chunk.buffer : undefined;
  }

  override _read(): void {
    this.#bytes.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    // What TLS writes was made for this write alone.
    const written = this.#unshared && fillsMemory(chunk) ? releasing(chunk, done) : done;
    if (this.#bytes.writable) this.#bytes.write(chunk, written);
    else done(); // the peer has ended both ways: what it did not take is not for us to report
  }

  override _writev(chunks: { readonly chunk: Uint8Array; readonly encoding: BufferEncoding }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "buffer" as BufferEncoding, done);
  }

  override _final(done: Done): void {
    if (this.#bytes.writable) this.#bytes.end(done);
    else done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#bytes.destroy();
    done(error);
  }
}

const saysOfMemory = (bytes: ByteChannel): bytes is ByteChannel & UnsharedMemory => "owns" in bytes;

const releasing =
  ({ buffer }: Uint8Array, done: Done): Done =>
  (error) => {
    if (!error) release(buffer);
    done(error);
  };
