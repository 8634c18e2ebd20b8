import { type Behaviour, behaviours, type Kind } from "./sites.js";

/** What a stream is tried with: one transport alone, or what Balcony takes by itself. */
export const choices = ["s5b", "ice-tcp", "webrtc", "ibb", "all"] as const;
export type Choice = (typeof choices)[number];

/** Two hosts behind one NAT. */
export interface Household {
  readonly mapping: "endpoint-independent" | "symmetric";
  readonly lans: "one" | "apart";
  readonly hairpin: boolean;
}

export const households = {
  "one LAN": { mapping: "endpoint-independent", lans: "one", hairpin: false },
  "two LANs, cone, hairpin": { mapping: "endpoint-independent", lans: "apart", hairpin: true },
  "two LANs, cone, no hairpin": { mapping: "endpoint-independent", lans: "apart", hairpin: false },
  "two LANs, symmetric, hairpin": { mapping: "symmetric", lans: "apart", hairpin: true },
  "two LANs, symmetric, no hairpin": { mapping: "symmetric", lans: "apart", hairpin: false },
} as const satisfies Record<string, Household>;

export type HouseholdName = keyof typeof households;

export type Protocol = "TCP" | "UDP";

export interface Pair {
  readonly title: string;
  readonly hosts: readonly [Kind, Kind] | HouseholdName;
  /** By which protocols the two can be connected directly at all, however clever both are. */
  readonly possible: readonly Protocol[];
}

const protocols: readonly Protocol[] = ["TCP", "UDP"];
const kinds = Object.keys(behaviours) as Kind[];

/** Each kind of site with each, itself included, then the households. The first opens the stream. */
export const pairs: readonly Pair[] = [
  ...kinds.flatMap((a, index) =>
    kinds.slice(index).map((b): Pair => ({ title: `${a} – ${b}`, hosts: [a, b], possible: protocols.filter((protocol) => connectable(behaviours[a], behaviours[b], protocol)) })),
  ),
  ...(Object.keys(households) as HouseholdName[]).map((name): Pair => ({ title: name, hosts: name, possible: withinHouse(households[name]) ? protocols : [] })),
];

/**
 * Can they be connected without a relay? Either can be reached by whoever knows its address; or each lets in what it has sent to, and both know beforehand where the other will come from, so
 * that both send at once (RFC 5128 §3.3; for TCP by simultaneous open, RFC 9293 §3.5).
 */
function connectable(a: Behaviour, b: Behaviour, protocol: Protocol): boolean {
  if (protocol === "UDP" && !(a.udp && b.udp)) return false;
  if (!a.families.some((family) => b.families.includes(family))) return false;
  if (isReachable(a) || isReachable(b)) return true;
  return a.mapping !== "symmetric" && b.mapping !== "symmetric";
}

function isReachable({ filtering }: Behaviour): boolean {
  return filtering !== "address-and-port-dependent";
}

/** By hairpinning only to an address that is the same for every destination: whom it is for is known by its port. */
function withinHouse({ hairpin, lans, mapping }: Household): boolean {
  return lans === "one" || (hairpin && mapping === "endpoint-independent");
}
