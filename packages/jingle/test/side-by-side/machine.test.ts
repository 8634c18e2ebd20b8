import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Reach } from "../../src/plugins.js";
import { answering, type Effect, type Event, offering, type State, step, WAY_LIMIT, type Wait } from "../../src/side-by-side/machine.js";

type Name = "offerer" | "answerer";

interface Path {
  readonly reach: Reach;
  /** Does it connect, or fail on that side, or is nothing heard of it? */
  readonly does: "connects" | "fails" | "hangs" | "cannot be prepared" | "is not known";
}

const order: readonly Wait[] = ["head-start", "relays", "better", "patience", "longest", "direct", "end"];

/** Both sides, with everything that can happen in any order; what is told keeps its order. `late`: times are over only once nothing else can happen. */
function play(paths: readonly Path[], chance: () => number, late: boolean) {
  const states: Record<Name, State> = { offerer: answering, answerer: answering };
  const finished: Record<Name, string | undefined> = { offerer: undefined, answerer: undefined };
  const failed: Record<Name, boolean> = { offerer: false, answerer: false };
  const dropped: Record<Name, string[]> = { offerer: [], answerer: [] };
  const possible: (() => void)[] = [];
  const timers: { readonly wait: Wait; readonly over: () => void }[] = [];
  const queues: Record<Name, (() => void)[]> = { offerer: [], answerer: [] };
  const pathOf = (way: string): Path => paths[Number(way)] as Path;
  const take = (name: Name, event: Event): void => {
    const next = step(states[name], event);
    expect(next.effects.filter(({ type }) => type === "refuse")).toEqual([]);
    states[name] = next.state;
    perform(name, next.effects);
  };
  const perform = (name: Name, effects: readonly Effect[]): void => {
    for (const effect of effects) {
      if (effect.type === "prepare") {
        const event = { type: pathOf(effect.way).does === "cannot be prepared" ? "lost" : "prepared", way: effect.way } as const;
        possible.push(() => take(name, event));
      }
      if (effect.type === "connect") {
        const { does } = pathOf(effect.way);
        if (does !== "hangs") possible.push(() => take(name, { type: does === "connects" ? "connected" : "lost", way: effect.way }));
      }
      if (effect.type === "await") timers.push({ wait: effect.wait, over: () => take(name, { type: "over", wait: effect.wait }) });
      if (effect.type === "drop") dropped[name].push(effect.way);
      if (effect.type === "finish") finished[name] = effect.way;
      if (effect.type === "fail") failed[name] = true;
      if (effect.type !== "tell") continue;
      const other = name === "offerer" ? "answerer" : "offerer";
      const { way, what } = effect;
      const { does, reach } = pathOf(way);
      const event: Event =
        what === "offer"
          ? { type: "offered", way, reach, known: does !== "is not known" }
          : { type: what === "answer" ? "answered" : what === "failed" ? "peer-lost" : "chosen", way };
      queues[other].push(() => take(other, event));
      possible.push(() => queues[other].shift()?.());
    }
  };
  const first = offering(paths.map(({ reach }, index) => ({ id: String(index), reach })));
  states.offerer = first.state;
  perform("offerer", first.effects);
  possible.push(
    () => take("offerer", { type: "started" }),
    () => take("answerer", { type: "started" }),
  );
  for (let turn = 0; turn < 1000; turn++) {
    timers.sort((a, b) => order.indexOf(a.wait) - order.indexOf(b.wait));
    const timer = possible.length === 0 || (!late && chance() < 0.2) ? timers.shift() : undefined;
    const next = timer?.over ?? possible.splice(Math.floor(chance() * possible.length), 1)[0];
    if (!next) break;
    next();
  }
  expect([possible.length, timers.length]).toEqual([0, 0]);
  return { states, finished, failed, dropped };
}

const path = (reach: Reach) => fc.record({ reach: fc.constant(reach), does: fc.constantFrom<Path["does"]>("connects", "fails", "hangs", "cannot be prepared", "is not known") });
const paths = fc.tuple(fc.array(path("direct"), { maxLength: 3 }), fc.array(path("relayed"), { maxLength: 2 })).map((both) => both.flat());
const seed = fc.nat({ max: 2 ** 31 - 1 });

function chanceOf(given: number): () => number {
  let drawn = given;
  return () => {
    drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) >>> 0;
    return (drawn >>> 8) / 2 ** 24;
  };
}

describe("both sides of ways side by side", () => {
  it("come to the same end, whatever comes first, and let go of everything else", () => {
    fc.assert(
      fc.property(paths, seed, fc.boolean(), (given, drawn, late) => {
        const { states, finished, failed, dropped } = play(given, chanceOf(drawn), late);
        expect(failed.offerer).toBe(finished.offerer === undefined);
        if (finished.offerer !== undefined) expect(finished.answerer).toBe(finished.offerer);
        for (const name of ["offerer", "answerer"] as const) {
          const begun = states[name].ways.filter(({ phase }) => phase !== "waiting").map(({ id }) => id);
          if (finished[name] === undefined) continue;
          const others = begun.filter((id) => id !== finished[name] && (name === "offerer" || given[Number(id)]?.does !== "is not known"));
          expect(new Set(dropped[name].filter((id) => id !== finished[name]))).toEqual(new Set(others));
          expect(dropped[name]).not.toContain(finished[name]);
        }
      }),
      { numRuns: 800 },
    );
  });

  it("take a direct path where there is one, and a relayed one where there is not, as long as there is time", () => {
    fc.assert(
      fc.property(paths, seed, (given, drawn) => {
        const { finished } = play(given, chanceOf(drawn), true);
        const works = given.filter(({ does }) => does === "connects");
        const direct = works.some(({ reach }) => reach === "direct");
        expect(finished.offerer === undefined ? undefined : given[Number(finished.offerer)]?.reach).toBe(direct ? "direct" : works[0]?.reach);
      }),
      { numRuns: 800 },
    );
  });
});

const two = [
  { id: "d", reach: "direct" },
  { id: "e", reach: "direct" },
  { id: "r", reach: "relayed" },
] as const;
/** All three are being connected. */
const running: readonly Event[] = [
  { type: "prepared", way: "d" },
  { type: "answered", way: "d" },
  { type: "started" },
  { type: "over", wait: "head-start" },
  { type: "over", wait: "relays" },
  ...["e", "r"].flatMap((way): Event[] => [
    { type: "prepared", way },
    { type: "answered", way },
  ]),
];
const after = (...events: Event[]) => events.reduce<ReturnType<typeof step>>((before, event) => step(before.state, event), offering(two));
const types = ({ effects }: ReturnType<typeof step>) => effects.map((effect) => [effect.type, "way" in effect ? effect.way : "wait" in effect ? effect.wait : ""].join(" ").trim());
const connected = (way: string): Event => ({ type: "connected", way });
const over = (wait: Wait): Event => ({ type: "over", wait });

describe("the offerer", () => {
  it("begins with the first way alone, the direct ones after the head start, a relayed one later still", () => {
    expect(types(offering(two))).toEqual(["prepare d"]);
    expect(types(after(...running.slice(0, 3)))).toEqual(["await head-start", "await relays", "await longest", "await direct", "await end", "connect d"]);
    expect(types(after(...running.slice(0, 4)))).toEqual(["prepare e"]);
    expect(types(after(...running.slice(0, 5)))).toEqual(["prepare r"]);
  });

  it("begins what is next as soon as what was before has failed", () => {
    const failed = after(...running.slice(0, 3), { type: "lost", way: "d" });
    expect(types(failed)).toEqual(["drop d", "tell d", "prepare e"]);
    expect(types(step(failed.state, { type: "lost", way: "e" }))).toEqual(["drop e", "prepare r", "await patience"]);
  });

  it("takes the preferred path at once, and gives it a little time where another is there first", () => {
    expect(types(after(...running, connected("d")))).toEqual(["tell d", "drop e", "drop r", "finish d"]);
    expect(types(after(...running, connected("e")))).toEqual(["await better"]);
    expect(types(after(...running, connected("e"), over("better")))).toEqual(["tell e", "drop d", "drop r", "finish e"]);
    expect(types(after(...running, connected("e"), connected("d")))).toEqual(["tell d", "drop e", "drop r", "finish d"]);
    expect(types(after(...running, connected("e"), { type: "peer-lost", way: "d" }))).toEqual(["drop d", "tell e", "drop r", "finish e"]);
  });

  it.each<[string, readonly Event[]]>([
    ["their time is over", [over("patience")]],
    ["nobody waits any longer", [over("longest")]],
    [
      "all have failed",
      [
        { type: "lost", way: "d" },
        { type: "peer-lost", way: "e" },
      ],
    ],
  ])("keeps a relayed path waiting for direct ones until %s", (_, events) => {
    const waiting = after(...running, connected("r"), ...events.slice(0, -1));
    expect([waiting.state.phase, types(waiting).includes("finish r")]).toEqual(["trying", false]);
    expect(types(step(waiting.state, events.at(-1) as Event))).toContain("finish r");
  });

  it("does not wait for direct paths alone to the end, but for a relayed one", () => {
    const direct = after(...running, over("longest"), { type: "lost", way: "r" });
    expect([direct.state.phase, types(step(direct.state, over("direct")))]).toEqual(["trying", ["fail"]]);
    const relayed = step(after(...running, over("longest")).state, over("direct"));
    expect([relayed.state.phase, types(step(relayed.state, over("end")))]).toEqual(["trying", ["fail"]]);
    expect(types(step(relayed.state, connected("r")))).toContain("finish r");
  });

  it("takes another where one that stood breaks before it was chosen", () => {
    const waiting = after(...running, connected("r"), { type: "lost", way: "r" });
    expect(waiting.state.phase).toBe("trying");
    expect(types(step(waiting.state, over("end")))).toEqual(["fail"]);
  });
});

describe("the answerer", () => {
  const offered = (...ways: string[]): Event[] => ways.map((way) => ({ type: "offered", way, reach: "direct", known: true }));
  const begun = (...ways: string[]) =>
    [...offered(...ways), { type: "started" } as const, ...ways.map((way): Event => ({ type: "prepared", way }))].reduce((state, event) => step(state, event).state, answering);

  it("takes the only way that it was offered as soon as it stands, where that is direct", () => {
    expect(types(step(begun("d"), connected("d")))).toEqual(["finish d"]);
    const relayed = [{ type: "offered", way: "r", reach: "relayed", known: true } as const, { type: "started" } as const, { type: "prepared", way: "r" } as const].reduce<State>(
      (state, event) => step(state, event).state,
      answering,
    );
    expect(types(step(relayed, connected("r")))).toEqual([]);
  });

  it("waits to be told where there are several, and for what it is told of", () => {
    const state = step(begun("d", "e"), connected("d")).state;
    expect(state.phase).toBe("trying");
    expect(types(step(state, { type: "chosen", way: "d" }))).toEqual(["drop e", "finish d"]);
    const chosen = step(state, { type: "chosen", way: "e" });
    expect([types(chosen), chosen.state.phase]).toEqual([["drop d"], "trying"]);
    expect(types(step(chosen.state, connected("e")))).toEqual(["finish e"]);
    expect(types(step(chosen.state, { type: "lost", way: "e" }))).toEqual(["drop e", "tell e", "fail"]);
  });

  it("takes no more ways than it can hold", () => {
    const full = begun(...Array.from({ length: WAY_LIMIT }, (_, index) => String(index)));
    expect(step(full, { type: "offered", way: "one more", reach: "direct", known: true }).effects).toEqual([{ type: "refuse", condition: "resource-constraint" }]);
  });
});

const told = ["offered", "answered", "peer-lost", "chosen"] as const;
const tell = (type: (typeof told)[number], way: string): Event => (type === "offered" ? { type, way, reach: "direct", known: true } : { type, way });

describe("what the other side may not say is refused, and changes nothing", () => {
  const answerer = [tell("offered", "d"), { type: "prepared", way: "d" } as const].reduce<State>((state, event) => step(state, event).state, answering);
  it.each([
    ["offerer", "offered", "d", "unexpected-request"],
    ["offerer", "offered", "x", "unexpected-request"],
    ["offerer", "answered", "x", "item-not-found"],
    ["offerer", "answered", "e", "item-not-found"],
    ["offerer", "peer-lost", "x", "item-not-found"],
    ["offerer", "chosen", "d", "unexpected-request"],
    ["answerer", "offered", "d", "bad-request"],
    ["answerer", "answered", "d", "unexpected-request"],
    ["answerer", "answered", "x", "item-not-found"],
    ["answerer", "peer-lost", "x", "item-not-found"],
    ["answerer", "chosen", "x", "item-not-found"],
  ] as const)("%s: %s %s → %s", (side, type, way, condition) => {
    const state = side === "offerer" ? after({ type: "prepared", way: "d" }).state : answerer;
    expect(step(state, tell(type, way))).toEqual({ state, effects: [{ type: "refuse", condition }] });
  });

  it("nor twice", () => {
    const answered = after({ type: "prepared", way: "d" }, tell("answered", "d")).state;
    expect(step(answered, tell("answered", "d")).effects).toEqual([{ type: "refuse", condition: "unexpected-request" }]);
    const chosen = step(step(answerer, tell("offered", "e")).state, tell("chosen", "d")).state;
    expect(step(chosen, tell("chosen", "d")).effects).toEqual([{ type: "refuse", condition: "unexpected-request" }]);
  });
});
