import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { type ByteFault, type BytePiece, type ByteStage, byteStage } from "./byte-faults.js";
import { BalconyError } from "./error.js";
import type { Faults } from "./faults.js";

type Done = (error?: Error | null) => void;

/** One direction of a pair of ByteChannels, in the hand of a test. */
export interface ByteWire {
  /** Lets delayed pieces go: so many, or all, those to come included. */
  release(pieces?: number): void;
  /** Lets bytes arrive that nobody wrote. */
  inject(bytes: Uint8Array): void;
  /** Pieces that the reader has not taken yet. */
  readonly waiting: number;
}

export interface ByteWires {
  readonly aToB: ByteWire;
  readonly bToA: ByteWire;
  /** The connection breaks: both sides fail with `connection-lost`, and what is under way is gone. */
  lose(): void;
}

export interface MemoryByteOptions {
  readonly faults?: Faults<ByteFault>;
}

/** One direction of a pair. It holds no more than one write at a time, so whoever writes waits for whoever reads. */
class MemoryByteWire implements ByteWire {
  readonly #stages: readonly ByteStage[];
  readonly #queue: BytePiece[] = [];
  #room = true;
  #scheduled = false;
  #done: Done | undefined;
  #ended = false;

  constructor(
    private readonly near: MemoryBytes,
    private readonly far: MemoryBytes,
    faults: readonly ByteFault[],
  ) {
    this.#stages = faults.map(byteStage);
    if (faults.length > 0) this.#enter({ kind: "bytes", bytes: Buffer.alloc(0) }); // what is to happen after no byte at all
  }

  get waiting(): number {
    return this.#queue.length;
  }

  release(pieces = Number.POSITIVE_INFINITY): void {
    this.#stages.forEach((stage, index) => {
      this.#queue.push(...this.#through(stage.release(pieces), index + 1));
    });
    this.#schedule();
  }

  inject(bytes: Uint8Array): void {
    this.#queue.push({ kind: "bytes", bytes: Buffer.from(bytes) });
    this.#schedule();
  }

  send(piece: BytePiece, done: Done): void {
    if (this.far.destroyed) {
      done(piece.kind === "end" ? null : lost("The other side is gone."));
      return;
    }
    this.#done = done;
    this.#enter(piece);
  }

  #enter(piece: BytePiece): void {
    this.#queue.push(...this.#through([piece], 0));
    this.#schedule();
  }

  #through(pieces: readonly BytePiece[], from: number): readonly BytePiece[] {
    return this.#stages.slice(from).reduce((passing, stage) => passing.flatMap((piece) => stage.take(piece)), pieces);
  }

  /** The far side has read what it had. */
  wanted(): void {
    this.#room = true;
    this.#schedule();
  }

  /** The near side is destroyed: what has not been handed over is dropped. */
  abandon(how: "done" | "lost"): void {
    this.#queue.length = 0;
    this.#settle(lost("The channel was destroyed."));
    if (this.#ended) return;
    queueMicrotask(() => {
      if (this.far.destroyed) return;
      if (how === "done") this.#end();
      else this.far.destroy(lost("The other side broke the connection off."));
    });
  }

  /** The far side is destroyed: what is under way to it will never arrive. */
  refuse(): void {
    this.#queue.length = 0;
    queueMicrotask(() => this.#settle(lost("The other side is gone.")));
  }

  // Never within the writer's own call: on a real wire nobody hears an answer before write() has returned.
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    while (!this.near.destroyed && !this.far.destroyed) {
      if (this.#queue[0]?.kind === "bytes" && !this.#room) return;
      const piece = this.#queue.shift();
      if (piece === undefined) break;
      this.#handOver(piece);
    }
    const taken = this.#room && !this.#stages.some((stage) => stage.blocked);
    if (taken && this.#queue.length === 0) this.#settle(null);
  }

  #handOver(piece: BytePiece): void {
    switch (piece.kind) {
      case "bytes":
        if (!this.#ended && piece.bytes.length > 0) this.#room = this.far.push(piece.bytes);
        return;
      case "end":
        this.#end();
        return;
      case "loss":
        this.#queue.length = 0;
        for (const side of [this.far, this.near]) side.destroy(lost("The connection broke."));
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#room = true;
    this.far.push(null);
    this.far.read(0); // lets `end` come although nobody reads, where nothing is left to be read
  }

  #settle(error: Error | null): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(error);
  }
}

/** One end of a pair. */
class MemoryBytes extends Duplex {
  outgoing: MemoryByteWire | undefined;
  incoming: MemoryByteWire | undefined;

  constructor() {
    super({ allowHalfOpen: false });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    // A copy: the writer may use its memory again as soon as it is told that the write is done.
    this.outgoing?.send({ kind: "bytes", bytes: Buffer.from(chunk) }, done);
  }

  override _final(done: Done): void {
    this.outgoing?.send({ kind: "end" }, done);
  }

  override _read(): void {
    this.incoming?.wanted();
  }

  override _destroy(error: Error | null, callback: Done): void {
    // Reading to the end with `for await` destroys: the other side has ended and nothing of ours is unsent, so that is no loss.
    const done = error === null && this.readableEnded && this.writableLength === 0;
    this.outgoing?.abandon(done ? "done" : "lost");
    this.incoming?.refuse();
    callback(error);
  }
}

function lost(message: string): BalconyError {
  return new BalconyError("connection-lost", message);
}

/**
 * Two ByteChannels joined in memory, and the wires between them: what is written into one is read from the other.
 * `end()` reaches the other side behind everything written; `destroy()` reaches it as `connection-lost`.
 * @param options no faults by default
 */
export function memoryBytePair({ faults = {} }: MemoryByteOptions = {}): [Duplex, Duplex, ByteWires] {
  const a = new MemoryBytes();
  const b = new MemoryBytes();
  const aToB = new MemoryByteWire(a, b, faults.aToB ?? []);
  const bToA = new MemoryByteWire(b, a, faults.bToA ?? []);
  a.outgoing = b.incoming = aToB;
  b.outgoing = a.incoming = bToA;
  const lose = () => {
    for (const side of [a, b]) side.destroy(lost("The connection broke."));
  };
  return [a, b, { aToB, bToA, lose }];
}
