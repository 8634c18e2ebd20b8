/**
 * Whether one block at a time gets more through than several do: a pure function of what the acknowledgements tell. On a long path it never does. On a short one it
 * may, as the delay alone does not show: Prosody 0.12 sleeps for a millisecond whenever more than 8 KiB wait for it, which is several round trips on loopback, and whoever shares a
 * processor with the server gains nothing from working at the same time. So both are tried, and the better one is kept until it is time to try again.
 */
export interface Pace {
  /** Is it one block at a time now? */
  readonly alone: boolean;
  /** Bytes acknowledged and ms, when this stint began. */
  readonly begun: { readonly bytes: number; readonly at: number };
  /** What the other way brought in its last stint: bytes in a ms, and when that was. */
  readonly other: { readonly rate: number; readonly at: number };
}

/** Blocks after which a stint tells something. */
const STINT = 16;
/** ms after which the other way is tried again. */
const TRIED_FOR = 1_000;
/** Round trips (ms) above which several at a time are always better. */
const SHORT = 5;

export const startPace: Pace = {
  alone: false,
  begun: { bytes: 0, at: Number.NEGATIVE_INFINITY },
  other: { rate: Number.POSITIVE_INFINITY, at: Number.NEGATIVE_INFINITY },
};

/** What the bytestream looks like after an acknowledgement. */
export interface Progress {
  readonly block: number;
  /** Bytes acknowledged so far. */
  readonly acknowledged: number;
  /** ms: the clock, and the round trip without a queue. */
  readonly now: number;
  readonly base: number;
  /** Was the window full? What nobody wanted to send says nothing. */
  readonly full: boolean;
}

export function stepPace(pace: Pace, { block, acknowledged, now, base, full }: Progress): Pace {
  const { alone, begun, other } = pace;
  if (base > SHORT) return startPace;
  if (!full || begun.at === Number.NEGATIVE_INFINITY) return { ...pace, begun: { bytes: acknowledged, at: now } };
  if (acknowledged - begun.bytes < STINT * block) return pace;
  const rate = (acknowledged - begun.bytes) / (now - begun.at);
  const next = { bytes: acknowledged, at: now };
  if (other.rate > rate || now - other.at > TRIED_FOR) return { alone: !alone, begun: next, other: { rate, at: now } };
  return { alone, begun: next, other };
}
