import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { interopFolder } from "./root.js";

export const contractVersion = 1;

export const layers = ["ibb", "s5b", "jingle", "jingle-ibb", "jingle-s5b", "ice-tcp", "webrtc", "starttls", "e2e", "e2e-2009", "ceremony", "esession"] as const;
export type Layer = (typeof layers)[number];

export type Role = "initiator" | "responder";
/** One line that a peer prints. README.md says what each means. */
export type PeerEvent =
  | { readonly event: "describe"; readonly name: string; readonly version: string; readonly layers: Readonly<Partial<Record<Layer, readonly Role[]>>> }
  | { readonly event: "ready"; readonly jid?: string; readonly port?: number }
  | Signal
  | { readonly event: "connected"; readonly transport: string }
  | { readonly event: "secured"; readonly protocol: string; readonly fingerprint: string; readonly own?: string }
  | { readonly event: "symbols"; readonly numbers?: readonly string[]; readonly emoji?: readonly string[]; readonly sas?: string }
  | { readonly event: "received"; readonly bytes?: number; readonly sha256?: string; readonly text?: string }
  | { readonly event: "refused"; readonly condition: string }
  | { readonly event: "closed"; readonly reason?: string }
  | { readonly event: "error"; readonly condition: string; readonly text?: string };

export interface Signal {
  readonly event: "signal";
  readonly ufrag?: string;
  readonly pwd?: string;
  readonly candidates?: readonly string[];
  readonly setup?: "active" | "passive" | "actpass";
  readonly fingerprint?: string;
  readonly sdp?: string;
  readonly type?: "offer" | "answer";
  readonly end?: boolean;
  readonly numbers?: readonly string[];
}

/** The peer did what the contract does not allow, whatever the protocol's outcome. */
export class ContractBreach extends Error {
  override readonly name = "ContractBreach";
}

const schemaFile = join(interopFolder, "contract.schema.json");
let compiled: ValidateFunction | undefined;

/** Reads one line of stdout. Throws `ContractBreach` for one that the schema does not know. */
export function readLine(line: string): PeerEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new ContractBreach(`A line on stdout is no JSON: ${excerpt(line)}`);
  }
  compiled ??= new Ajv2020({ discriminator: true, allErrors: false }).compile(JSON.parse(readFileSync(schemaFile, "utf8")) as object);
  if (!compiled(value)) {
    const [error] = compiled.errors ?? [];
    throw new ContractBreach(`A line on stdout is no event of the contract (${error?.instancePath || "/"} ${error?.message}): ${excerpt(line)}`);
  }
  return value as PeerEvent;
}

const excerpt = (line: string): string => JSON.stringify(line.length > 200 ? `${line.slice(0, 200)}…` : line);

/** What may come next. `run` begins a task, `over` has no successor. */
export type Place = "run" | "ready" | "connected" | "secured" | "received" | "refused" | "over";

/**
 * The order of events, a pure step.
 *
 * | at                          | may come                                                    |
 * |-----------------------------|-------------------------------------------------------------|
 * | run                         | ready, error                                                |
 * | ready                       | signal, connected, refused, closed, error                   |
 * | connected                   | signal, connected (another transport), secured, symbols, received, closed, error |
 * | secured                     | signal, symbols, received, closed, error                    |
 * | received                    | signal, received, closed, error                             |
 * | refused                     | closed, error                                               |
 * | over (after closed, error)  | nothing                                                     |
 */
export function next(place: Place, { event }: PeerEvent): Place {
  const after = successors[place][event];
  if (!after) throw new ContractBreach(`"${event}" came ${place === "run" ? "before ready" : `at "${place}"`}, where it has no place.`);
  return after;
}

const ends = { closed: "over", error: "over" } as const;
const successors: Readonly<Record<Place, Partial<Record<PeerEvent["event"], Place>>>> = {
  run: { ready: "ready", error: "over" },
  ready: { signal: "ready", connected: "connected", refused: "refused", ...ends },
  connected: { signal: "connected", connected: "connected", secured: "secured", symbols: "secured", received: "received", ...ends },
  secured: { signal: "secured", symbols: "secured", received: "received", ...ends },
  received: { signal: "received", received: "received", ...ends },
  refused: ends,
  over: {},
};
