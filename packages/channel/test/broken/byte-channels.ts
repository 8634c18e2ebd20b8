import { Duplex, type DuplexOptions } from "node:stream";
import { memoryBytePair } from "../../src/index.js";

type Done = (error?: Error | null) => void;

/** A sound channel around another, whose parts can be broken one at a time. */
class Around extends Duplex {
  constructor(
    readonly inner: Duplex,
    _otherInner?: Duplex,
    options: DuplexOptions = {},
  ) {
    super({ allowHalfOpen: false, ...options });
    inner.on("data", (chunk: Buffer) => this.came(chunk));
    inner.on("end", () => this.cameToEnd());
    inner.on("error", (error) => this.destroy(error));
    inner.on("close", () => this.innerClosed());
  }
  came(chunk: Buffer): void {
    if (!this.push(chunk)) this.inner.pause();
  }
  cameToEnd(): void {
    this.push(null);
    this.read(0);
  }
  innerClosed(): void {
    if (!this.inner.readableEnded) this.destroy();
  }
  override _read(): void {
    this.inner.resume();
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.inner.write(chunk, done);
  }
  override _final(done: Done): void {
    this.inner.end(() => done());
  }
  override _destroy(error: Error | null, done: Done): void {
    this.inner.destroy(error && !this.inner.errored ? new Error("given up") : undefined);
    done(error);
  }
}

class EndsWithoutFlushing extends Around {
  readonly #waiting = new Set<NodeJS.Immediate>();
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const later = setImmediate(() => {
      this.#waiting.delete(later);
      this.inner.write(chunk);
    });
    this.#waiting.add(later);
    done();
  }
  override _final(done: Done): void {
    for (const later of this.#waiting) clearImmediate(later);
    super._final(done);
  }
  override _destroy(error: Error | null, done: Done): void {
    for (const later of this.#waiting) clearImmediate(later);
    super._destroy(error, done);
  }
}

class DropsTheLastByte extends Around {
  #last = Buffer.alloc(0);
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const all = Buffer.concat([this.#last, chunk]);
    this.#last = all.subarray(all.length - 1);
    this.inner.write(all.subarray(0, all.length - 1), done);
  }
}

class NeverStopsTheWriter extends Around {
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.inner.write(chunk);
    done();
  }
}

class NeverGoesOn extends Around {
  #bytes = 0;
  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    this.#bytes += chunk.length;
    if (this.#bytes < 20_000) super._write(chunk, encoding, done);
    else this.inner.write(chunk);
  }
}

class HalfCloses extends Around {
  constructor(inner: Duplex) {
    super(inner, undefined, { allowHalfOpen: true });
  }
}

class ClosesTwice extends Around {
  override _destroy(error: Error | null, done: Done): void {
    this.once("close", () => this.emit("close"));
    super._destroy(error, done);
  }
}

class NeverCloses extends Around {
  constructor(inner: Duplex) {
    super(inner, undefined, { emitClose: false });
  }
}

class SwallowsErrors extends Around {
  override _destroy(error: Error | null, done: Done): void {
    super._destroy(error, () => done());
  }
}

class FailsTwice extends Around {
  override _destroy(error: Error | null, done: Done): void {
    if (error) this.once("close", () => this.emit("error", error));
    super._destroy(error, done);
  }
}

class GoesSilently extends Around {
  override _destroy(error: Error | null, done: Done): void {
    this.inner.removeAllListeners();
    this.inner.on("error", () => undefined);
    done(error);
  }
}

class FailsOnDestroy extends Around {
  override _destroy(error: Error | null, done: Done): void {
    super._destroy(error, () => done(error ?? new Error("destroyed")));
  }
}

class ForgetsCallbacks extends Around {
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.inner.write(chunk, (error) => {
      if (!error) done();
    });
  }
}

class SaysGivenUpWritesAreDone extends Around {
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    const callback = rest.find((one): one is Done => typeof one === "function");
    const others = rest.filter((one) => typeof one !== "function") as [];
    return super.write(chunk, ...others, () => callback?.());
  }
}

class LosesWhatComesEarly extends Around {
  override came(chunk: Buffer): void {
    if (this.listenerCount("data") > 0) super.came(chunk);
  }
}

class LosesWhatComesWhilePaused extends Around {
  override came(chunk: Buffer): void {
    if (!this.isPaused()) super.came(chunk);
  }
  override _read(): void {
    if (this.inner.isPaused()) this.inner.resume();
  }
}

class LosesWhatIsUnreadAtTheEnd extends Around {
  override cameToEnd(): void {
    this.destroy();
  }
}

class StopsReadingAtItsOwnEnd extends Around {
  override _final(done: Done): void {
    this.push(null);
    super._final(done);
  }
  override came(chunk: Buffer): void {
    if (!this.writableEnded) super.came(chunk);
  }
  override cameToEnd(): void {
    if (!this.writableEnded) super.cameToEnd();
  }
}

class SwapsWrites extends Around {
  #first: Buffer | undefined;
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const first = this.#first;
    if (first) {
      this.#first = undefined;
      this.inner.write(chunk);
      this.inner.write(first, done);
      return;
    }
    this.#first = chunk;
    setImmediate(() => {
      if (this.#first === chunk) {
        this.#first = undefined;
        this.inner.write(chunk);
      }
    });
    done();
  }
}

class DoublesWrites extends Around {
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (chunk.length > 1000) this.inner.write(chunk);
    this.inner.write(chunk, done);
  }
}

class TakesBytesForText extends Around {
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.inner.write(chunk.toString("utf8"), done);
  }
}

class IgnoresEncodings extends Around {
  constructor(inner: Duplex) {
    super(inner, undefined, { decodeStrings: false });
  }
  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: Done): void {
    this.inner.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk, done);
  }
}

class GivesText extends Around {
  constructor(inner: Duplex) {
    super(inner, undefined, { encoding: "latin1" });
  }
}

class GivesObjects extends Around {
  constructor(inner: Duplex) {
    super(inner, undefined, { readableObjectMode: true });
  }
}

class HangsOnEmptyWrites extends Around {
  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    if (chunk.length > 0) super._write(chunk, encoding, done);
  }
}

class WritesWholeMemory extends Around {
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.inner.write(chunk.length < 100 ? new Uint8Array(chunk.buffer) : chunk, done);
  }
}

class KeepsTheWritersMemory extends Around {
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    setImmediate(() => this.inner.write(chunk));
    done();
  }
}

class ForgetsWhatWasCorked extends Around {
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    for (const { chunk } of chunks.slice(1)) this.inner.write(chunk);
    this.inner.write(Buffer.alloc(0), done);
  }
}

class GathersListeners extends Around {
  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    this.once("finish", () => undefined);
    super._write(chunk, encoding, done);
  }
}

class EndsTwice extends Around {
  override cameToEnd(): void {
    this.once("end", () => this.emit("end"));
    super.cameToEnd();
  }
}

class TakesWritesAfterTheEnd extends Around {
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    const callback = rest.find((one): one is Done => typeof one === "function");
    if (this.writableEnded || this.destroyed) {
      queueMicrotask(() => callback?.());
      return true;
    }
    return super.write(chunk, ...(rest as []));
  }
}

class EndsByDestroying extends Around {
  override end(): this {
    return this.destroy();
  }
}

class OutlivesItsDestruction extends Around {
  override _destroy(error: Error | null, done: Done): void {
    const { inner } = this;
    super._destroy(error, done);
    this.once("close", () => queueMicrotask(() => this.emit(inner.listenerCount("none") === 0 ? "end" : "none")));
  }
}

class NeverEndsByItself extends Around {
  override cameToEnd(): void {
    this.push(null); // and nobody looks
  }
}

const mixed: Around[] = [];
class MixesChannels extends Around {
  constructor(inner: Duplex) {
    super(inner);
    mixed.push(this);
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const open = mixed.filter((one) => !one.inner.destroyed);
    const other = open.length > 2 && chunk.length > 1000 ? open[(open.indexOf(this) + 2) % open.length] : this;
    (other ?? this).inner.write(chunk, done);
  }
}

const dying: Around[] = [];
class DiesWithTheOthers extends Around {
  constructor(inner: Duplex) {
    super(inner);
    dying.push(this);
  }
  override _destroy(error: Error | null, done: Done): void {
    for (const other of dying.splice(0)) other.destroy();
    super._destroy(error, done);
  }
}

let busy: Promise<void> = Promise.resolve();
class WaitsForTheOthers extends Around {
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    busy = busy.then(
      () =>
        new Promise<void>((resolve) => {
          if (this.inner.closed) return resolve();
          this.inner.once("close", () => resolve());
          this.inner.write(chunk, (error) => {
            resolve();
            done(error);
          });
        }),
    );
  }
}

const errors = new WeakMap<Duplex, Around>();
class SharesItsErrors extends Around {
  constructor(inner: Duplex, other: Duplex) {
    super(inner);
    errors.set(other, this);
  }
  override _destroy(error: Error | null, done: Done): void {
    if (error) errors.get(this.inner)?.destroy(error);
    super._destroy(error, done);
  }
}

const kinds = {
  EndsWithoutFlushing,
  DropsTheLastByte,
  NeverStopsTheWriter,
  NeverGoesOn,
  HalfCloses,
  ClosesTwice,
  NeverCloses,
  SwallowsErrors,
  FailsTwice,
  GoesSilently,
  FailsOnDestroy,
  ForgetsCallbacks,
  SaysGivenUpWritesAreDone,
  LosesWhatComesEarly,
  LosesWhatComesWhilePaused,
  LosesWhatIsUnreadAtTheEnd,
  StopsReadingAtItsOwnEnd,
  SwapsWrites,
  DoublesWrites,
  TakesBytesForText,
  IgnoresEncodings,
  GivesText,
  GivesObjects,
  HangsOnEmptyWrites,
  WritesWholeMemory,
  KeepsTheWritersMemory,
  ForgetsWhatWasCorked,
  GathersListeners,
  EndsTwice,
  TakesWritesAfterTheEnd,
  EndsByDestroying,
  OutlivesItsDestruction,
  NeverEndsByItself,
  MixesChannels,
  DiesWithTheOthers,
  WaitsForTheOthers,
  SharesItsErrors,
} satisfies Record<string, new (inner: Duplex, other: Duplex) => Duplex>;

export type BrokenKind = keyof typeof kinds;

/** A pair broken in one way, on both sides; `sound` has the same things around it, and nothing broken. */
export function brokenPair(kind: BrokenKind | "sound"): { a: Duplex; b: Duplex } {
  const [a, b] = memoryBytePair();
  const Kind = kind === "sound" ? Around : kinds[kind];
  return { a: new Kind(a, b), b: new Kind(b, a) };
}

export const brokenKinds = Object.keys(kinds) as BrokenKind[];
