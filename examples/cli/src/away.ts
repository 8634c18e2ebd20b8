import { bare } from "@balcony/xml";
import type { AwayKey, AwayMessage, Balcony } from "balcony";
import { onLines } from "./fingerprint-lines.js";
import type { Output } from "./output.js";
import { printable } from "./printable.js";
import { describeAlert } from "./security-words.js";

/** What was sent to us while we were away is told as it comes; it is not what this command was called for. */
export function tellAway({ created, peer, stanza, ...key }: AwayMessage, output: Output): void {
  const body = stanza.getChildText("body") ?? "";
  const when = created === undefined ? "" : `, on ${printable(created)} by their clock`;
  output.tell({ event: "away-message", from: peer, body, created, ...key }, `${printable(peer)} wrote while you were away${when}:`, "done");
  if (output.json) return;
  for (const line of body.split(/\r\n|\n|\r/u)) output.tell({ event: "away-message" }, `│ ${printable(line)}`);
  tellKey(key, output, peer);
}

/** Everything that the server had stored stands before its answer to what is asked behind our presence: then what it was encrypted with is destroyed. */
export async function collectAway(e2e: Balcony, ping: () => Promise<unknown>): Promise<void> {
  const answered = await ping().then(
    () => true,
    (error: unknown) => error instanceof Error && error.name === "StanzaError", // an error is an answer, too
  );
  if (answered) await e2e.forgetAway();
}

/** Whose key it was, where that is not settled. */
export function tellKey({ alerts, fingerprint, firstUse, trust }: AwayKey, output: Output, peer: string): void {
  if (output.json) return;
  for (const alert of alerts) output.tell({ event: "alert" }, describeAlert(alert), "warning");
  if (trust === "verified") return;
  output.tell(
    { event: "trust" },
    `not verified: ${firstUse ? "a key never seen before, which their server says is theirs" : "the same key as last time, never compared"}`,
    "warning",
  );
  for (const line of onLines(fingerprint)) output.tell({ event: "trust" }, `  ${line}`, "note");
  output.tell({ event: "trust" }, `Compare it: balcony trust verify ${printable(bare(peer))}`, "note");
}
