import { BalconyError } from "@balcony/channel";
import { hashFields } from "./ceremony/fields.js";
import { type BareJid, isSpki } from "./record.js";

const kinds = ["vouch", "rotate", "revoke"] as const;

/** What a device says of a key, over its signature. */
export interface Statement {
  /** `vouch`: the key is the owner's; `rotate`: it takes the place of the signer's own, which retires; `revoke`: it is to be refused. */
  readonly kind: (typeof kinds)[number];
  /** Whose key it is about: of the signer's own account, or of a contact of theirs. */
  readonly owner: BareJid;
  /** The key that it is about: SHA-256 of its SubjectPublicKeyInfo. */
  readonly subject: string;
  readonly signer: BareJid;
  /** The key that signs. */
  readonly by: string;
  /** For whom it is; undefined: for whoever gets it. */
  readonly audience?: BareJid;
  /** ISO 8601 in UTC, to the millisecond. */
  readonly at: string;
}

/** How a statement came. */
export interface Arrival {
  /** Our own account. */
  readonly account: BareJid;
  /** SHA-256 of the SubjectPublicKeyInfo whose signature was checked. */
  readonly signedBy: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The other end of the channel that it came over; undefined where a person has handed it in. */
  readonly channel?: { readonly peer: BareJid; readonly spki: string };
}

const HOUR = 3_600_000;
/** Milliseconds for which a statement that came over a channel, where it was signed just before, is fresh; and by how much clocks may differ. */
const FRESH = 24 * HOUR;
/** Milliseconds for which one that a person hands in is. What was vouched for may have been lost since. */
export const STATEMENT_LIFE = 7 * 24 * HOUR;

/** What is signed: SHA-256 over all of it, each field preceded by its length, the first of which keeps it apart from whatever else a key signs. */
export function statementBytes({ at, audience, by, kind, owner, signer, subject }: Statement): Uint8Array {
  return hashFields("balcony-statement-1", kind, signer, by, owner, subject, audience ?? "", at);
}

/**
 * Is a statement one that may be heeded, if its signer is trusted? Pure and total. The first row that fits wins:
 *
 * | row | the statement                                                      | result               |
 * |-----|--------------------------------------------------------------------|----------------------|
 * | 1   | names keys or a date that are none                                 | `statement-invalid`  |
 * | 2   | names another key as its signer than the one that has signed       | `statement-invalid`  |
 * | 3   | is for somebody else                                               | `statement-invalid`  |
 * | 4   | is dated more than a day ahead                                     | `statement-invalid`  |
 * | 5   | vouches for its own signer, or replaces a key by itself            | `statement-invalid`  |
 * | 6   | is about a key of neither the signer's account nor, where the signer is of our account, a contact | `statement-invalid` |
 * | 7   | replaces a key of another account than the signer's                | `statement-invalid`  |
 * | 8   | came over a channel with another address or key than its signer's  | `statement-invalid`  |
 * | 9   | came over a channel, and is not for us or older than a day         | `statement-invalid`  |
 * | 10  | was handed in, is older than a week, and does not revoke           | `statement-invalid`  |
 * | 11  | is any other                                                       | heeded               |
 *
 * @throws `statement-invalid`
 */
export function checkStatement(statement: Statement, { account, channel, now, signedBy }: Arrival): void {
  const { at, audience, by, kind, owner, signer, subject } = statement;
  const age = now - Date.parse(at);
  if (!isSpki(by) || !isSpki(subject) || !isDate(at)) throw invalid("it names keys or a date that are none");
  if (by !== signedBy) throw invalid("another key has signed it than it says");
  if (audience !== undefined && audience !== account) throw invalid("it is for somebody else");
  if (age < -FRESH) throw invalid("it is dated in the future; see to your clock");
  if (kind !== "revoke" && subject === by) throw invalid("a key cannot speak for itself");
  if (owner !== signer && signer !== account) throw invalid(`${signer} has no say on keys of ${owner}`);
  if (owner !== signer && kind === "rotate") throw invalid("it replaces another's key");
  if (channel && (channel.peer !== signer || channel.spki !== by)) throw invalid("somebody else has sent it than has signed it");
  if (channel && (audience === undefined || age > FRESH)) throw invalid("it was made for another occasion");
  if (!channel && kind !== "revoke" && age > STATEMENT_LIFE) throw invalid("it is older than a week", "Have it made anew.");
}

/** Is this an ISO 8601 date as it is written here? */
function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u.test(text) && !Number.isNaN(Date.parse(text)) && new Date(text).toISOString() === text;
}

function invalid(why: string, hint?: string): BalconyError {
  return new BalconyError("statement-invalid", `This statement about a key is not taken: ${why}.`, { phase: "trust", hint });
}
