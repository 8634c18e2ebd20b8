import { BalconyError } from "@balcony/channel";
import type { Cell } from "./cells.js";
import type { PeerEvent } from "./contract.js";

/** What became of a rule that the peer broke on purpose: what the application on our side got, what the peer was told, and whether the session went on. */
interface Met {
  readonly code: string;
  readonly heard: string;
  readonly goesOn: boolean;
}

/** Throws unless a breach was met exactly as the peer's table has it. */
export function judgeBreach({ code, heard, goesOn = false }: Cell, outcome: Error | undefined, events: readonly PeerEvent[]): void {
  const last = events.at(-1);
  const met: Met = {
    code: outcome === undefined ? "nothing" : outcome instanceof BalconyError ? outcome.code : `${outcome.name}: ${outcome.message}`,
    heard: (last?.event === "error" ? last.condition : last?.event === "closed" ? last.reason : undefined) ?? "nothing",
    goesOn: last?.event === "closed",
  };
  const wanted: Met = { code: code ?? "nothing", heard: heard ?? "nothing", goesOn };
  if (JSON.stringify(met) === JSON.stringify(wanted)) return;
  throw new Error(`Met by ${describe(met)}, and should have been by ${describe(wanted)}.${outcome ? ` ${outcome.message}` : ""}`);
}

const describe = ({ code, heard, goesOn }: Met): string => `"${code}" here, "${heard}" there, the session ${goesOn ? "going on" : "ended"}`;
