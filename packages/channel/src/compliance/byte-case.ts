import type { Duplex } from "node:stream";
import type { Watch } from "./byte-watch.js";
import type { Case, Within } from "./run.js";

/** The two ends of one connection. */
export interface BytePair {
  readonly a: Duplex;
  readonly b: Duplex;
}

/** What each case is given. */
export interface ByteContext extends BytePair {
  readonly watchA: Watch;
  readonly watchB: Watch;
  /** Bytes to send where much is sent. */
  readonly size: number;
  /** Bytes that may be on the way while nobody reads. */
  readonly inFlight: number;
  readonly within: Within;
  /** One more pair beside the first. */
  readonly another: () => Promise<BytePair>;
}

export type ByteCase = Case<ByteContext>;
