import { Duplex } from "node:stream";
import { BalconyError, type ByteChannel } from "@balcony/channel";

type Done = (error?: Error | null) => void;

/**
 * What TLS is laid on where the channel is no `net.Socket`. Node destroys a TLSSocket with all that is not read yet as soon as the stream below closes, and a ByteChannel
 * closes by itself once the peer has ended it: this one stays until TLS lets it go.
 */
export class Underlay extends Duplex {
  readonly #bytes: ByteChannel;

  constructor(bytes: ByteChannel) {
    super({ allowHalfOpen: true });
    this.#bytes = bytes;
    bytes.pause();
    bytes.on("data", (chunk: Uint8Array) => {
      if (!this.push(chunk)) bytes.pause();
    });
    bytes.once("end", () => this.push(null));
    bytes.on("error", (error) => this.destroy(error));
    bytes.once("close", () => {
      if (!bytes.readableEnded) this.destroy(new BalconyError("connection-lost", "The channel under TLS was closed."));
    });
  }

  override _read(): void {
    this.#bytes.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    if (this.#bytes.writable) this.#bytes.write(chunk, done);
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
