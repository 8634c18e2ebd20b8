import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";

/** Bytes given to the layer below at once: what one TLS record holds. Each is a step of progress that a slow path shows. */
const PIECE = 16 * 1024;
const empty = Buffer.alloc(0);

/**
 * Writes text in order. At most one piece is with the layer below; what comes meanwhile is gathered into the next ones,
 * so that many small stanzas make few large writes.
 */
export class Writer {
  readonly #bytes: Duplex;
  readonly #onProgress: () => void;
  /** Appended to, not kept in pieces: V8 then flattens it once, when it is encoded. */
  #gathered = "";
  #pieces: Buffer = empty;
  #inFlight = 0;
  #busy = false;
  #stopped = false;

  /** @param onProgress called whenever the layer below has taken a piece */
  constructor(bytes: Duplex, onProgress: () => void) {
    this.#bytes = bytes;
    this.#onProgress = onProgress;
  }

  /** Bytes that the layer below has not taken yet; what was not encoded yet counts by its UTF-16 code units. */
  get backlog(): number {
    return this.#gathered.length + this.#pieces.length + this.#inFlight;
  }

  /** Takes text that is to go out next. */
  write(text: string): void {
    this.#gathered += text;
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    queueMicrotask(() => this.#next());
  }

  /** Writes no more; what was not given to the layer below is dropped. @returns whether what was given ends where a text ended */
  stop(): boolean {
    const whole = this.#pieces.length === 0;
    this.#stopped = true;
    this.#gathered = "";
    this.#pieces = empty;
    this.#inFlight = 0;
    return whole;
  }

  #next(): void {
    if (this.#pieces.length === 0 && this.#gathered.length > 0) {
      this.#pieces = Buffer.from(this.#gathered);
      this.#gathered = "";
    }
    if (this.#pieces.length === 0 || this.#stopped) {
      this.#busy = false;
      return;
    }
    const piece = this.#pieces.subarray(0, PIECE);
    this.#pieces = this.#pieces.length > PIECE ? this.#pieces.subarray(PIECE) : empty;
    this.#inFlight = piece.length;
    this.#bytes.write(piece, (error) => {
      if (error || this.#stopped) return; // whoever listens to the bytes hears of it
      this.#inFlight = 0;
      this.#onProgress();
      this.#next();
    });
  }
}
