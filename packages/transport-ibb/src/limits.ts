import { type Clock, systemClock } from "./clock.js";

/** What one bytestream may use, in bytes and milliseconds. Every field can be set. */
export interface BytestreamLimits {
  /** Bytes sent and not acknowledged, at most. The window adapts below it, and 64 blocks are never exceeded. Default 256 KiB. */
  readonly windowLimit: number;
  /** Bytes received and not read by our side, at most: a peer that sends more without waiting for acknowledgements is cut off with `resource-constraint`. Default 2 MiB. */
  readonly receiveLimit: number;
  /** ms for the peer to answer `<open/>`, or to send it. Default 30 s. */
  readonly openTimeout: number;
  /** ms without any acknowledgement, while some are due, after which blocks count as lost (`ibb-lost`). Default 60 s. */
  readonly acknowledgeTimeout: number;
  /** ms that an acknowledgement is held back while our reader does not read. Shorter than what peers wait for acknowledgements. Default 20 s. */
  readonly holdTimeout: number;
  /** ms without progress after the peer's `<close/>`, in which our reader reads and what remains of ours is flushed. Default 30 s. */
  readonly flushTimeout: number;
  /** ms without progress after our `<close/>` for its answer to come: longer than the peer may take to flush. Default 60 s. */
  readonly closeTimeout: number;
  readonly clock: Clock;
}

export const defaultLimits: BytestreamLimits = Object.freeze({
  windowLimit: 256 * 1024,
  receiveLimit: 2 * 1024 * 1024,
  openTimeout: 30_000,
  acknowledgeTimeout: 60_000,
  holdTimeout: 20_000,
  flushTimeout: 30_000,
  closeTimeout: 60_000,
  clock: systemClock,
});

/** For requests whose deadline restarts on progress and is therefore kept here. */
export const NO_DEADLINE = Number.POSITIVE_INFINITY;
