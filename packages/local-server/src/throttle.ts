/** How fast a client's bytes are read: a token bucket, as stock Prosody and ejabberd have it. */
export interface Throttle {
  readonly bytesPerSecond: number;
  /** Bytes that may come at once after a rest. */
  readonly burst: number;
}

/**
 * Hands on what comes in no faster than the throttle allows; the rest waits, and so does whoever sends.
 * It holds at most what one read brought, since it stops the reading.
 */
export class ThrottledReader {
  readonly #throttle: Throttle;
  readonly #pass: (chunk: Uint8Array) => void;
  readonly #flow: { pause(): void; resume(): void };
  #waiting: Uint8Array[] = [];
  #tokens: number;
  #filledAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(throttle: Throttle, flow: { pause(): void; resume(): void }, pass: (chunk: Uint8Array) => void) {
    this.#throttle = throttle;
    this.#flow = flow;
    this.#pass = pass;
    this.#tokens = throttle.burst;
  }

  /** Bytes that came and were not handed on yet. */
  get held(): number {
    return this.#waiting.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  push(chunk: Uint8Array): void {
    this.#waiting.push(chunk);
    if (!this.#timer) this.#drain();
  }

  /** Lets go of timer and bytes. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #drain(): void {
    const { bytesPerSecond, burst } = this.#throttle;
    const now = performance.now();
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * bytesPerSecond);
    this.#filledAt = now;
    for (let chunk = this.#waiting.shift(); chunk; chunk = this.#waiting.shift()) {
      const allowed = Math.floor(this.#tokens);
      const piece = chunk.subarray(0, allowed);
      this.#tokens -= piece.length;
      if (piece.length < chunk.length) {
        this.#waiting.unshift(chunk.subarray(piece.length));
        const wanted = Math.min(chunk.length - piece.length, burst);
        this.#flow.pause();
        this.#timer = setTimeout(() => this.#wake(), Math.ceil((wanted / bytesPerSecond) * 1000));
      }
      if (piece.length > 0) this.#pass(piece);
      if (this.#timer) return;
    }
  }

  #wake(): void {
    this.#timer = undefined;
    this.#drain();
    if (!this.#timer) this.#flow.resume();
  }
}
