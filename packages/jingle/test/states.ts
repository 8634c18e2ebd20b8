import { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { type Action, readAction } from "../src/action.js";
import { asked, offering, step } from "../src/machine.js";
import type { Effect, Event, State, Step } from "../src/state.js";
import { juliet, NS_ONE, NS_THREE, NS_TWO, romeo, security, stream } from "./rig.js";

export const SID = "a73sjjvkla37jfea";
export const JINGLE = "urn:xmpp:jingle:1";
const known = [NS_ONE, NS_TWO, NS_THREE];

export const via = (namespace: string, sid = "t1") => xml("transport", { xmlns: namespace, sid });
export const failure = new BalconyError("failed-transport", "no way");

/** A `<jingle/>` as text or element, with this sid unless it says otherwise. */
export function jingle(action: string, ...children: Element[]): Element {
  return xml("jingle", { xmlns: JINGLE, action, sid: SID }, ...children);
}

export function content(...children: (Element | undefined)[]): Element {
  return xml("content", { creator: "initiator", name: "xmlstream" }, ...children);
}

export const read = (element: Element): Action => readAction(element);

/** Walks a machine through events that all have their effect. */
export function walk(from: State, ...events: Event[]): State {
  return events.reduce((state, event) => step(state, event).state, from);
}

const from =
  (peer: string) =>
  (element: Element): Event => ({ type: "received", from: peer, action: read(element) });
const fromJuliet = from(juliet);
const fromRomeo = from(romeo);

const terms = () => ({ application: stream(), security: security(), senders: undefined });

/** Romeo's side, offering one, two and three. */
export function preparing(options: { transports?: readonly [string, ...string[]]; security?: Element | undefined } = {}): State {
  const { transports: [first, ...others] = [NS_ONE, NS_TWO, NS_THREE] } = options;
  return offering({
    self: romeo,
    peer: juliet,
    sid: SID,
    content: "xmlstream",
    terms: { ...terms(), security: "security" in options ? options.security : security() },
    known,
    ways: [{ namespace: first }, ...others.map((namespace) => ({ namespace }))],
  }).state;
}

/** Juliet's side. */
export function justAsked(options: { surplus?: readonly string[]; security?: Element | undefined } = {}): State {
  return asked({
    self: juliet,
    peer: romeo,
    sid: SID,
    content: "xmlstream",
    surplus: options.surplus ?? [],
    terms: { ...terms(), security: "security" in options ? options.security : security() },
    known,
    transport: NS_ONE,
    offer: via(NS_ONE),
  });
}

const offered = walk(preparing(), { type: "prepared", attempt: 1, transport: via(NS_ONE) });
const connectingI = walk(offered, fromJuliet(jingle("session-accept", content(stream(), via(NS_ONE), security()))));
const failedI = walk(connectingI, { type: "failed", attempt: 1, error: failure });
const proposingI = walk(failedI, { type: "prepared", attempt: 2, transport: via(NS_TWO, "t2") });
const consideringI = walk(connectingI, fromJuliet(jingle("transport-replace", content(via(NS_TWO, "t2")))));
const connectedI = walk(connectingI, { type: "connected", attempt: 1, provisional: false });
const provisionalI = walk(connectingI, { type: "connected", attempt: 1, provisional: true });
const replaced = fromJuliet(jingle("transport-replace", content(via(NS_TWO, "t2"))));
const consideringEarly = walk(offered, replaced);
const offeredAnew = walk(consideringEarly, { type: "answered", attempt: 2, transport: via(NS_TWO, "t2") });

const accepting = walk(justAsked(), { type: "accept", terms: terms(), untried: known.map((namespace) => ({ namespace })) });
const connectingR = walk(accepting, { type: "answered", attempt: 1, transport: via(NS_ONE) });
const failedR = walk(connectingR, { type: "failed", attempt: 1, error: failure });
const proposingR = walk(failedR, { type: "replace-due", attempt: 1 }, { type: "prepared", attempt: 2, transport: via(NS_TWO, "t2") });
const consideringR = walk(connectingR, fromRomeo(jingle("transport-replace", content(via(NS_TWO, "t2")))));
const connectedR = walk(connectingR, { type: "connected", attempt: 1, provisional: false });
const provisionalR = walk(connectingR, { type: "connected", attempt: 1, provisional: true });
const failedEarly = walk(accepting, { type: "unanswered", attempt: 1, error: failure });
const proposingEarly = walk(failedEarly, { type: "prepared", attempt: 2, transport: via(NS_TWO, "t2") });

const over: Event = { type: "terminate", reason: "success", error: new BalconyError("closed", "done") };

/** One state of each phase and role, by name. */
export const states = {
  preparing: preparing(),
  offered,
  asked: justAsked(),
  accepting,
  "connecting I": connectingI,
  "connecting R": connectingR,
  "failed I": failedI,
  "failed R": failedR,
  "proposing I": proposingI,
  "proposing R": proposingR,
  "considering I": consideringI,
  "considering R": consideringR,
  "connected I": connectedI,
  "connected R": connectedR,
  "provisional I": provisionalI,
  "provisional R": provisionalR,
  "considering before acceptance": consideringEarly,
  "offered anew": offeredAnew,
  "failed before acceptance": failedEarly,
  "proposing before acceptance": proposingEarly,
  "ended I": walk(connectedI, over),
  "ended R": walk(connectedR, over),
} as const satisfies Record<string, State>;

export type StateName = keyof typeof states;
export const stateNames = Object.keys(states) as StateName[];

function told(effect: Effect): string {
  switch (effect.type) {
    case "send":
      return effect.send.reason ? `send ${effect.send.name} ${effect.send.reason}` : `send ${effect.send.name}`;
    case "over":
      return `over ${effect.error.code}`;
    case "prepare":
      return `prepare ${effect.way.namespace.split(":")[3]} as ${effect.attempt}`;
    case "answer":
      return `answer ${effect.transport.split(":")[3]} as ${effect.attempt}`;
    case "connect":
    case "await-replace":
    case "discard":
      return `${effect.type} ${effect.attempt}`;
    case "refuse":
      return `!${effect.refusal}`;
    default:
      return effect.type;
  }
}

/** A step in words: the phase that follows where it is another, and the effects. "ack" where a received action has none. */
export function outcome(before: State, { state, effects }: Step): string {
  const words = effects.map(told);
  if (state.phase !== before.phase || state.attempt !== before.attempt) words.unshift(`⇒${state.phase}`);
  else if (state !== before) words.unshift("kept");
  return words.join(", ") || "nothing";
}
