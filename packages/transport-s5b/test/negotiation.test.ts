import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { begin, type Effect, type Event, type State, step } from "../src/negotiation.js";
import type { Candidate, Notification } from "../src/transport-element.js";

const candidate = (cid: string, priority: number, type: Candidate["type"] = "direct"): Candidate => ({ cid, host: "192.0.2.1", port: 1, jid: "x", priority, type });
const lists = fc.uniqueArray(
  fc.record({ cid: fc.constantFrom("a", "b", "c", "d"), priority: fc.integer({ min: 1, max: 3 }), type: fc.constantFrom<Candidate["type"]>("direct", "proxy") }),
  {
    selector: ({ cid }) => cid,
    maxLength: 4,
  },
);

interface Side {
  state: State;
  reachable: ReadonlySet<string>;
  outcome: string | undefined;
}

/** Both sides, with the order of everything left to chance. */
function negotiate(
  ofInitiator: readonly Candidate[],
  ofResponder: readonly Candidate[],
  reachable: readonly string[],
  proxies: boolean,
  chance: () => number,
): readonly [Side, Side] {
  const pending: (() => void)[] = [];
  const make = (role: "initiator" | "responder", ours: readonly Candidate[], theirs: readonly Candidate[]): [Side, readonly Effect[]] => {
    const first = begin(role, ours, theirs);
    return [{ state: first.state, reachable: new Set(reachable), outcome: undefined }, first.effects];
  };
  const [i, fromI] = make("initiator", ofInitiator, ofResponder);
  const [r, fromR] = make("responder", ofResponder, ofInitiator);
  const happen = (side: Side, event: Event): void => {
    const next = step(side.state, event);
    side.state = next.state;
    perform(side, next.effects);
  };
  const queues = new Map<Side, Notification[]>([
    [i, []],
    [r, []],
  ]);
  const perform = (side: Side, effects: readonly Effect[]): void => {
    const other = side === i ? r : i;
    for (const effect of effects) {
      if (effect.type === "dial") for (const { cid } of effect.candidates) pending.push(() => happen(side, { type: side.reachable.has(cid) ? "dialled" : "undialled", cid }));
      if (effect.type === "await-grace") pending.push(() => happen(side, { type: "grace-over" }));
      if (effect.type === "activate") pending.push(() => happen(side, { type: proxies ? "proxied" : "unproxied" }));
      if (effect.type === "connect") side.outcome = `${effect.candidate.cid}`;
      if (effect.type === "fail") side.outcome = "failed";
      if (effect.type === "refuse") side.outcome = `refused ${effect.condition}`;
      if (effect.type !== "tell") continue;
      queues.get(side)?.push(effect.notification); // stanzas keep their order
      pending.push(() => {
        const info = queues.get(side)?.shift();
        if (info) happen(other, { type: "received", info });
      });
    }
  };
  perform(i, fromI);
  perform(r, fromR);
  while (pending.length > 0) pending.splice(Math.floor(chance() * pending.length), 1)[0]?.();
  return [i, r];
}

describe("two negotiations of the same candidates", () => {
  it("come to the same end, whatever comes first", () => {
    fc.assert(
      fc.property(
        lists,
        lists,
        fc.subarray(["a", "b", "c", "d", "A", "B", "C", "D"]),
        fc.boolean(),
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (one, two, reachable, proxies, chance) => {
          const ours = one.map(({ cid, priority, type }) => candidate(cid, priority, type));
          const theirs = two.map(({ cid, priority, type }) => candidate(cid.toUpperCase(), priority, type));
          const [i, r] = negotiate(ours, theirs, reachable, proxies, () => chance.next().value as number);
          expect(i.outcome).toBeDefined();
          expect(r.outcome).toBe(i.outcome);
          const any = [...ours, ...theirs].some(({ cid }) => reachable.includes(cid));
          if (!any) expect(i.outcome).toBe("failed");
          else if (proxies) expect(reachable).toContain(i.outcome);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("a proxy that is connected to before a direct candidate", () => {
  const [direct, proxy] = [candidate("direct", 9), candidate("proxy", 1, "proxy")];
  const held = step(begin("initiator", [], [direct, proxy]).state, { type: "dialled", cid: "proxy" });
  const told = ({ effects }: ReturnType<typeof step>) => effects.flatMap((effect) => (effect.type === "tell" ? [effect.notification] : []));

  it("waits for that", () => {
    expect(held.effects).toEqual([{ type: "keep", candidates: [direct] }]);
    expect(told(step(held.state, { type: "dialled", cid: "direct" }))).toEqual([{ type: "candidate-used", cid: "direct" }]);
  });

  it("is used where that cannot be reached", () => {
    expect(told(step(held.state, { type: "undialled", cid: "direct" }))).toEqual([{ type: "candidate-used", cid: "proxy" }]);
  });
});

const infos: readonly Event[] = [
  ...(["candidate-error", "proxy-error"] as const).map((type): Event => ({ type: "received", info: { type } })),
  ...(["candidate-used", "activated"] as const).flatMap((type) => ["mine", "theirs", "nobody's"].map((cid): Event => ({ type: "received", info: { type, cid } }))),
  { type: "received", info: { type: "candidates", candidates: [candidate("theirs", 1)] } },
];
const mine = [candidate("mine", 5, "proxy")];
const theirs = [candidate("theirs", 3, "proxy")];
const run = (...events: Event[]): State => events.reduce((state, event) => step(state, event).state, begin("responder", mine, theirs).state);
const used: Event = { type: "received", info: { type: "candidate-used", cid: "mine" } };
const failed: Event = { type: "received", info: { type: "candidate-error" } };
const phases: readonly (readonly [State["phase"], State, readonly string[]])[] = [
  ["dialling", run(), ["-", "unexpected-request", "-", "item-not-found", "item-not-found", "unexpected-request", "unexpected-request", "unexpected-request", "bad-request"]],
  [
    "reported",
    run({ type: "dialled", cid: "theirs" }),
    ["-", "unexpected-request", "-", "item-not-found", "item-not-found", "unexpected-request", "unexpected-request", "unexpected-request", "bad-request"],
  ],
  [
    "awaiting",
    run({ type: "dialled", cid: "theirs" }, failed),
    ["unexpected-request", "-", "unexpected-request", "item-not-found", "item-not-found", "item-not-found", "-", "item-not-found", "bad-request"],
  ],
  [
    "activating",
    run({ type: "undialled", cid: "theirs" }, used),
    ["unexpected-request", "-", "unexpected-request", "item-not-found", "item-not-found", "unexpected-request", "unexpected-request", "unexpected-request", "bad-request"],
  ],
  [
    "connected",
    run({ type: "undialled", cid: "theirs" }, used, { type: "proxied" }),
    [
      "unexpected-request",
      "unexpected-request",
      "unexpected-request",
      "item-not-found",
      "item-not-found",
      "unexpected-request",
      "unexpected-request",
      "unexpected-request",
      "bad-request",
    ],
  ],
  [
    "failed",
    run({ type: "undialled", cid: "theirs" }, failed),
    [
      "unexpected-request",
      "unexpected-request",
      "unexpected-request",
      "item-not-found",
      "item-not-found",
      "unexpected-request",
      "unexpected-request",
      "unexpected-request",
      "bad-request",
    ],
  ],
];

describe.each(phases)("while %s", (phase, state, expected) => {
  it("each notification is taken or refused as the table says, and what is refused changes nothing", () => {
    expect(state.phase).toBe(phase);
    const outcomes = infos.map((event) => {
      const next = step(state, event);
      const refusal = next.effects.find((effect) => effect.type === "refuse");
      if (refusal) expect(next.state).toBe(state);
      return refusal?.condition ?? "-";
    });
    expect(outcomes).toEqual(expected);
  });
});
