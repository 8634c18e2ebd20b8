import { Buffer } from "node:buffer";
import type { TLSSocket } from "node:tls";
import { BalconyError, type ByteChannel } from "@balcony/channel";
import type { RecordBudget } from "./record-budget.js";
import { isForeign, tlsError } from "./tls-error.js";

interface Chunk {
  readonly chunk: string | Uint8Array;
  readonly encoding: BufferEncoding;
}

// net.Socket takes strings as they are.
const sizeOf = ({ chunk, encoding }: Chunk): number => (typeof chunk === "string" ? Buffer.byteLength(chunk, encoding) : chunk.length);

type Done = (error?: Error | null) => void;

/**
 * Makes Node's TLSSocket keep the contract of a ByteChannel, without another stream around it: that would cost a quarter of the speed.
 * What is replaced are the methods that a Duplex has for those who implement one, and `_emitTLSError`, through which Node passes errors that it emits without destroying the
 * socket or, as there is no tls.Server, drops.
 */
export function asByteChannel(socket: TLSSocket, below: ByteChannel, budget: RecordBudget): void {
  const { destroy, _final, _write, _writev } = socket;
  const destroyBelow = below.destroy;
  const given =
    (done: Done): Done =>
    (error) =>
      done(error ?? (socket.destroyed ? new BalconyError("closed", "The channel was closed before this was written.") : null));
  Object.assign(socket, {
    allowHalfOpen: false,
    destroy: (error?: Error) => destroy.call(socket, error && isForeign(error) ? tlsError(error) : error),
    _emitTLSError: (error: Error) => socket.destroy(tlsError(error)),
    // Node 20 says of writes that it gave up that they are done.
    _write: (chunk: string | Uint8Array, encoding: BufferEncoding, done: Done) => {
      const spent = budget.spend(sizeOf({ chunk, encoding }));
      if (spent) done(spent);
      else _write.call(socket, chunk, encoding, given(done));
    },
    _writev: (chunks: Chunk[], done: Done) => {
      const spent = budget.spend(chunks.reduce((bytes, chunk) => bytes + sizeOf(chunk), 0));
      if (spent) done(spent);
      else _writev?.call(socket, chunks, given(done));
    },
    // Never from within a 'data' handler: OpenSSL throws away what it has received and not yet handed over when it is shut down.
    _final: (done: Done) => setImmediate(() => _final.call(socket, done)),
  });
  socket.on("error", () => undefined); // between the handshake and its first reader an error must not end the process; `errored` keeps it
  // TLS goes first, however the channel is destroyed: Node crashes (20 to 26, seen) where TLS is destroyed while the handle below closes with something still being written.
  below.destroy = (error) => {
    const cleanly = !error && below.readableEnded && below.writableFinished;
    if (!socket.destroyed && !cleanly) socket.destroy(error ?? new BalconyError("connection-lost", "The channel under TLS was closed."));
    return destroyBelow.call(below, error);
  };
}
