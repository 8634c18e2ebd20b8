import type { Acceptance } from "../src/index.js";

export const juliet = "juliet@capulet.lit";
export const nurse = "nurse@capulet.lit";
export const romeo = "romeo@montague.lit";
export const benvolio = "benvolio@montague.lit";

/** The SPKI hash of a key that nobody has. */
export const key = (index: number): string => index.toString(16).padStart(64, "0");

export const firstUse: Acceptance = { action: "accept", trust: "unverified", firstUse: true, alerts: [] };
export const asVerified: Acceptance = { action: "accept", trust: "verified", firstUse: false, alerts: [] };

/** A use of a key by an e2e stream, as its first. */
export const use = (index: number, decision = firstUse) => ({ spki: key(index), decision, streamed: true });

/** A clock that is moved by hand. */
export function handClock(start = "2026-01-01T00:00:00.000Z"): { (): number; move(milliseconds: number): void } {
  let now = Date.parse(start);
  return Object.assign(() => now, {
    move: (milliseconds: number) => {
      now += milliseconds;
    },
  });
}

/** The code of the error that this ends with. */
export async function codeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
  return "accepted";
}
