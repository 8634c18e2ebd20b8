import type { Reach } from "../plugins.js";

/*
Several ways to a peer at once, of which one is chosen, as a pure function: no I/O, no timers. A way is a transport, for direct or for relayed paths; they stand in order of preference, the
direct ones first. Whoever offers begins them and chooses; the other side answers. Times are counted from when both sides have begun (`started`).

  way          offerer                                      answerer
  waiting      not begun                                    –
  preparing    its offer is being prepared                  its answer is being prepared
  offered      told; the answer is awaited                  –
  ready        answered; nothing is connected yet           the same
  connecting   being connected                              the same
  connected    stands, and is not chosen yet                the same
  failed       over; the other side knows                   the same

What the offerer begins: the first way with the offer. The other direct ones once that has failed, or after the head start. The first relayed one once all direct ones have failed, or a
little later; the next once that has failed; and all of them where nothing has come of anything for long.

What it chooses, of those that stand:
  a direct one    at once, if all that are preferred to it have failed or not been begun; else after a short wait for them (`better`)
  a relayed one   once all direct ones have failed, or had their time since the last of them was answered (`patience`), or the longest that anybody waits for a direct path is over

It has failed once every way has, or nothing stands at the end. Direct ways do not keep it that long (`direct`): only what relays may still bring something then.

The answerer takes what it is told is chosen. While it has been offered one way only, and that is direct, it takes that as soon as it stands: there is nothing to choose, and to be told so
would take as long as the servers do.
*/

export type Phase = "waiting" | "preparing" | "offered" | "ready" | "connecting" | "connected" | "failed";

export interface Way {
  /** Unique within the attempt. */
  readonly id: string;
  readonly reach: Reach;
  readonly phase: Phase;
}

/** What the offerer waits for, each at most once. */
export type Wait = "head-start" | "relays" | "better" | "patience" | "longest" | "direct" | "end";

export interface State {
  readonly side: "offerer" | "answerer";
  readonly phase: "trying" | "connected" | "failed";
  readonly started: boolean;
  readonly ways: readonly Way[];
  readonly waits: Readonly<Partial<Record<Wait, "running" | "over">>>;
  /** Answerer: what the offerer has chosen. */
  readonly chosen: string | undefined;
}

export type Event =
  | { readonly type: "started" }
  /** Our side of the way. */
  | { readonly type: "prepared" | "lost" | "connected"; readonly way: string }
  /** What the peer tells. `known`: we have its transport. */
  | { readonly type: "offered"; readonly way: string; readonly reach: Reach; readonly known: boolean }
  | { readonly type: "answered" | "peer-lost" | "chosen"; readonly way: string }
  | { readonly type: "over"; readonly wait: Wait };

export type Effect =
  | { readonly type: "prepare" | "accept" | "connect" | "finish"; readonly way: string }
  /** Let go of it, and of a connection that it has brought. */
  | { readonly type: "drop"; readonly way: string }
  | { readonly type: "tell"; readonly what: "offer" | "answer" | "failed" | "chosen"; readonly way: string }
  | { readonly type: "await"; readonly wait: Wait }
  | { readonly type: "fail" }
  | { readonly type: "refuse"; readonly condition: "bad-request" | "item-not-found" | "resource-constraint" | "unexpected-request" };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** Ways that a peer may offer. */
export const WAY_LIMIT = 8;

const stay = (state: State, ...effects: Effect[]): Step => ({ state, effects });
const find = (state: State, id: string): Way | undefined => state.ways.find((way) => way.id === id);
const change = (state: State, id: string, phase: Phase): State => ({ ...state, ways: state.ways.map((way) => (way.id === id ? { ...way, phase } : way)) });
/** Something may still come of it, and something has been done for it. */
const isUnderWay = ({ phase }: Way): boolean => phase !== "waiting" && phase !== "failed";
const isDirect = ({ reach }: Way): boolean => reach === "direct";

const fresh = { phase: "trying", started: false, waits: {}, chosen: undefined } as const;

export function offering(ways: readonly { readonly id: string; readonly reach: Reach }[]): Step {
  return advance({ ...fresh, side: "offerer", ways: ways.map((way) => ({ ...way, phase: "waiting" })) }, []);
}

export const answering: State = { ...fresh, side: "answerer", ways: [] };

export function step(state: State, event: Event): Step {
  if (state.phase !== "trying") return stay(state);
  switch (event.type) {
    case "started":
      return started(state);
    case "prepared":
      return prepared(state, event.way);
    case "lost":
      return lost(state, event.way, [{ type: "tell", what: "failed", way: event.way }]);
    case "connected":
      return find(state, event.way)?.phase === "connecting" ? advance(change(state, event.way, "connected"), []) : stay(state);
    case "over":
      return advance({ ...state, waits: { ...state.waits, [event.wait]: "over" } }, []);
    case "offered":
      return offered(state, event);
    default:
      return told(state, event);
  }
}

function started(state: State): Step {
  const waits: readonly Wait[] = state.side === "offerer" ? ["head-start", "relays", "longest", "direct", "end"] : [];
  const ready = state.ways.filter(({ phase }) => phase === "ready");
  const next: State = { ...ready.reduce((one, { id }) => change(one, id, "connecting"), state), started: true, waits: Object.fromEntries(waits.map((wait) => [wait, "running"])) };
  return advance(next, [...waits.map((wait): Effect => ({ type: "await", wait })), ...ready.map(({ id }): Effect => ({ type: "connect", way: id }))]);
}

function prepared(state: State, id: string): Step {
  if (find(state, id)?.phase !== "preparing") return stay(state);
  if (state.side === "offerer") return stay(change(state, id, "offered"), { type: "tell", what: "offer", way: id });
  return readied(state, id, [{ type: "tell", what: "answer", way: id }]);
}

/** Both sides of it are known. */
function readied(state: State, id: string, effects: readonly Effect[]): Step {
  const next = change(state, id, state.started ? "connecting" : "ready");
  return advance(next, state.started ? [...effects, { type: "connect", way: id }] : effects);
}

function lost(state: State, id: string, tell: readonly Effect[]): Step {
  const way = find(state, id);
  if (!way || !isUnderWay(way)) return stay(state);
  // Of what the offerer has not told yet, the peer need not hear.
  const silent = state.side === "offerer" && way.phase === "preparing";
  return advance(change(state, id, "failed"), [{ type: "drop", way: id }, ...(silent ? [] : tell)]);
}

function offered(state: State, { way: id, reach, known }: Extract<Event, { type: "offered" }>): Step {
  if (state.side === "offerer") return stay(state, { type: "refuse", condition: "unexpected-request" });
  if (find(state, id)) return stay(state, { type: "refuse", condition: "bad-request" });
  if (state.ways.length >= WAY_LIMIT) return stay(state, { type: "refuse", condition: "resource-constraint" });
  const ways = [...state.ways, { id, reach, phase: known ? "preparing" : "failed" } as const];
  return stay({ ...state, ways }, known ? { type: "prepare", way: id } : { type: "tell", what: "failed", way: id });
}

function told(state: State, { type, way: id }: Extract<Event, { type: "answered" | "peer-lost" | "chosen" }>): Step {
  const way = find(state, id);
  if (!way || way.phase === "waiting") return stay(state, { type: "refuse", condition: "item-not-found" });
  if (type === "peer-lost") return lost(state, id, []);
  if ((type === "answered") !== (state.side === "offerer")) return stay(state, { type: "refuse", condition: "unexpected-request" });
  if (type === "chosen") {
    if (state.chosen !== undefined) return stay(state, { type: "refuse", condition: "unexpected-request" });
    const others = state.ways.filter((other) => other.id !== id && isUnderWay(other));
    const next = others.reduce<State>((one, other) => change(one, other.id, "failed"), { ...state, chosen: id });
    return advance(
      next,
      others.map((other): Effect => ({ type: "drop", way: other.id })),
    );
  }
  if (way.phase === "failed") return stay(state); // it crossed our word of that
  if (way.phase !== "offered") return stay(state, { type: "refuse", condition: "unexpected-request" });
  return readied(state, id, [{ type: "accept", way: id }]);
}

/** What follows from where the ways stand. */
function advance(state: State, effects: readonly Effect[]): Step {
  return state.side === "answerer" ? obey(state, effects) : choose(...begin(state, effects));
}

function obey(state: State, effects: readonly Effect[]): Step {
  const [only] = state.ways;
  const chosen = state.chosen ?? (state.ways.length === 1 && only?.reach === "direct" ? only.id : undefined);
  const phase = chosen === undefined ? undefined : find(state, chosen)?.phase;
  if (chosen !== undefined && phase === "connected") return { state: { ...state, phase: "connected", chosen }, effects: [...effects, { type: "finish", way: chosen }] };
  if (state.chosen !== undefined && phase === "failed") return { state: { ...state, phase: "failed" }, effects: [...effects, { type: "fail" }] };
  return { state, effects };
}

/** Whichever are due. */
function begin(state: State, effects: readonly Effect[]): [State, readonly Effect[]] {
  const { started, ways, waits } = state;
  const waiting = ways.filter(({ phase }) => phase === "waiting");
  const begun = ways.filter(isUnderWay);
  const direct = waiting.filter(isDirect);
  let due: readonly Way[] = [];
  if (!started) due = begun.length === 0 ? waiting.slice(0, 1) : [];
  else {
    if (waits["head-start"] === "over" || !begun.some(isDirect)) due = direct;
    const noneDirect = direct.length === 0 && !begun.some(isDirect);
    const relayedUnderWay = begun.some((way) => !isDirect(way));
    const relayed = waiting.filter((way) => !isDirect(way));
    if (waits.longest === "over") due = [...due, ...relayed];
    else if (!relayedUnderWay && (waits.relays === "over" || noneDirect)) due = [...due, ...relayed.slice(0, 1)];
  }
  const next = due.reduce((one, { id }) => change(one, id, "preparing"), state);
  return [next, [...effects, ...due.map(({ id }): Effect => ({ type: "prepare", way: id }))]];
}

function choose(given: State, before: readonly Effect[]): Step {
  const [state, effects] = patiently(given, before);
  const { ways, waits } = state;
  const best = ways.find(({ phase }) => phase === "connected");
  if (!best) {
    const hopeless = waits.end === "over" || ways.every((way) => way.phase === "failed" || (isDirect(way) && waits.direct === "over"));
    return hopeless ? { state: { ...state, phase: "failed" }, effects: [...effects, { type: "fail" }] } : { state, effects };
  }
  if (isDirect(best)) {
    const preferred = ways.slice(0, ways.indexOf(best)).some(isUnderWay);
    if (preferred && waits.better === undefined) return { state: { ...state, waits: { ...waits, better: "running" } }, effects: [...effects, { type: "await", wait: "better" }] };
    if (preferred && waits.better === "running") return { state, effects };
  } else if (ways.some((way) => isDirect(way) && way.phase !== "failed") && waits.patience !== "over" && waits.longest !== "over") return { state, effects };
  const others = ways.filter((way) => way !== best && isUnderWay(way));
  return {
    state: { ...state, phase: "connected", chosen: best.id },
    effects: [...effects, { type: "tell", what: "chosen", way: best.id }, ...others.map(({ id }): Effect => ({ type: "drop", way: id })), { type: "finish", way: best.id }],
  };
}

/** Once all direct ways have been answered, or failed, the time runs that relayed ones wait for them. */
function patiently(state: State, effects: readonly Effect[]): [State, readonly Effect[]] {
  const answered = state.ways.every((way) => !isDirect(way) || way.phase === "connecting" || way.phase === "connected" || way.phase === "failed");
  if (!state.started || !answered || state.waits.patience !== undefined) return [state, effects];
  return [{ ...state, waits: { ...state.waits, patience: "running" } }, [...effects, { type: "await", wait: "patience" }]];
}
