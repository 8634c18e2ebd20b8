import { BalconyError } from "@balcony/channel";

/** RFC 8446 §5.5 ends the safe use of one AES-GCM key at some 2²⁴·⁵ records, and Node has no call to update it. */
const MOST_RECORDS = 2 ** 23;
/** RFC 8446 §5.1. */
const RECORD_BYTES = 2 ** 14;

/** How much more one's own key may encrypt. What the peer's may is for the peer to count. */
export class RecordBudget {
  #left: number;

  constructor(records: number = MOST_RECORDS) {
    this.#left = records;
  }

  get left(): number {
    return this.#left;
  }

  /** Takes what one write needs; where that is no longer there, an error with code `tls-failed`. */
  spend(bytes: number): BalconyError | undefined {
    const records = Math.max(1, Math.ceil(bytes / RECORD_BYTES));
    if (records > this.#left) return new BalconyError("tls-failed", "This connection's key has encrypted as many records as one may.", { hint: "Open a new session." });
    this.#left -= records;
    return undefined;
  }
}
