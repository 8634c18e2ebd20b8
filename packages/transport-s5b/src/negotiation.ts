import type { Role } from "@balcony/jingle";
import type { Candidate, Info, Notification } from "./transport-element.js";

/*
One negotiation of XEP-0260 §2.3–2.4 as a pure function. Each side connects to the other's candidates and reports once: candidate-used or candidate-error.

  phase       what goes on
  dialling    we have not reported yet
  reported    we have; the peer's report is awaited
  activating  the peer uses our proxy: we connect to it and activate
  awaiting    we use the peer's proxy: its `activated` is awaited
  connected   over
  failed      over

                    dialling                          reported        activating      awaiting        connected, failed
  dialled           ⇒reported, candidate-used; a      –               –               –               –
                    proxy is held while a direct
                    one may still come
  undialled         the last: ⇒reported, cand.-error, –               –               –               –
                    or the proxy that is held
  candidate-used    what is below it is given up,     nominate        refused         refused         refused
                    and the rest has a grace if it
                    is not a proxy
  grace-over        ⇒reported, candidate-error        –               –               –               –
  candidate-error   noted                             nominate        refused         refused         refused
  activated         refused                           refused         refused         ⇒connected      refused
  proxy-error       refused                           refused         ⇒failed         ⇒failed         refused
  candidates        dialled too                       too late: ack   ack             ack             ack
  proxied           –                                 –               ⇒connected, activated           –
  unproxied         –                                 –               ⇒failed, proxy-error            –

nominate (§2.4), once both have reported: the one candidate that was used; of two the one with the higher priority, of equal ones the initiator's choice; none ⇒failed.
A nominated proxy of ours ⇒activating, one of the peer's ⇒awaiting, anything else ⇒connected. A report that is repeated, or names a candidate that there is not, is refused.
*/

export type Report = { readonly used: Candidate } | "error";

export interface State {
  readonly phase: "dialling" | "reported" | "activating" | "awaiting" | "connected" | "failed";
  readonly role: Role;
  readonly ours: readonly Candidate[];
  readonly theirs: readonly Candidate[];
  /** Of theirs, those of which it is open whether we can connect to them. */
  readonly open: readonly Candidate[];
  /** A proxy of theirs that we have connected to, while it is open whether something direct comes. */
  readonly held: Candidate | undefined;
  readonly mine: Report | undefined;
  readonly peers: Report | undefined;
  readonly nominated: Candidate | undefined;
}

export type Event =
  | { readonly type: "dialled" | "undialled"; readonly cid: string }
  | { readonly type: "received"; readonly info: Info }
  | { readonly type: "grace-over" | "proxied" | "unproxied" };

export type Effect =
  | { readonly type: "dial"; readonly candidates: readonly Candidate[] }
  /** Stop dialling all but these. */
  | { readonly type: "keep"; readonly candidates: readonly Candidate[] }
  /** After a while: `grace-over`. */
  | { readonly type: "await-grace" }
  | { readonly type: "tell"; readonly notification: Notification }
  | { readonly type: "activate"; readonly candidate: Candidate }
  /** `dialled`: by the connection that we made to the candidate; `accepted`: by one that the peer made to us; `proxied`: by ours to our proxy. */
  | { readonly type: "connect"; readonly candidate: Candidate; readonly by: "dialled" | "accepted" | "proxied" }
  | { readonly type: "fail"; readonly why: string }
  | { readonly type: "refuse"; readonly condition: "bad-request" | "item-not-found" | "unexpected-request" };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

const stay = (state: State, ...effects: Effect[]): Step => ({ state, effects });

export function begin(role: Role, ours: readonly Candidate[], theirs: readonly Candidate[]): Step {
  const state: State = { phase: "dialling", role, ours, theirs, open: theirs, held: undefined, mine: undefined, peers: undefined, nominated: undefined };
  return theirs.length === 0 ? report(state, "error") : stay(state, { type: "dial", candidates: theirs });
}

export function step(state: State, event: Event): Step {
  switch (event.type) {
    case "received":
      return received(state, event.info);
    case "dialled": {
      const used = state.open.find(({ cid }) => cid === event.cid);
      if (state.phase !== "dialling" || !used) return stay(state);
      const direct = state.open.filter(({ type }) => type !== "proxy");
      if (used.type !== "proxy" || direct.length === 0) return report(state, { used });
      return stay({ ...state, open: direct, held: used }, { type: "keep", candidates: direct });
    }
    case "undialled":
      return state.phase === "dialling" ? narrow(state, (candidate) => candidate.cid !== event.cid) : stay(state);
    case "grace-over":
      return state.phase === "dialling" ? report(state, asReport(state.held)) : stay(state);
    case "proxied": {
      const { nominated } = state;
      if (state.phase !== "activating" || !nominated) return stay(state);
      const effects: Effect[] = [
        { type: "tell", notification: { type: "activated", cid: nominated.cid } },
        { type: "connect", candidate: nominated, by: "proxied" },
      ];
      return { state: { ...state, phase: "connected" }, effects };
    }
    case "unproxied":
      if (state.phase !== "activating") return stay(state);
      return fail(state, "our own proxy could not be used", { type: "tell", notification: { type: "proxy-error" } });
  }
}

function received(state: State, info: Info): Step {
  switch (info.type) {
    case "candidates": {
      const known = new Set(state.theirs.map(({ cid }) => cid));
      if (info.candidates.some(({ cid }) => known.has(cid))) return stay(state, { type: "refuse", condition: "bad-request" });
      if (state.phase !== "dialling" || info.candidates.length === 0) return stay(state);
      if (known.size + info.candidates.length > 32) return stay(state, { type: "refuse", condition: "bad-request" });
      const more = { ...state, theirs: [...state.theirs, ...info.candidates], open: [...state.open, ...info.candidates] };
      return stay(more, { type: "dial", candidates: info.candidates });
    }
    case "candidate-used": {
      const used = state.ours.find(({ cid }) => cid === info.cid);
      if (!used) return stay(state, { type: "refuse", condition: "item-not-found" });
      return heard(state, { used });
    }
    case "candidate-error":
      return heard(state, "error");
    case "activated":
      if (state.phase !== "awaiting" || !state.nominated) return stay(state, { type: "refuse", condition: "unexpected-request" });
      if (info.cid !== state.nominated.cid) return stay(state, { type: "refuse", condition: "item-not-found" });
      return { state: { ...state, phase: "connected" }, effects: [{ type: "connect", candidate: state.nominated, by: "dialled" }] };
    case "proxy-error":
      if (state.phase !== "awaiting" && state.phase !== "activating") return stay(state, { type: "refuse", condition: "unexpected-request" });
      return fail(state, "the peer could not use the proxy");
  }
}

/** The peer's report. §2.3: what could not win against it any more is given up. */
function heard(state: State, peers: Report): Step {
  if (state.peers || (state.phase !== "dialling" && state.phase !== "reported")) return stay(state, { type: "refuse", condition: "unexpected-request" });
  const next = { ...state, peers };
  if (state.phase === "reported") return nominate(next);
  if (peers === "error") return stay(next);
  const least = peers.used.priority + (state.role === "initiator" ? 0 : 1); // of equal priorities the initiator's choice wins
  const narrowed = narrow(next, ({ priority }) => priority >= least);
  return narrowed.state.phase === "dialling" && peers.used.type !== "proxy" ? stay(narrowed.state, ...narrowed.effects, { type: "await-grace" }) : narrowed;
}

function narrow(state: State, wanted: (candidate: Candidate) => boolean): Step {
  const open = state.open.filter(wanted);
  const held = state.held && wanted(state.held) ? state.held : undefined;
  if (open.length === 0) return report({ ...state, open }, asReport(held));
  return stay({ ...state, open, held }, { type: "keep", candidates: open });
}

const asReport = (used: Candidate | undefined): Report => (used ? { used } : "error");

function report(state: State, mine: Report): Step {
  const next: State = { ...state, phase: "reported", mine, open: [], held: undefined };
  const effects: Effect[] = [
    { type: "keep", candidates: [] },
    { type: "tell", notification: mine === "error" ? { type: "candidate-error" } : { type: "candidate-used", cid: mine.used.cid } },
  ];
  if (!state.peers) return { state: next, effects };
  const nominated = nominate(next);
  return { state: nominated.state, effects: [...effects, ...nominated.effects] };
}

function nominate(state: State): Step {
  const { mine, peers, role } = state;
  if (!mine || !peers) return stay(state);
  if (mine === "error" && peers === "error") return fail(state, "neither side can connect to the other's candidates");
  const ours = peers !== "error" && (mine === "error" || prefers(peers.used, mine.used, role));
  const candidate = ours ? peers.used : mine !== "error" ? mine.used : undefined;
  if (!candidate) return stay(state);
  const proxied = candidate.type === "proxy";
  const phase = proxied ? (ours ? "activating" : "awaiting") : "connected";
  const next: State = { ...state, phase, nominated: candidate };
  if (!proxied) return stay(next, { type: "connect", candidate, by: ours ? "accepted" : "dialled" });
  return ours ? stay(next, { type: "activate", candidate }) : stay(next);
}

/** Does what the peer uses win against what we use? */
const prefers = (peers: Candidate, mine: Candidate, role: Role): boolean => (peers.priority === mine.priority ? role === "responder" : peers.priority > mine.priority);

function fail(state: State, why: string, ...effects: Effect[]): Step {
  return { state: { ...state, phase: "failed" }, effects: [...effects, { type: "fail", why }] };
}
