/**
 * How many bytes may be on their way unacknowledged: a pure function of what the acknowledgements tell.
 *
 * Blocks share their connection with every other stanza of the client, and a server that throttles queues them all in one line. So the window
 * follows the delay, as TCP Vegas and LEDBAT do, and fills no queue: it grows while acknowledgements come as soon as they do with one block alone on
 * the way, shrinks when they come later, and never goes below one block.
 *
 * - `starting`: doubles each round trip; the first sign of a queue ends it.
 * - `steady`: at most once a round trip, grows by an eighth or shrinks by what is queued.
 * - `draining`: one block at a time until the round trip is measured without a queue of our own; from time to time, as the path may change.
 */
export interface Window {
  readonly phase: "starting" | "steady" | "draining";
  /** Bytes that may be unacknowledged. One block may always be. */
  readonly size: number;
  readonly block: number;
  readonly limit: number;
  /** Bytes acknowledged so far. */
  readonly acknowledged: number;
  /** ms: the round trip without a queue, and when it was last measured. */
  readonly base: number;
  readonly measured: number;
  /** When it last grew while steady. */
  readonly grown: number;
  /** When the window was last cut for a late acknowledgement, and how long that one took. */
  readonly cut: { readonly at: number; readonly trip: number };
  /** The round trip under way: since when, the shortest trip seen in it, and whether the window was ever full. */
  readonly round: { readonly since: number; readonly trip: number; readonly full: boolean };
}

/** One block acknowledged. */
export interface Acknowledgement {
  readonly bytes: number;
  /** ms from sending it to its acknowledgement */
  readonly trip: number;
  /** ms, on the clock of all others */
  readonly now: number;
  /** Was nothing else of ours on the way when it was sent? */
  readonly alone: boolean;
  /** Was the window full when it was acknowledged? A window that is not used must not grow. */
  readonly full: boolean;
}

const INITIAL = 8 * 1024;
/** Stock servers let some 20 kB pass before they throttle (20,000 bytes in ejabberd, two seconds of 10 kB/s in Prosody): until more has come through, nothing is known. */
const UNKNOWN = { bytes: 24 * 1024, size: 16 * 1024 };
/** ms that a block may wait in queues, as long as more than one is on its way. */
const DELAY = 500;
/** Blocks queued on the path: below `few` the window grows, above `many` it shrinks. Few, since every other stanza of the client waits behind them. */
const QUEUE = { few: 1, many: 2 };
/** ms between two attempts to grow: on a short path most find nothing, and each costs. */
const PATIENCE = 100;
/** The shortest trip of a round may be longer than the base by chance. */
const CHANCE = 1.1;
/** ms after which the base is measured anew. */
const MEASURED_FOR = 10_000;

/**
 * @param block bytes in a block
 * @param limit bytes that the window never exceeds, unless one block does
 */
export function startWindow(block: number, limit: number): Window {
  return {
    phase: "starting",
    size: clamp(INITIAL, block, limit),
    block,
    limit,
    acknowledged: 0,
    base: Number.POSITIVE_INFINITY,
    measured: Number.NEGATIVE_INFINITY,
    grown: Number.NEGATIVE_INFINITY,
    cut: { at: Number.NEGATIVE_INFINITY, trip: Number.POSITIVE_INFINITY },
    round: emptyRound(Number.NEGATIVE_INFINITY),
  };
}

/** May this many bytes more be sent while so many are unacknowledged? */
export function hasRoom(window: Window, unacknowledged: number, bytes: number): boolean {
  return unacknowledged === 0 || (window.phase !== "draining" && unacknowledged + bytes <= window.size);
}

export function acknowledge(window: Window, acknowledgement: Acknowledgement): Window {
  const { bytes, trip, now, alone, full } = acknowledgement;
  const measuring = trip < window.base || (alone && isStale(window, now));
  const { round } = window;
  const next: Window = {
    ...window,
    acknowledged: window.acknowledged + bytes,
    base: measuring ? trip : window.base,
    measured: measuring || alone ? now : window.measured,
    round: { since: round.since, trip: Math.min(round.trip, trip), full: round.full || full },
  };
  if (next.phase === "draining") return alone ? { ...next, phase: "steady", round: emptyRound(now) } : next;
  if (isLate(next, acknowledgement)) {
    const cut = resize(next, Math.max((next.size * (next.base + DELAY / 2)) / trip, next.size / 8));
    return { ...cut, phase: "steady", cut: { at: now, trip }, round: emptyRound(now) };
  }
  const grown = next.phase === "starting" && full ? resize(next, next.size + bytes) : next;
  // A round is over when what was sent after its beginning is acknowledged.
  return now - trip >= round.since ? endRound(grown, now) : grown;
}

/** A cut shows only in what is sent after it; until then it must get much worse to count again. */
function isLate({ base, cut }: Window, { trip, now }: Acknowledgement): boolean {
  return trip - base > DELAY && (now - trip >= cut.at || trip > 2 * cut.trip);
}

function isStale({ measured }: Window, now: number): boolean {
  return now - measured > MEASURED_FOR;
}

function endRound(window: Window, now: number): Window {
  const { round, size, base, block, phase } = window;
  const next = { ...window, round: emptyRound(now) };
  if (isStale(window, now)) return { ...next, phase: "draining" };
  // One late acknowledgement may be chance: the shortest trip of the round is what the queue adds to all.
  const queued = size * (1 - (CHANCE * base) / round.trip);
  // Two blocks, each answering for the other, do no harm as long as none is late; one alone waits out every hiccup of the path, Nagle's algorithm and delayed TCP acknowledgements above all.
  if (queued > QUEUE.many * block) return { ...resize(next, Math.max(size / 2, size - queued + QUEUE.few * block, 2 * block)), phase: "steady" };
  if (queued > QUEUE.few * block) return { ...next, phase: "steady" };
  if (phase === "starting" || !round.full || now - window.grown < PATIENCE) return next;
  return { ...resize(next, size + Math.max(block, size / 8)), grown: now };
}

function resize(window: Window, wanted: number): Window {
  const limit = window.acknowledged < UNKNOWN.bytes ? Math.min(UNKNOWN.size, window.limit) : window.limit;
  return { ...window, size: clamp(wanted, window.block, limit) };
}

function emptyRound(since: number): Window["round"] {
  return { since, trip: Number.POSITIVE_INFINITY, full: false };
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(value, most));
}
