import { BalconyError, type ErrorCode } from "@balcony/channel";
import type { CeremonyOutcome } from "@balcony/trust";
import { bare, type Jid } from "@balcony/xml";

const BETWEEN = "Somebody may be between you. Do not trust what you read or write there; talk to them by another way.";

/** Why a ceremony ended without a verification. */
export function endedBy({ code, by }: Extract<CeremonyOutcome, { verified: false }>, peer: Jid): BalconyError {
  return new BalconyError(code, said(code, by, bare(peer)), { phase: "trust", peer, hint: hints[code] ?? (alarming.has(code) ? BETWEEN : undefined) });
}

const alarming: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["verification-differs", "commitment-mismatch", "reflection", "address-mismatch"]);

const hints: Partial<Record<ErrorCode, string>> = {
  "code-wrong":
    "The code is used up, here and there. Ask each other by voice which it was: if you both had the same one, somebody is between you. If one was mistyped, make a new one.",
  "code-spent": "Ask them for a new one: `invite` makes it.",
  "code-unknown": "Ask them for a new one: codes are used up by one try, and expire.",
};

function said(code: ErrorCode, by: "us" | "peer" | "channel" | "clock", peer: string): string {
  switch (code) {
    case "verification-differs":
      return by === "us" ? `You said that ${peer} sees other symbols.` : `${peer} says that they see other symbols.`;
    case "code-wrong":
      return `The code is not the one that ${peer} has.`;
    case "code-spent":
      return "This code was used before, and each has one try.";
    case "code-unknown":
      return `${peer} waits for no code of yours.`;
    case "commitment-mismatch":
      return `What came from ${peer} is not what had been committed to.`;
    case "reflection":
      return `Our own values came back instead of those of ${peer}.`;
    case "address-mismatch":
      return `The other side takes this stream to be between other addresses than ours and ${peer}.`;
    case "verification-cancelled":
      return by === "us" ? "You cancelled the verification." : `${peer} did not take the verification, or cancelled it.`;
    case "timeout":
      return "The verification was not finished in time.";
    case "connection-lost":
      return "The stream was lost before the verification was finished.";
    case "guesses-spent":
      return `Three verifications with ${peer} were begun within a day and not confirmed.`;
    case "verification-unsupported":
      return `The client of ${peer} knows no verification.`;
    case "verification-busy":
      return `A verification with ${peer} is open already, or the last one was asked for within a minute.`;
    case "verification-violation":
      return `The client of ${peer} broke the rules of the verification.`;
    default:
      return "The verification could not be finished.";
  }
}

/** What an error answer to a message of ours means. */
export function rejection(error: unknown): ErrorCode {
  if (!(error instanceof BalconyError)) return "internal";
  if (error.code !== "stanza-error") return error.code;
  if (error.condition === "service-unavailable" || error.condition === "feature-not-implemented") return "verification-unsupported";
  if (error.condition === "item-not-found") return "verification-cancelled";
  return error.condition === "resource-constraint" ? "verification-busy" : "verification-violation";
}
