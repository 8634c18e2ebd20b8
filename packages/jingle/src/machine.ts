import type { BalconyError } from "@balcony/channel";
import type { Element, Jid } from "@balcony/xml";
import type { Action, OutgoingContent, Senders } from "./action.js";
import { failedTransport, fault, peersEnding, refusedBy } from "./ending.js";
import type { Role } from "./plugins.js";
import type { Reason, ReasonDetail } from "./reason.js";
import type { Refusal } from "./refusal.js";
import type { Effect, Event, State, Step, Terms } from "./state.js";
import type { Way } from "./ways.js";

/*
One Jingle session of one content, as a pure function: no I/O, no timers, no randomness. Sessions are matched by (full JID, sid, direction): an action of
another sender or sid is unknown-session in every state, and what the direction forbids is out-of-order.

  phase        XEP-0166   we are      what goes on
  preparing    –          initiator   our first transport is being prepared; nothing has been sent
  offered      PENDING    initiator   session-initiate has been sent; perhaps the responder has replaced our transport since
  asked        PENDING    responder   session-initiate came in; nobody here has decided
  accepting    PENDING    responder   decided; our transport's answer is being prepared
  connecting   ACTIVE     either      the transport is being connected
  failed       either     either      it would not connect, or not even be answered; a replacement is being prepared, or the peer's is awaited
  proposing    either     either      transport-replace has been sent
  considering  either     either      transport-replace came in; the answer to it is being prepared
  connected    ACTIVE     either      bytes can flow; provisional: the path may still be given up for another
  ended        ENDED      either

Received actions. "ack" is an empty result and nothing else; ⇒ is the next phase; – is out-of-order.

                     preparing  offered      asked        accepting    connecting     failed         proposing               considering    connected
  session-initiate   unknown    –            –            –            –              –              –                       –              –
  session-accept     unknown    ⇒connecting  –            –            –              –              –                       –              –
  session-terminate  unknown    ⇒ended       ⇒ended       ⇒ended       ⇒ended         ⇒ended         ⇒ended                  ⇒ended         ⇒ended
  session-info       unknown    ping: ack; payload: whoever listens, else unsupported-info; the same in every phase
  transport-info     unknown    to attempt   held         to attempt   to attempt     ack            to attempt              to attempt     to attempt
                                an earlier transport's: ack; a transport never spoken of: unsupported-info
  transport-replace  unknown    ⇒considering reject       reject       ⇒considering   ⇒considering   initiator: tie-break    –              reject; while
                                                                                                     responder: ⇒considering                provisional
                                                                                                                                           ⇒considering
                                (a transport that we do not know is rejected in every phase)
  transport-accept   unknown    –            –            –            –              –              ⇒connecting; before     –              –
                                                                                                     it session-accept
                                                                                                     if not sent yet
  transport-reject   unknown    –            –            –            –              –              ⇒failed                 –              –
  content-add        unknown    content-reject in every phase: a session has one content
  content-accept     unknown    –, as content-reject: we add none
  content-modify     unknown    to the senders agreed on: ack; else not-acceptable
  content-remove     unknown    ⇒ended with session-terminate in every phase: none is left
  description-info   unknown    unsupported-info
  security-info      unknown    ack where a <security/> was offered, else unsupported-info

Own events.

  prepared           preparing ⇒offered; failed ⇒proposing
  unprepared         preparing, failed: the next transport, or ⇒ended with failed-transport
  accept             asked ⇒accepting
  answered           accepting, considering ⇒connecting; considering before session-accept has come ⇒offered
  unanswered         accepting ⇒failed, the next transport is prepared, or ⇒ended with failed-transport; considering ⇒failed, or ⇒offered again, and the peer is told
  connected          connecting ⇒connected
  settled            connected: no longer provisional
  failed             connecting ⇒failed: the initiator prepares the next transport, or ends the session; the responder waits for the initiator first
                     connected and provisional ⇒failed: either prepares the next at once
  replace-due        failed: the next transport is prepared, or ⇒ended with failed-transport
  refused            the peer answered an action with an error: see `refused()`
  terminate          ⇒ended; the peer is told, but for preparing
  expired            ⇒ended unless connected; the peer is told
  yielded            preparing, offered ⇒ended; the peer is not told
  signalling-lost    ⇒ended unless connected

Attempts are numbered; what an attempt before the present one says is ignored, and the connection that it may bring is discarded.
*/

/** How many transport-infos are kept for an attempt that has not begun, and how many characters of XML in all. */
const mostHeld = 32;
const mostHeldText = 32_768;

const stay = (state: State, ...effects: Effect[]): Step => ({ state, effects });
const refuse = (state: State, refusal: Refusal): Step => stay(state, { type: "refuse", refusal });
const go = (state: State, change: Partial<State>, ...effects: Effect[]): Step => ({ state: { ...state, ...change }, effects });

/** A session that we are about to offer. The first of `ways` is offered, the others are what is fallen back to. */
export function offering(session: {
  readonly self: Jid;
  readonly peer: Jid;
  readonly sid: string;
  readonly content: string;
  readonly terms: Terms;
  readonly known: readonly string[];
  readonly ways: readonly [Way, ...Way[]];
}): Step {
  const { terms, ways, ...rest } = session;
  const [way, ...untried] = ways;
  const state: State = {
    ...rest,
    phase: "preparing",
    role: "initiator",
    surplus: [],
    local: terms,
    remote: undefined,
    accepted: false,
    attempt: 1,
    transport: way.namespace,
    ours: undefined,
    provisional: false,
    offer: undefined,
    held: [],
    untried,
    past: [],
  };
  return stay(state, { type: "prepare", attempt: 1, way });
}

/** A session that the peer offers, checked and acknowledged. */
export function asked(session: {
  readonly self: Jid;
  readonly peer: Jid;
  readonly sid: string;
  readonly content: string;
  readonly surplus: readonly string[];
  readonly terms: Terms;
  readonly known: readonly string[];
  readonly transport: string;
  readonly offer: Element;
}): State {
  const { terms, ...rest } = session;
  return {
    ...rest,
    phase: "asked",
    role: "responder",
    local: undefined,
    remote: terms,
    accepted: false,
    attempt: 0,
    ours: undefined,
    provisional: false,
    held: [],
    untried: [],
    past: [],
  };
}

/** Takes a session one step further. */
export function step(state: State, event: Event): Step {
  if (event.type === "received") return received(state, event.from, event.action);
  if (state.phase === "ended") return event.type === "connected" ? stay(state, { type: "discard", attempt: event.attempt }) : stay(state);
  switch (event.type) {
    case "prepared":
      return event.attempt === state.attempt ? prepared(state, event.transport) : stay(state);
    case "unprepared":
      return event.attempt === state.attempt && (state.phase === "preparing" || state.phase === "failed") ? next(state, event.error) : stay(state);
    case "accept":
      return accept(state, event.terms, event.untried);
    case "answered":
      return event.attempt === state.attempt ? answered(state, event.transport) : stay(state);
    case "unanswered":
      return event.attempt === state.attempt ? unanswered(state, event.error) : stay(state);
    case "connected":
      if (event.attempt !== state.attempt || state.phase !== "connecting") return stay(state, { type: "discard", attempt: event.attempt });
      return go(state, { phase: "connected", provisional: event.provisional }, { type: "established" });
    case "settled":
      return state.provisional ? go(state, { provisional: false }) : stay(state);
    case "failed":
      if (event.attempt !== state.attempt) return stay(state);
      if (state.phase === "connected" && state.provisional) return broken(state, event);
      return state.phase === "connecting" ? failed(state, event.error) : stay(state);
    case "replace-due":
      return event.attempt === state.attempt && state.phase === "failed" ? next(state, undefined) : stay(state);
    case "refused":
      return refused(state, event);
    case "terminate":
      return end(state, event.error, { reason: event.reason, text: event.text, alternative: event.alternative });
    case "expired":
      if (state.phase === "connected") return stay(state);
      return end(state, fault(state, "expired", event.message, { condition: "timeout" }), { reason: "timeout" });
    case "yielded":
      if (state.phase !== "preparing" && state.phase !== "offered") return stay(state);
      return end(state, fault(state, "tie-break", `${state.peer} offered the same at the same time, and its offer goes on.`));
    case "signalling-lost":
      return state.phase === "connected" ? stay(state) : end(state, event.error);
  }
}

// ---- what the peer sends

function received(state: State, from: Jid, action: Action): Step {
  // Matching is always by full JID and sid. A session that has ended, or of which the peer has not heard, is none.
  if (from !== state.peer || action.sid !== state.sid || state.phase === "ended" || state.phase === "preparing") return refuse(state, "unknown-session");
  switch (action.name) {
    case "session-initiate":
    case "content-accept":
    case "content-reject":
      return refuse(state, "out-of-order");
    case "session-terminate":
      return end(state, peersEnding(state, action.reason));
    case "session-info":
      return action.payload ? stay(state, { type: "hear", payload: action.payload }) : stay(state);
    case "content-add":
      return stay(state, {
        type: "send",
        send: { name: "content-reject", contents: action.contents.map(({ creator, name }) => ({ creator: creator ?? otherRole(state.role), name: name ?? "" })) },
      });
    default:
      return receivedForContent(state, action);
  }
}

/** Actions about a content that there is: find out which. */
function receivedForContent(state: State, action: Action): Step {
  const forgiving = action.name === "session-accept" || action.name === "security-info";
  const [content, ...others] = action.contents;
  if (!content) return refuse(state, "bad-request"); // readAction() lets none through
  if (action.contents.every(({ name, creator }) => name !== undefined && state.surplus.includes(name) && creator !== "responder")) return stay(state); // of what we are about to remove, or have removed
  if (others.length > 0) return refuse(state, action.name === "session-accept" ? "bad-request" : "item-not-found");
  // A session has one content, so that a missing creator or name leaves no doubt; a wrong name is known from session-accepts and security-infos in use.
  if (content.name !== undefined && content.name !== state.content && !forgiving) return refuse(state, "item-not-found");
  if (content.creator === "responder") return refuse(state, "item-not-found");
  switch (action.name) {
    case "session-accept":
      return sessionAccept(state, { application: content.description, security: content.security, senders: content.senders }, content.transport);
    case "transport-info":
      return content.transport ? transportInfo(state, content.transport) : refuse(state, "bad-request");
    case "transport-replace":
      return content.transport ? transportReplace(state, content.transport) : refuse(state, "bad-request");
    case "transport-accept":
      return content.transport ? transportAccept(state, content.transport) : refuse(state, "bad-request");
    case "transport-reject":
      if (state.phase !== "proposing") return refuse(state, "out-of-order");
      return next(go(state, { phase: "failed" }).state, undefined, { untried: state.untried });
    case "content-modify":
      return content.senders === ((state.role === "initiator" ? state.local : state.remote)?.senders ?? "both") ? stay(state) : refuse(state, "not-acceptable");
    case "content-remove":
      return end(state, peersEnding(state, action.reason), { reason: "success" });
    case "security-info":
      return (state.role === "initiator" ? state.local : state.remote)?.security ? stay(state) : refuse(state, "unsupported-info");
    default:
      return refuse(state, "unsupported-info"); // description-info: §6.8
  }
}

function sessionAccept(
  state: State,
  { application, security, senders }: { application: Element | undefined; security: Element | undefined; senders: Senders | undefined },
  transport: Element | undefined,
): Step {
  if (state.phase !== "offered") return refuse(state, "out-of-order");
  if (!application || application.getNS() !== state.local?.application.getNS()) return refuse(state, "bad-request");
  if (!transport || transport.getNS() !== state.transport) return refuse(state, "bad-request");
  // An answer to a precondition that nobody set is no answer.
  if (security && security.getNS() !== state.local?.security?.getNS()) return refuse(state, "bad-request");
  const remote: Terms = { application, security, senders };
  // Where the responder has replaced our transport, the answer to it was ours.
  const answer: Effect[] = state.ours ? [{ type: "take-answer", transport }] : [];
  return go(state, { phase: "connecting", remote, accepted: true }, { type: "check-answer", terms: remote }, ...answer, { type: "connect", attempt: state.attempt });
}

function transportInfo(state: State, transport: Element): Step {
  const namespace = transport.getNS() ?? "";
  if (namespace !== state.transport) return state.past.includes(namespace) ? stay(state) : refuse(state, "unsupported-info");
  if (state.phase === "failed") return stay(state); // too late
  if (state.phase !== "asked") return stay(state, { type: "take-info", transport });
  const held = [...state.held, transport];
  if (held.length > mostHeld || held.reduce((sum, info) => sum + info.toString().length, 0) > mostHeldText) return refuse(state, "resource-constraint");
  return go(state, { held });
}

function transportReplace(state: State, offer: Element): Step {
  const namespace = offer.getNS() ?? "";
  if (state.phase === "considering") return refuse(state, "out-of-order");
  // §7.2.16: the initiator's action overrules the responder's.
  if (state.phase === "proposing" && state.role === "initiator") return refuse(state, "tie-break");
  const open = state.phase === "offered" || state.phase === "connecting" || state.phase === "failed" || state.phase === "proposing";
  // What we have not answered yet cannot be replaced, and a path that stands is kept, unless nothing has come by it: the peer's side of it may have failed.
  if (!(open || state.provisional) || !state.known.includes(namespace)) {
    return stay(state, { type: "send", send: { name: "transport-reject", content: { creator: "initiator", name: state.content, transport: offer } } });
  }
  const attempt = state.attempt + 1;
  const lost: Effect[] = state.phase === "connected" ? [{ type: "discard", attempt: state.attempt }] : [];
  const untried = state.untried.filter((other) => other.namespace !== namespace);
  return go(
    state,
    { phase: "considering", attempt, transport: namespace, ours: undefined, provisional: false, offer, past: [...state.past, state.transport], untried },
    { type: "check-transport", transport: offer },
    ...lost,
    { type: "abort" },
    { type: "answer", attempt, transport: namespace, offer, held: [] },
  );
}

function transportAccept(state: State, transport: Element): Step {
  if (state.phase !== "proposing") return refuse(state, "out-of-order");
  if (transport.getNS() !== state.transport) return refuse(state, "bad-request");
  const accept: Effect[] = state.accepted ? [] : acceptance(state, state.ours);
  return go(state, { phase: "connecting", accepted: true }, { type: "take-answer", transport }, ...accept, { type: "connect", attempt: state.attempt });
}

// ---- what our own side does

function prepared(state: State, transport: Element): Step {
  const content: OutgoingContent = { creator: "initiator", name: state.content, transport };
  if (state.phase === "preparing") {
    const offer = { ...content, senders: state.local?.senders, description: state.local?.application, security: state.local?.security };
    return go(state, { phase: "offered", ours: transport }, { type: "send", send: { name: "session-initiate", content: offer } });
  }
  if (state.phase !== "failed") return stay(state);
  return go(state, { phase: "proposing", ours: transport }, { type: "send", send: { name: "transport-replace", content } });
}

function accept(state: State, terms: Terms, untried: readonly Way[]): Step {
  if (state.phase !== "asked" || !state.offer) return stay(state);
  const { offer, held, transport } = state;
  return go(
    state,
    { phase: "accepting", local: terms, attempt: 1, held: [], untried: untried.filter(({ namespace }) => namespace !== transport) },
    { type: "answer", attempt: 1, transport, offer, held },
  );
}

function answered(state: State, transport: Element): Step {
  const accept: Effect = { type: "send", send: { name: "transport-accept", content: { creator: "initiator", name: state.content, transport } } };
  const connect: Effect = { type: "connect", attempt: state.attempt };
  if (state.phase === "considering" && state.accepted) return go(state, { phase: "connecting", offer: undefined }, accept, connect);
  if (state.phase === "considering" && state.role === "initiator") return go(state, { phase: "offered", offer: undefined }, accept);
  if (state.phase !== "accepting" && state.phase !== "considering") return stay(state);
  const replaced: Effect[] = state.phase === "considering" ? [accept] : [];
  return go(state, { phase: "connecting", accepted: true, offer: undefined }, ...replaced, ...acceptance(state, transport), connect);
}

/** Session-accept with our side of the transport; what else was offered is removed before. */
function acceptance(state: State, transport: Element | undefined): Effect[] {
  const removed = state.surplus.filter((name) => name !== state.content).map((name): OutgoingContent => ({ creator: "initiator", name }));
  const remove: Effect[] = removed.length > 0 ? [{ type: "send", send: { name: "content-remove", contents: removed } }] : [];
  const { application: description, security, senders } = state.local ?? {};
  return [...remove, { type: "send", send: { name: "session-accept", content: { creator: "initiator", name: state.content, senders, description, transport, security } } }];
}

function unanswered(state: State, error: Error): Step {
  if (state.phase === "accepting") return next(state, error);
  if (state.phase !== "considering") return stay(state);
  const reject: Effect = { type: "send", send: { name: "transport-reject", content: { creator: "initiator", name: state.content, transport: state.offer } } };
  // The responder goes on as it can; there is no transport now that it could accept with.
  if (!state.accepted && state.role === "initiator") {
    return go(state, { phase: "offered", offer: undefined, past: [...state.past, state.transport], transport: "" }, { type: "abort" }, reject);
  }
  return go(state, { phase: "failed", offer: undefined }, { type: "abort" }, reject, { type: "await-replace", attempt: state.attempt });
}

function failed(state: State, error: Error): Step {
  // XEP-0260 §3: the initiator replaces or terminates. The responder does so where the initiator keeps still.
  if (state.role === "initiator") return next(state, error);
  return go(state, { phase: "failed" }, { type: "abort" }, { type: "await-replace", attempt: state.attempt });
}

/** A path that stood: what its transport covers may lead elsewhere, all but what carried it. */
function broken(state: State, { error, transport }: Extract<Event, { type: "failed" }>): Step {
  const untried = state.untried.filter(({ namespace, reach }) => namespace !== transport || reach === "relayed");
  return next(state, error, { untried, lost: [{ type: "discard", attempt: state.attempt }] });
}

/** Without those that the present one has tried itself. */
const uncovered = ({ transport, untried }: State): readonly Way[] => untried.filter(({ within }) => within !== transport);

/** The next transport that we know and have not tried, or the end. `untried`: where the present one has not been tried, or led to a path. */
function next(
  state: State,
  error: Error | undefined,
  { untried: left = uncovered(state), lost = [] }: { readonly untried?: readonly Way[]; readonly lost?: readonly Effect[] } = {},
): Step {
  const [way, ...untried] = left;
  if (way === undefined) return end(state, failedTransport(state, error), { reason: "failed-transport" });
  const attempt = state.attempt + 1;
  const phase = state.phase === "preparing" ? "preparing" : "failed";
  const past = state.phase === "preparing" ? state.past : [...state.past, state.transport];
  const change = { phase, attempt, transport: way.namespace, ours: undefined, provisional: false, untried, past, offer: undefined } as const;
  return go(state, change, ...lost, { type: "abort" }, { type: "prepare", attempt, way });
}

function refused(state: State, { action, attempt, why, error }: Extract<Event, { type: "refused" }>): Step {
  if (why === "no-answer") return stay(state); // the deadline of the negotiation decides, or the bytes
  // The peer has ended it: nobody is left to be told.
  if (why === "unknown-session") return end(state, fault(state, "session-ended", `${state.peer} says that it has no such session.`, { cause: error }));
  switch (action) {
    case "session-initiate":
      if (state.phase !== "offered") return stay(state);
      return end(state, why === "tie-break" ? fault(state, "tie-break", `${state.peer} says that it has offered the same.`, { cause: error }) : refusedBy(state, error));
    case "transport-replace":
      if (state.phase !== "proposing" || attempt !== state.attempt) return stay(state);
      if (why === "other") return next(go(state, { phase: "failed" }).state, error, { untried: state.untried });
      return go(state, { phase: "failed" }, { type: "abort" }, { type: "await-replace", attempt });
    case "session-accept":
    case "transport-accept":
      // What we take for agreed, the peer does not; of an earlier transport that makes no difference any more.
      if (state.phase === "connected" || (action === "transport-accept" && attempt !== state.attempt)) return stay(state);
      return end(state, refusedBy(state, error), { reason: "general-error" });
    default:
      return stay(state);
  }
}

function end(state: State, error: BalconyError, tell?: ReasonDetail & { readonly reason: Reason }): Step {
  const silent = tell === undefined || state.phase === "preparing";
  const effects: Effect[] = [{ type: "abort" }];
  if (!silent) effects.push({ type: "send", send: { name: "session-terminate", ...tell } });
  effects.push({ type: "over", error });
  return go(state, { phase: "ended", held: [], offer: undefined }, ...effects);
}

const otherRole = (role: Role): Role => (role === "initiator" ? "responder" : "initiator");
