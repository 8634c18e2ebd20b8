import type { Candidate, TcpType } from "./candidate.js";

/**
 * The check list of one ICE session with TCP candidates alone (RFC 8445 §6 to §8, RFC 6544 §6 and §7), as a pure machine. A pair is a connection: one that we open for it, or one
 * that the peer opened and on which it has shown itself.
 *
 * | pair        | event                  | then                                                           |
 * |-------------|------------------------|----------------------------------------------------------------|
 * | —           | local, remote          | waiting, if the two fit (passive ones of ours wait to be found)|
 * | —           | request on a new link  | in-progress: answered, and checked in turn on the same link    |
 * | waiting     | pace                   | in-progress: the best one is connected                         |
 * | in-progress | connected              | checked                                                        |
 * | in-progress | answered               | succeeded                                                      |
 * | in-progress | refused by role        | the role changes, checked again                                |
 * | any         | lost, refused          | failed; while it is nominated or selected, all has failed      |
 *
 * | session    | event                                       | then                                                 |
 * |------------|---------------------------------------------|------------------------------------------------------|
 * | checking   | a pair succeeded, no better one is pending, | nominating: the best is checked with USE-CANDIDATE   |
 * |            | or patience is over; we control             | (regular nomination, RFC 8445 §8.1.1: one pair, once)|
 * | nominating | the nomination is answered                  | completed                                            |
 * | checking   | a pair succeeded that the peer nominated    | completed                                            |
 * | both       | expired; everything tried has failed, and   | failed                                               |
 * |            | the peer's time to connect to us is over    |                                                      |
 */
export interface CheckList {
  readonly phase: "checking" | "nominating" | "completed" | "failed";
  readonly controlling: boolean;
  readonly tieBreaker: bigint;
  readonly locals: readonly Candidate[];
  readonly remotes: readonly Candidate[];
  readonly pairs: readonly Pair[];
  /** Of the nominated pair, once there is one. */
  readonly selected: string | undefined;
  readonly patience: "unasked" | "running" | "over";
  /** How long the peer may take to connect to us, from when both sides have told all their candidates. */
  readonly arrivals: "unasked" | "running" | "over";
  /** Has each side told all its candidates? */
  readonly complete: { readonly local: boolean; readonly remote: boolean };
}

export interface Pair {
  /** Of the connection, too. */
  readonly id: string;
  readonly local: Candidate;
  readonly remote: Candidate;
  readonly priority: bigint;
  readonly state: "waiting" | "in-progress" | "succeeded" | "failed";
  /** The peer has sent USE-CANDIDATE on it. */
  readonly nominated: boolean;
}

/** A check of the peer's whose message integrity holds. */
export interface Request {
  readonly controlling: boolean;
  readonly tieBreaker: bigint;
  readonly useCandidate: boolean;
}

export type Event =
  | { readonly type: "local" | "remote"; readonly candidate: Candidate }
  | { readonly type: "local-complete" | "remote-complete" | "pace" | "patience-over" | "arrivals-over" | "expired" }
  | { readonly type: "connected" | "lost"; readonly pair: string }
  /** `nominating`: our check had USE-CANDIDATE. */
  | { readonly type: "answered"; readonly pair: string; readonly nominating: boolean }
  /** `asControlling`: the role in which our check was sent. */
  | { readonly type: "refused"; readonly pair: string; readonly conflict: boolean; readonly asControlling: boolean }
  /** `local` and `remote` are what the pair is made of where it is new. */
  | { readonly type: "request"; readonly pair: string; readonly local: Candidate; readonly remote: Candidate; readonly request: Request };

export type Effect =
  | { readonly type: "connect"; readonly pair: Pair }
  | { readonly type: "check"; readonly pair: string; readonly nominate: boolean }
  | { readonly type: "answer" | "conflict" | "close" | "selected"; readonly pair: string }
  | { readonly type: "await-patience" | "await-arrivals" | "failed" };

export interface Step {
  readonly state: CheckList;
  readonly effects: readonly Effect[];
}

/** Of one check list: 32 × 32 candidates are more than anybody needs (RFC 8445 §6.1.2.5). */
export const PAIR_LIMIT = 100;

export function begin(controlling: boolean, tieBreaker: bigint): CheckList {
  const complete = { local: false, remote: false };
  return { phase: "checking", controlling, tieBreaker, locals: [], remotes: [], pairs: [], selected: undefined, patience: "unasked", arrivals: "unasked", complete };
}

export function step(state: CheckList, event: Event): Step {
  if (state.phase === "failed") return { state, effects: [] };
  switch (event.type) {
    case "local":
      return exhausted(paired({ ...state, locals: [...state.locals, event.candidate] }, [event.candidate], state.remotes));
    case "remote":
      return exhausted(paired({ ...state, remotes: [...state.remotes, event.candidate] }, state.locals, [event.candidate]));
    case "local-complete":
      return told({ ...state, complete: { ...state.complete, local: true } });
    case "remote-complete":
      return told({ ...state, complete: { ...state.complete, remote: true } });
    case "pace":
      return pace(state);
    case "connected":
      return { state, effects: find(state, event.pair)?.state === "in-progress" ? [{ type: "check", pair: event.pair, nominate: false }] : [] };
    case "answered":
      return answered(state, event.pair, event.nominating);
    case "refused":
      return event.conflict ? conflicted(state, event.pair, event.asControlling) : failed(state, event.pair);
    case "lost":
      return failed(state, event.pair);
    case "request":
      return requested(state, event);
    case "patience-over":
      return settled({ ...state, patience: "over" }, []);
    case "arrivals-over":
      return exhausted({ ...state, arrivals: "over" });
    case "expired":
      return state.phase === "completed" ? { state, effects: [] } : end(state);
  }
}

// RFC 6544 §6.2: which types of candidates fit; a passive one of ours connects to nobody.
const fits: Readonly<Record<TcpType, TcpType | undefined>> = { active: "passive", passive: undefined, so: "so" };
const isV6 = ({ ip }: Candidate): boolean => ip.includes(":");

function paired(state: CheckList, locals: readonly Candidate[], remotes: readonly Candidate[]): CheckList {
  const known = new Set(state.pairs.map(({ id }) => id));
  const pairs = locals
    .flatMap((local) => remotes.map((remote) => ({ local, remote })))
    .filter(({ local, remote }) => fits[local.tcptype] === remote.tcptype && isV6(local) === isV6(remote))
    // RFC 8445 §6.1.2.4: a reflexive candidate of ours is the same as its base to connect from
    .map(({ local, remote }) => pairOf(`${local.base?.ip ?? local.ip} ${local.base?.port ?? local.port} ${remote.ip} ${remote.port}`, local, remote, state.controlling))
    .filter(({ id }) => !known.has(id) && known.add(id));
  return { ...state, pairs: [...state.pairs, ...pairs].slice(0, PAIR_LIMIT) };
}

function pairOf(id: string, local: Candidate, remote: Candidate, controlling: boolean): Pair {
  return { id, local, remote, priority: pairPriority(local.priority, remote.priority, controlling), state: "waiting", nominated: false };
}

/** RFC 8445 §6.1.2.3. */
function pairPriority(local: number, remote: number, controlling: boolean): bigint {
  const [g, d] = controlling ? [BigInt(local), BigInt(remote)] : [BigInt(remote), BigInt(local)];
  return 2n ** 32n * (g < d ? g : d) + 2n * (g > d ? g : d) + (g > d ? 1n : 0n);
}

const find = (state: CheckList, id: string): Pair | undefined => state.pairs.find((pair) => pair.id === id);
const change = (state: CheckList, id: string, to: Partial<Pair>): CheckList => ({ ...state, pairs: state.pairs.map((pair) => (pair.id === id ? { ...pair, ...to } : pair)) });
const best = (pairs: readonly Pair[]): Pair | undefined => pairs.reduce<Pair | undefined>((one, other) => (one && one.priority >= other.priority ? one : other), undefined);

function pace(state: CheckList): Step {
  const next = state.phase === "checking" ? best(state.pairs.filter((pair) => pair.state === "waiting")) : undefined;
  if (!next) return { state, effects: [] };
  return { state: change(state, next.id, { state: "in-progress" }), effects: [{ type: "connect", pair: next }] };
}

function answered(state: CheckList, id: string, nominating: boolean): Step {
  const pair = find(state, id);
  if (!pair || state.phase === "completed") return { state, effects: [] };
  if (nominating && state.phase === "nominating" && state.selected === id) return complete(state, id);
  if (pair.state !== "in-progress") return { state, effects: [] };
  return settled(change(state, id, { state: "succeeded" }), []);
}

// RFC 8445 §7.2.5.1: the role in which it was sent was wrong; where it has changed since, nothing more is to be changed.
function conflicted(state: CheckList, id: string, asControlling: boolean): Step {
  if (!find(state, id) || state.phase === "completed") return { state, effects: [] };
  const next = switched(state, !asControlling);
  return { state: change(next, id, { state: "in-progress" }), effects: [{ type: "check", pair: id, nominate: false }] };
}

function switched(state: CheckList, controlling: boolean): CheckList {
  if (state.controlling === controlling) return state;
  const pairs = state.pairs.map((pair) => ({ ...pair, priority: pairPriority(pair.local.priority, pair.remote.priority, controlling) }));
  return { ...state, controlling, pairs, phase: "checking", selected: undefined };
}

function failed(state: CheckList, id: string): Step {
  const pair = find(state, id);
  if (!pair || pair.state === "failed") return { state, effects: [] };
  const close: Effect[] = [{ type: "close", pair: id }];
  // RFC 8445 §8.1.1: a nomination that fails is not made up for by another.
  if (state.selected === id) return { ...end(state), effects: [...close, ...end(state).effects] };
  const next = settled(change(state, id, { state: "failed" }), close);
  return next.state.phase === "checking" ? exhausted(next.state, next.effects) : next;
}

function requested(given: CheckList, { pair: id, local, remote, request }: Extract<Event, { type: "request" }>): Step {
  if (given.phase === "completed") return { state: given, effects: given.selected === id ? [{ type: "answer", pair: id }] : [] };
  let state = given;
  if (request.controlling === state.controlling) {
    // RFC 8445 §7.3.1.1: the larger tie-breaker controls.
    if (state.controlling === state.tieBreaker >= request.tieBreaker) return { state, effects: [{ type: "conflict", pair: id }] };
    state = switched(state, !state.controlling);
  }
  const effects: Effect[] = [{ type: "answer", pair: id }];
  if (!find(state, id)) {
    state = { ...state, pairs: [...state.pairs, { ...pairOf(id, local, remote, state.controlling), state: "in-progress" }] };
    effects.push({ type: "check", pair: id, nominate: false }); // triggered: RFC 8445 §7.3.1.4, on the connection it came by
  }
  if (request.useCandidate && !state.controlling) state = change(state, id, { nominated: true });
  return settled(state, effects);
}

/** Is it time to nominate, or has the peer? */
function settled(state: CheckList, effects: readonly Effect[]): Step {
  if (state.phase !== "checking") return { state, effects };
  const valid = state.pairs.filter((pair) => pair.state === "succeeded");
  if (!state.controlling) {
    const nominated = valid.find((pair) => pair.nominated);
    return nominated ? complete(state, nominated.id, effects) : { state, effects };
  }
  const chosen = best(valid);
  if (!chosen) return { state, effects };
  const better = state.pairs.some((pair) => (pair.state === "waiting" || pair.state === "in-progress") && pair.priority > chosen.priority);
  if (better && state.patience === "unasked") return { state: { ...state, patience: "running" }, effects: [...effects, { type: "await-patience" }] };
  if (better && state.patience === "running") return { state, effects };
  return { state: { ...state, phase: "nominating", selected: chosen.id }, effects: [...effects, { type: "check", pair: chosen.id, nominate: true }] };
}

function complete(state: CheckList, id: string, effects: readonly Effect[] = []): Step {
  const others = state.pairs.filter((pair) => pair.id !== id && pair.state !== "waiting" && pair.state !== "failed");
  return {
    state: { ...state, phase: "completed", selected: id },
    effects: [...effects, { type: "selected", pair: id }, ...others.map(({ id: pair }): Effect => ({ type: "close", pair }))],
  };
}

/** Both sides may have told all: from now on the peer has as long to connect to us as we have to connect to it. */
function told(state: CheckList): Step {
  if (!state.complete.local || !state.complete.remote || state.arrivals !== "unasked") return exhausted(state);
  return exhausted({ ...state, arrivals: "running" }, [{ type: "await-arrivals" }]);
}

/**
 * Has everything been tried that can be? Not while the peer may still connect to a passive candidate of ours. Whether it will, its candidates do not say: libwebrtc connects from
 * addresses that it never told as active ones. Only whoever has no TCP candidate of the same family (IPv4, IPv6) will not.
 */
function exhausted(state: CheckList, effects: readonly Effect[] = []): Step {
  const { complete, arrivals, locals, remotes, pairs, phase } = state;
  const mayCome = arrivals !== "over" && locals.some((local) => local.tcptype === "passive" && remotes.some((remote) => isV6(local) === isV6(remote)));
  const over = phase === "checking" && complete.local && complete.remote && !mayCome && pairs.every((pair) => pair.state === "failed");
  if (!over) return { state, effects };
  const ended = end(state);
  return { ...ended, effects: [...effects, ...ended.effects] };
}

function end(state: CheckList): Step {
  const open = state.pairs.filter((pair) => pair.state === "in-progress" || pair.state === "succeeded");
  return { state: { ...state, phase: "failed" }, effects: [...open.map(({ id }): Effect => ({ type: "close", pair: id })), { type: "failed" }] };
}
