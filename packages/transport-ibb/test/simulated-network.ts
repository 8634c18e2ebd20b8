import { acknowledge, hasRoom, startWindow, type Window } from "../src/window.js";

/** A path on which a server forwards from a token bucket, as stock servers throttle: `burst` bytes at once, then `rate` bytes a second. */
export interface Path {
  /** Bytes in a block. */
  readonly block: number;
  /** Bytes that the window never exceeds. */
  readonly limit: number;
  /** ms */
  readonly roundTrip: number;
  /** Bytes a second on the wire; Infinity where nothing throttles. */
  readonly rate: number;
  readonly burst?: number;
  /** ms that one acknowledgement comes later than another, drawn anew for each. */
  readonly jitter?: (n: number) => number;
}

export interface Journey {
  /** ms until the last block was acknowledged */
  readonly took: number;
  readonly blocks: number;
  /** ms that a stanza sent at the worst moment had to wait behind ours; and from the moment when the path had shown what it is (the second half). */
  readonly worstQueue: number;
  readonly laterQueue: number;
  /** Bytes unacknowledged at the most. */
  readonly mostUnacknowledged: number;
  readonly windows: readonly Window[];
  /** ms between two acknowledgements, at the most */
  readonly longestSilence: number;
}

/** What a block and its IQ weigh on the wire. */
export const onTheWire = (bytes: number): number => Math.ceil(bytes / 3) * 4 + 250;

/** Sends `bytes` over the path, with nothing but the window to hold them back. */
export function travel(path: Path, bytes: number): Journey {
  const { block, limit, roundTrip, rate, burst = 0, jitter = () => 0 } = path;
  let window = startWindow(block, limit);
  let now = 0;
  let left = bytes;
  let unacknowledged = 0;
  let tokens = burst;
  let filledAt = 0;
  let departs = 0;
  let silentSince = 0;
  const windows: Window[] = [];
  const queue: { at: number; sent: number; size: number; alone: boolean }[] = [];
  const result = { worstQueue: 0, laterQueue: 0, mostUnacknowledged: 0, longestSilence: 0, blocks: 0 };

  const forward = (size: number): number => {
    if (rate === Number.POSITIVE_INFINITY) return now;
    const start = Math.max(now, departs);
    tokens = Math.min(burst, tokens + ((start - filledAt) * rate) / 1000) - onTheWire(size);
    filledAt = start;
    departs = tokens >= 0 ? start : start + (-tokens * 1000) / rate;
    if (tokens < 0) {
      tokens = 0;
      filledAt = departs;
    }
    return departs;
  };

  while (left > 0 || queue.length > 0) {
    for (let size = Math.min(block, left); size > 0 && hasRoom(window, unacknowledged, size); size = Math.min(block, left)) {
      const at = Math.max(forward(size) + roundTrip + jitter(result.blocks), queue.at(-1)?.at ?? 0);
      queue.push({ at, sent: now, size, alone: unacknowledged === 0 });
      left -= size;
      unacknowledged += size;
      result.blocks++;
      const wait = Math.max(0, departs - now);
      result.worstQueue = Math.max(result.worstQueue, wait);
      if (left < bytes / 2) result.laterQueue = Math.max(result.laterQueue, wait);
      result.mostUnacknowledged = Math.max(result.mostUnacknowledged, unacknowledged);
    }
    const head = queue.shift();
    if (!head) throw new Error("nothing is on its way and nothing may be sent");
    now = head.at;
    result.longestSilence = Math.max(result.longestSilence, now - silentSince);
    silentSince = now;
    const full = !hasRoom(window, unacknowledged, block);
    window = acknowledge(window, { bytes: head.size, trip: now - head.sent, now, alone: head.alone, full });
    unacknowledged -= head.size;
    windows.push(window);
  }
  return { ...result, took: now, windows };
}
