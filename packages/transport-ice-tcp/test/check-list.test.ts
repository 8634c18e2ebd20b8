import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Candidate, TcpType } from "../src/candidate.js";
import { begin, type CheckList, type Effect, type Event, type Pair, step } from "../src/check-list.js";

type Name = "a" | "b";
const other = (name: Name): Name => (name === "a" ? "b" : "a");

/** What one side sends on a connection, in order, as TCP has it. */
type Message =
  | { readonly kind: "check"; readonly nominate: boolean; readonly controlling: boolean; readonly tieBreaker: bigint }
  | { readonly kind: "success"; readonly nominating: boolean }
  | { readonly kind: "conflict"; readonly asControlling: boolean };

interface Wire {
  /** How each side calls it: undefined as long as nothing has come to the side that was connected to. */
  readonly names: Record<Name, string>;
  readonly queues: Record<Name, Message[]>;
  readonly local: Record<Name, Candidate>;
  broken: boolean;
}

const candidate = (name: Name, tcptype: TcpType, index: number, priority: number): Candidate => ({
  foundation: "f",
  ip: `192.0.2.${index + (name === "a" ? 1 : 100)}`,
  port: tcptype === "active" ? 9 : 1000 + index,
  priority,
  type: "host",
  tcptype,
});

/** Two check lists over connections that may fail to be made, break, and deliver in any order among each other. */
class World {
  readonly states: Record<Name, CheckList>;
  readonly selected: Record<Name, string | undefined> = { a: undefined, b: undefined };
  readonly wires: Wire[] = [];
  /** Who tries a simultaneous open with whom, by both ends. */
  readonly opening = new Map<string, { readonly name: Name; readonly id: string; readonly local: Candidate }>();
  /** Things that can happen next. */
  readonly possible: (() => void)[] = [];
  /** Things that happen once nothing else can. */
  readonly late: (() => void)[] = [];
  nominations = 0;

  constructor(
    roles: { readonly a: boolean; readonly b: boolean },
    tieBreakers: { readonly a: bigint; readonly b: bigint },
    private readonly works: () => boolean,
  ) {
    this.states = { a: begin(roles.a, tieBreakers.a), b: begin(roles.b, tieBreakers.b) };
  }

  take(name: Name, event: Event): void {
    const { state, effects } = step(this.states[name], event);
    this.states[name] = state;
    for (const effect of effects) this.#perform(name, effect);
  }

  #wire(name: Name, id: string): Wire | undefined {
    return this.wires.find(({ names }) => names[name] === id);
  }

  #perform(name: Name, effect: Effect): void {
    switch (effect.type) {
      case "connect": {
        const { pair } = effect;
        if (pair.local.tcptype === "so") {
          this.possible.push(() => this.#openTogether(name, pair));
          break;
        }
        this.possible.push(() => {
          if (this.states[name].phase === "failed") return;
          const there = this.states[other(name)].locals.find(({ ip, port }) => ip === pair.remote.ip && port === pair.remote.port);
          if (!there || this.states[other(name)].phase === "failed" || !this.works()) {
            this.take(name, { type: "lost", pair: pair.id });
            return;
          }
          const names = name === "a" ? { a: pair.id, b: `in ${this.wires.length}` } : { b: pair.id, a: `in ${this.wires.length}` };
          const local = name === "a" ? { a: pair.local, b: there } : { b: pair.local, a: there };
          this.wires.push({ names, local, queues: { a: [], b: [] }, broken: false });
          this.take(name, { type: "connected", pair: pair.id });
        });
        break;
      }
      case "check": {
        const { controlling, tieBreaker } = this.states[name];
        if (effect.nominate) this.nominations++;
        this.#send(name, effect.pair, { kind: "check", nominate: effect.nominate, controlling, tieBreaker });
        break;
      }
      case "close": {
        const wire = this.#wire(name, effect.pair);
        if (wire) this.break(wire, other(name));
        break;
      }
      case "selected":
        expect(this.selected[name]).toBeUndefined();
        this.selected[name] = effect.pair;
        break;
      case "await-patience":
        this.possible.push(() => this.take(name, { type: "patience-over" }));
        break;
      case "await-arrivals":
        this.late.push(() => this.take(name, { type: "arrivals-over" }));
        break;
      default:
    }
  }

  /** One connection comes of both sides' connecting to each other, and none of one side's alone. */
  #openTogether(name: Name, { id, local, remote }: Pair): void {
    if (this.states[name].phase !== "checking") return;
    const ends = [local, remote]
      .map(({ ip, port }) => `${ip}:${port}`)
      .sort()
      .join(" ");
    const there = this.opening.get(ends);
    if (!there || this.states[there.name].phase !== "checking") {
      this.opening.set(ends, { name, id, local });
      this.late.push(() => this.opening.delete(ends) && this.take(name, { type: "lost", pair: id }));
      return;
    }
    this.opening.delete(ends);
    if (!this.works()) {
      this.take(name, { type: "lost", pair: id });
      this.take(there.name, { type: "lost", pair: there.id });
      return;
    }
    const names = { [name]: id, [there.name]: there.id } as Record<Name, string>;
    this.wires.push({ names, local: { [name]: local, [there.name]: there.local } as Record<Name, Candidate>, queues: { a: [], b: [] }, broken: false });
    this.take(name, { type: "connected", pair: id });
    this.take(there.name, { type: "connected", pair: there.id });
  }

  #send(name: Name, id: string, message: Message): void {
    const wire = this.#wire(name, id);
    if (!wire || wire.broken) return;
    wire.queues[other(name)].push(message);
    this.possible.push(() => this.#deliver(wire, other(name)));
  }

  #deliver(wire: Wire, to: Name): void {
    const message = wire.queues[to].shift();
    if (!message || this.states[to].phase === "failed") return;
    if (!wire.broken && !this.works()) {
      this.break(wire, to);
      this.break(wire, other(to));
      return;
    }
    const pair = wire.names[to];
    if (message.kind === "success") this.take(to, { type: "answered", pair, nominating: message.nominating });
    else if (message.kind === "conflict") this.take(to, { type: "refused", pair, conflict: true, asControlling: message.asControlling });
    else {
      const { controlling, tieBreaker, nominate: useCandidate } = message;
      const { effects } = step(this.states[to], { ...this.#requestOn(wire, to), request: { controlling, tieBreaker, useCandidate } });
      if (effects.some(({ type }) => type === "conflict")) this.#send(to, pair, { kind: "conflict", asControlling: controlling });
      else this.#send(to, pair, { kind: "success", nominating: useCandidate });
      this.take(to, { ...this.#requestOn(wire, to), request: { controlling, tieBreaker, useCandidate } });
    }
  }

  #requestOn(wire: Wire, to: Name) {
    return { type: "request", pair: wire.names[to], local: wire.local[to], remote: { ...wire.local[other(to)], type: "prflx" } } as const;
  }

  /** What is on the way still arrives, then `to` hears of the loss. */
  break(wire: Wire, to: Name): void {
    wire.broken = true;
    this.possible.push(() => {
      while (wire.queues[to].length > 0) this.#deliver(wire, to);
      this.lost(wire, to);
    });
  }

  lost(wire: Wire, to: Name): void {
    this.take(to, { type: "lost", pair: wire.names[to] });
  }
}

const side = fc.array(fc.record({ tcptype: fc.constantFrom<TcpType>("active", "passive", "so"), priority: fc.integer({ min: 1, max: 2 ** 31 - 1 }) }), {
  minLength: 1,
  maxLength: 4,
});
const given = fc.record({
  a: side,
  b: side,
  roles: fc.constantFrom({ a: true, b: false }, { a: false, b: true }, { a: true, b: true }, { a: false, b: false }),
  ties: fc.uniqueArray(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 2, maxLength: 2 }),
  seed: fc.nat({ max: 2 ** 31 - 1 }),
  loss: fc.constantFrom(0, 0, 10, 40),
});

function play(one: typeof given extends fc.Arbitrary<infer T> ? T : never): World {
  let drawn = one.seed;
  const draw = (below: number): number => {
    drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) >>> 0;
    return (drawn >>> 8) % below;
  };
  const works = () => draw(100) >= one.loss;
  const world = new World(one.roles, { a: one.ties[0] as bigint, b: one.ties[1] as bigint }, works);
  for (const name of ["a", "b"] as const) {
    let untold = one[name].length;
    for (const [index, { tcptype, priority }] of one[name].entries()) {
      const told = candidate(name, tcptype, index, priority);
      world.take(name, { type: "local", candidate: told });
      world.possible.push(() => {
        world.take(other(name), { type: "remote", candidate: told });
        if (--untold === 0) world.possible.push(() => world.take(other(name), { type: "remote-complete" }));
      });
    }
    world.possible.push(() => world.take(name, { type: "local-complete" }));
  }
  for (let turn = 0; turn < 2000; turn++) {
    for (const name of ["a", "b"] as const)
      if (world.states[name].phase === "checking" && world.states[name].pairs.some(({ state }) => state === "waiting"))
        world.possible.push(() => world.take(name, { type: "pace" }));
    if (world.possible.length === 0) world.possible.push(...world.late.splice(0));
    const count = world.possible.length;
    if (count === 0) break;
    const [next] = world.possible.splice(draw(count), 1);
    next?.();
  }
  expect(world.possible).toEqual([]); // it comes to rest
  for (const name of ["a", "b"] as const)
    if (world.states[name].arrivals === "over") expect(world.states[name].pairs.some(({ state }) => state !== "failed") || world.states[name].phase === "failed").toBe(true);
  for (const name of ["a", "b"] as const) world.take(name, { type: "expired" });
  while (world.possible.length > 0) world.possible.shift()?.();
  return world;
}

describe("two check lists", () => {
  it("agree on one pair, or both fail, whatever is lost and in whatever order things come", () => {
    fc.assert(
      fc.property(given, (one) => {
        const world = play(one);
        const { a, b } = world.states;
        expect(["completed", "failed"]).toContain(a.phase);
        expect(["completed", "failed"]).toContain(b.phase);
        if (a.phase === "completed" || b.phase === "completed") {
          // The last answer can be lost, and whoever has completed hears of it by the loss of the connection, which is failed then.
          expect(a.phase).toBe(b.phase);
          expect(world.wires.filter(({ names }) => names.a === world.selected.a && names.b === world.selected.b)).toHaveLength(1);
          expect(a.controlling).not.toBe(b.controlling);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("complete where nothing is lost and one can connect to the other", () => {
    fc.assert(
      fc.property(given, (one) => {
        const can = (from: Name) => one[from].some(({ tcptype }) => tcptype === "active") && one[other(from)].some(({ tcptype }) => tcptype === "passive");
        const world = play({ ...one, loss: 0 });
        const together = one.a.some(({ tcptype }) => tcptype === "so") && one.b.some(({ tcptype }) => tcptype === "so");
        expect(world.states.a.phase).toBe(can("a") || can("b") || together ? "completed" : "failed");
      }),
      { numRuns: 400 },
    );
  });
});

describe("a check list of which everything has failed", () => {
  const take = (state: CheckList, ...events: Event[]): { readonly state: CheckList; readonly effects: readonly Effect[] } =>
    events.reduce<ReturnType<typeof step>>((before, event) => step(before.state, event), { state, effects: [] });
  const begun = (...told: ReadonlyArray<[Name, TcpType]>) =>
    take(begin(true, 1n), ...told.map(([name, tcptype], index): Event => ({ type: name === "a" ? "local" : "remote", candidate: candidate(name, tcptype, index, 1) })));
  const complete: Event[] = [{ type: "local-complete" }, { type: "remote-complete" }];

  it("waits for the peer to connect, though it has told no active candidate, until it has had its time", () => {
    const tried = take(begun(["a", "passive"], ["b", "passive"]).state, ...complete);
    expect([tried.state.phase, tried.effects]).toEqual(["checking", [{ type: "await-arrivals" }]]);
    const over = take(tried.state, { type: "arrivals-over" });
    expect([over.state.phase, over.effects]).toEqual(["failed", [{ type: "failed" }]]);
  });

  it("does not wait where nobody of the peer's can come: its candidates are of the other family, IPv4 or IPv6", () => {
    const local = candidate("a", "passive", 0, 1);
    const apart = take(begin(true, 1n), { type: "local", candidate: local }, { type: "remote", candidate: { ...local, ip: "2001:db8::1" } }, ...complete);
    expect(apart.state.phase).toBe("failed");
  });

  it("does not wait at a port that nobody listens at: a simultaneous open is tried, and that is all", () => {
    const tried = take(begun(["a", "so"], ["b", "so"]).state, ...complete, { type: "pace" });
    const [pair] = tried.state.pairs;
    expect(tried.effects).toEqual([{ type: "connect", pair: { ...pair, state: "waiting" } }]);
    expect(take(tried.state, { type: "lost", pair: pair?.id ?? "" }).state.phase).toBe("failed");
  });

  it("takes whoever comes within that time", () => {
    const { state } = take(begun(["a", "passive"], ["b", "passive"]).state, ...complete);
    const [local, remote] = [candidate("a", "passive", 0, 1), candidate("b", "active", 9, 1)];
    const came = take(state, { type: "request", pair: "in 0", local, remote, request: { controlling: false, tieBreaker: 0n, useCandidate: false } }, { type: "arrivals-over" });
    expect(came.state.phase).toBe("checking");
    const answered = take(came.state, { type: "answered", pair: "in 0", nominating: false }, { type: "answered", pair: "in 0", nominating: true });
    expect(answered.state).toMatchObject({ phase: "completed", selected: "in 0" });
  });

  it.each([
    { name: "the peer has no TCP candidate", told: [["a", "passive"]] },
    {
      name: "nobody can connect to us",
      told: [
        ["a", "active"],
        ["b", "active"],
      ],
    },
  ] as const)("has failed at once where $name", ({ told }) => {
    expect(take(begun(...(told as unknown as ReadonlyArray<[Name, TcpType]>)).state, ...complete).state.phase).toBe("failed");
  });
});
