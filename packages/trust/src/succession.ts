import { deviceOf, type PeerRecord } from "./record.js";
import type { Statement } from "./statements.js";

/** Replacements that are followed from one key to the next. */
export const MOST_REPLACEMENTS = 4;
/** Milliseconds for whose clock is before ours. */
const CLOCK_SLACK = 24 * 60 * 60 * 1000;

/** Whose key has come, and when. */
export interface Succession {
  /** The peer: bare. */
  readonly owner: string;
  /** The key that it has proved to hold. */
  readonly spki: string;
  readonly record: PeerRecord | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Which known key of the peer's has this one taken the place of? A certificate carries what its key's predecessors have signed, each that the next one takes its place: whoever has not met the peer for
 * long follows several at once. They have no age: a key that is not known to have retired speaks for itself all the same. Pure. Whether the key that it leads to is verified, `decide()` says.
 * @param statements whose signatures were checked
 * @returns the first known key on the way; undefined where it leads to none, or past one that was revoked
 */
export function predecessorOf(statements: readonly Statement[], { now, owner, record, spki }: Succession): string | undefined {
  const rotations = statements.filter(
    (one) => one.kind === "rotate" && one.owner === owner && one.signer === owner && one.audience === undefined && Date.parse(one.at) - now <= CLOCK_SLACK,
  );
  let current = spki;
  for (let step = 0; step < MOST_REPLACEMENTS; step++) {
    const next = rotations.find(({ subject }) => subject === current);
    if (!next) return undefined;
    const known = deviceOf(record, next.by);
    if (known) return known.status === "revoked" ? undefined : next.by;
    current = next.by;
  }
  return undefined;
}
