import { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { actionNames } from "../src/action.js";
import { step } from "../src/machine.js";
import type { Event } from "../src/state.js";
import { NS_FILE, NS_ONE, NS_THREE, NS_TWO, nurse, security, stream } from "./rig.js";
import { content, failure, jingle, outcome, read, type StateName, stateNames, states, via } from "./states.js";

/*
What must come of every event in every state, written down from XEP-0166 and protocol.md, not from the machine.
A row names the event, what comes of it in most states, and the states where it is otherwise.
*/
type Row = readonly [event: string, mostly: string, otherwise: Partial<Record<StateName, string>>];

const unheard = "!unknown-session";
const dead = { preparing: unheard, "ended I": unheard, "ended R": unheard } as const;
const reject = "send transport-reject";

const actions: Record<string, () => Element> = {
  "session-initiate": () => jingle("session-initiate", content(stream(), via(NS_ONE))),
  "session-accept": () => jingle("session-accept", content(stream(), via(NS_ONE))),
  "session-accept with security": () => jingle("session-accept", content(stream(), via(NS_ONE), security())),
  "session-accept for another application": () => jingle("session-accept", content(xml("description", NS_FILE), via(NS_ONE))),
  "session-accept by another transport": () => jingle("session-accept", content(stream(), via(NS_TWO))),
  "session-accept with two contents": () => jingle("session-accept", content(stream(), via(NS_ONE)), content(stream(), via(NS_ONE))),
  "session-accept of a content by another name": () => jingle("session-accept", xml("content", { creator: "initiator", name: "initiator" }, stream(), via(NS_ONE))),
  "session-accept of a responder's content": () => jingle("session-accept", xml("content", { creator: "responder", name: "xmlstream" }, stream(), via(NS_ONE))),
  "session-terminate": () => jingle("session-terminate", xml("reason", null, xml("success"))),
  "session-terminate without reason": () => jingle("session-terminate"),
  "session-terminate, declining": () => jingle("session-terminate", xml("reason", null, xml("decline"))),
  "session-terminate for a reason of the future": () => jingle("session-terminate", xml("reason", null, xml("constructor"))),
  "session-info, empty": () => jingle("session-info"),
  "session-info, ringing": () => jingle("session-info", xml("ringing", "urn:xmpp:jingle:apps:rtp:1:info")),
  "transport-info by one": () => jingle("transport-info", content(via(NS_ONE))),
  "transport-info by two": () => jingle("transport-info", content(via(NS_TWO, "t2"))),
  "transport-info by an unknown": () => jingle("transport-info", content(via("urn:example:transports:none:0"))),
  "transport-info for another content": () => jingle("transport-info", xml("content", { creator: "initiator", name: "other" }, via(NS_ONE))),
  "transport-replace to three": () => jingle("transport-replace", content(via(NS_THREE, "t3"))),
  "transport-replace to an unknown": () => jingle("transport-replace", content(via("urn:example:transports:none:0"))),
  "transport-accept by two": () => jingle("transport-accept", content(via(NS_TWO, "t2"))),
  "transport-accept by three": () => jingle("transport-accept", content(via(NS_THREE, "t2"))),
  "transport-reject": () => jingle("transport-reject", content(via(NS_TWO, "t2"))),
  "content-add": () => jingle("content-add", xml("content", { creator: "responder", name: "more" }, stream(), via(NS_ONE))),
  "content-accept": () => jingle("content-accept", xml("content", { creator: "responder", name: "more" }, stream(), via(NS_ONE))),
  "content-reject": () => jingle("content-reject", xml("content", { creator: "responder", name: "more" })),
  "content-modify to both": () => jingle("content-modify", xml("content", { creator: "initiator", name: "xmlstream", senders: "both" })),
  "content-modify to none": () => jingle("content-modify", xml("content", { creator: "initiator", name: "xmlstream", senders: "none" })),
  "content-remove": () => jingle("content-remove", content()),
  "content-remove of another": () => jingle("content-remove", xml("content", { creator: "initiator", name: "other" })),
  "content-remove of a responder's": () => jingle("content-remove", xml("content", { creator: "responder", name: "xmlstream" })),
  "description-info": () => jingle("description-info", content(stream())),
  "security-info": () => jingle("security-info", content(security())),
  "security-info, bare": () => jingle("security-info", xml("content", null, security())),
};

const answered = "⇒connecting, check-answer, take-answer, connect 1";
const consider = (attempt: number) => `⇒considering, check-transport, abort, answer three as ${attempt}`;
const instead = "⇒considering, check-transport, discard 1, abort, answer three as 2";
const broken = "⇒failed, discard 1, abort, prepare two as 2";
const removed = (code: string) => `⇒ended, abort, send session-terminate success, over ${code}`;

const received: readonly Row[] = [
  ["session-initiate", "!out-of-order", dead],
  ["session-accept", "!out-of-order", { ...dead, offered: answered, "offered anew": "!bad-request" }],
  ["session-accept with security", "!out-of-order", { ...dead, offered: answered, "offered anew": "!bad-request" }],
  ["session-accept for another application", "!out-of-order", { ...dead, offered: "!bad-request", "offered anew": "!bad-request" }],
  ["session-accept by another transport", "!out-of-order", { ...dead, offered: "!bad-request", "offered anew": "⇒connecting, check-answer, connect 2" }],
  [
    "session-accept with two contents",
    "!bad-request",
    dead, // wrong whatever the state
  ],
  ["session-accept of a content by another name", "!out-of-order", { ...dead, offered: answered, "offered anew": "!bad-request" }],
  ["session-accept of a responder's content", "!item-not-found", dead],
  [
    "session-terminate",
    "⇒ended, abort, over session-ended",
    {
      ...dead,
      "connected I": "⇒ended, abort, over closed",
      "connected R": "⇒ended, abort, over closed",
      "provisional I": "⇒ended, abort, over closed",
      "provisional R": "⇒ended, abort, over closed",
    },
  ],
  [
    "session-terminate without reason",
    "⇒ended, abort, over session-ended",
    {
      ...dead,
      "connected I": "⇒ended, abort, over closed",
      "connected R": "⇒ended, abort, over closed",
      "provisional I": "⇒ended, abort, over closed",
      "provisional R": "⇒ended, abort, over closed",
    },
  ],
  [
    "session-terminate, declining",
    "⇒ended, abort, over declined",
    {
      ...dead,
      "connected I": "⇒ended, abort, over session-ended",
      "connected R": "⇒ended, abort, over session-ended",
      "provisional I": "⇒ended, abort, over session-ended",
      "provisional R": "⇒ended, abort, over session-ended",
    },
  ],
  ["session-terminate for a reason of the future", "⇒ended, abort, over session-ended", dead],
  ["session-info, empty", "nothing", dead],
  ["session-info, ringing", "hear", dead],
  [
    "transport-info by one",
    "take-info",
    {
      ...dead,
      asked: "kept",
      "failed I": "nothing",
      "failed R": "nothing",
      "proposing I": "nothing",
      "proposing R": "nothing",
      "considering I": "nothing",
      "considering R": "nothing",
      "considering before acceptance": "nothing",
      "offered anew": "nothing",
      "failed before acceptance": "nothing",
      "proposing before acceptance": "nothing",
    },
  ],
  [
    "transport-info by two",
    "!unsupported-info",
    {
      ...dead,
      "failed I": "nothing",
      "proposing I": "take-info",
      "proposing R": "take-info",
      "considering I": "take-info",
      "considering R": "take-info",
      "considering before acceptance": "take-info",
      "offered anew": "take-info",
      "failed before acceptance": "nothing",
      "proposing before acceptance": "take-info",
    },
  ],
  ["transport-info by an unknown", "!unsupported-info", dead],
  ["transport-info for another content", "!item-not-found", dead],
  [
    "transport-replace to three",
    reject,
    {
      ...dead,
      "connecting I": consider(2),
      "connecting R": consider(2),
      "failed I": consider(3),
      "failed R": consider(2),
      "proposing I": "!tie-break",
      "proposing R": consider(3),
      "considering I": "!out-of-order",
      "considering R": "!out-of-order",
      offered: consider(2),
      "provisional I": instead,
      "provisional R": instead,
      "considering before acceptance": "!out-of-order",
      "offered anew": consider(3),
      "failed before acceptance": consider(3),
      "proposing before acceptance": consider(3),
    },
  ],
  [
    "transport-replace to an unknown",
    reject,
    { ...dead, "proposing I": "!tie-break", "considering I": "!out-of-order", "considering R": "!out-of-order", "considering before acceptance": "!out-of-order" },
  ],
  [
    "transport-accept by two",
    "!out-of-order",
    {
      ...dead,
      "proposing I": "⇒connecting, take-answer, connect 2",
      "proposing R": "⇒connecting, take-answer, connect 2",
      "proposing before acceptance": "⇒connecting, take-answer, send session-accept, connect 2",
    },
  ],
  ["transport-accept by three", "!out-of-order", { ...dead, "proposing I": "!bad-request", "proposing R": "!bad-request", "proposing before acceptance": "!bad-request" }],
  [
    "transport-reject",
    "!out-of-order",
    {
      ...dead,
      "proposing I": "⇒failed, abort, prepare three as 3",
      "proposing R": "⇒failed, abort, prepare three as 3",
      "proposing before acceptance": "⇒failed, abort, prepare three as 3",
    },
  ],
  ["content-add", "send content-reject", dead],
  ["content-accept", "!out-of-order", dead],
  ["content-reject", "!out-of-order", dead],
  ["content-modify to both", "nothing", dead],
  ["content-modify to none", "!not-acceptable", dead],
  [
    "content-remove",
    removed("session-ended"),
    { ...dead, "connected I": removed("closed"), "connected R": removed("closed"), "provisional I": removed("closed"), "provisional R": removed("closed") },
  ],
  ["content-remove of another", "!item-not-found", dead],
  ["content-remove of a responder's", "!item-not-found", dead],
  ["description-info", "!unsupported-info", dead],
  ["security-info", "nothing", dead],
  ["security-info, bare", "nothing", dead],
];

const stanzaError = (condition: string) => new BalconyError("stanza-error", condition, { condition, stanza: { type: "cancel", condition } });
const refusedWith =
  (action: (typeof actionNames)[number], why: "unknown-session" | "tie-break" | "other" | "no-answer", condition = "bad-request") =>
  (attempt: number): Event => ({
    type: "refused",
    action,
    attempt,
    why,
    error: stanzaError(condition),
  });

const own: Record<string, (attempt: number) => Event> = {
  prepared: (attempt) => ({ type: "prepared", attempt, transport: via(NS_TWO, "t2") }),
  unprepared: (attempt) => ({ type: "unprepared", attempt, error: failure }),
  accept: () => ({ type: "accept", terms: { application: stream(), security: undefined, senders: undefined }, untried: [{ namespace: NS_ONE }, { namespace: NS_TWO }] }),
  answered: (attempt) => ({ type: "answered", attempt, transport: via(NS_ONE) }),
  unanswered: (attempt) => ({ type: "unanswered", attempt, error: failure }),
  connected: (attempt) => ({ type: "connected", attempt, provisional: false }),
  settled: () => ({ type: "settled" }),
  failed: (attempt) => ({ type: "failed", attempt, error: failure }),
  "replace-due": (attempt) => ({ type: "replace-due", attempt }),
  terminate: () => ({ type: "terminate", reason: "gone", error: new BalconyError("session-ended", "gone") }),
  expired: () => ({ type: "expired", message: "too late" }),
  yielded: () => ({ type: "yielded" }),
  "signalling-lost": () => ({ type: "signalling-lost", error: new BalconyError("connection-lost", "lost") }),
  "session-initiate refused": refusedWith("session-initiate", "other"),
  "session-initiate refused as by nobody": refusedWith("session-initiate", "other", "service-unavailable"),
  "session-initiate refused for lack of room": refusedWith("session-initiate", "other", "resource-constraint"),
  "session-initiate refused for a tie": refusedWith("session-initiate", "tie-break"),
  "session-accept refused": refusedWith("session-accept", "other"),
  "session-accept refused as unknown": refusedWith("session-accept", "unknown-session"),
  "session-accept unanswered": refusedWith("session-accept", "no-answer"),
  "transport-replace refused": refusedWith("transport-replace", "other"),
  "transport-replace refused for a tie": refusedWith("transport-replace", "tie-break"),
  "transport-accept refused": refusedWith("transport-accept", "other"),
  "transport-info refused": refusedWith("transport-info", "other"),
  "transport-info refused as unknown": refusedWith("transport-info", "unknown-session"),
  "session-info refused": refusedWith("session-info", "other"),
};

const live = (text: string) => Object.fromEntries(stateNames.filter((name) => !name.startsWith("ended")).map((name) => [name, text]));
const standing = { "connected I": "nothing", "connected R": "nothing", "provisional I": "nothing", "provisional R": "nothing" } as const;
const unconnected = (text: string) => ({ ...live(text), ...standing });
const general = "⇒ended, abort, send session-terminate general-error, over stanza-error";

const local: readonly Row[] = [
  [
    "prepared",
    "nothing",
    {
      preparing: "⇒offered, send session-initiate",
      "failed I": "⇒proposing, send transport-replace",
      "failed R": "⇒proposing, send transport-replace",
      "failed before acceptance": "⇒proposing, send transport-replace",
    },
  ],
  [
    "unprepared",
    "nothing",
    {
      preparing: "⇒preparing, abort, prepare two as 2",
      "failed I": "⇒failed, abort, prepare three as 3",
      "failed R": "⇒failed, abort, prepare two as 2",
      "failed before acceptance": "⇒failed, abort, prepare three as 3",
    },
  ],
  ["accept", "nothing", { asked: "⇒accepting, answer one as 1" }],
  [
    "answered",
    "nothing",
    {
      accepting: "⇒connecting, send session-accept, connect 1",
      "considering I": "⇒connecting, send transport-accept, connect 2",
      "considering R": "⇒connecting, send transport-accept, connect 2",
      "considering before acceptance": "⇒offered, send transport-accept",
    },
  ],
  [
    "unanswered",
    "nothing",
    {
      accepting: "⇒failed, abort, prepare two as 2",
      "considering before acceptance": "⇒offered, abort, send transport-reject",
      "considering I": "⇒failed, abort, send transport-reject, await-replace 2",
      "considering R": "⇒failed, abort, send transport-reject, await-replace 2",
    },
  ],
  [
    "connected",
    "discard 1",
    {
      asked: "discard 0",
      "connecting I": "⇒connected, established",
      "connecting R": "⇒connected, established",
      "failed I": "discard 2",
      "proposing I": "discard 2",
      "proposing R": "discard 2",
      "considering I": "discard 2",
      "considering R": "discard 2",
      "considering before acceptance": "discard 2",
      "offered anew": "discard 2",
      "failed before acceptance": "discard 2",
      "proposing before acceptance": "discard 2",
    },
  ],
  ["settled", "nothing", { "provisional I": "kept", "provisional R": "kept" }],
  [
    "failed",
    "nothing",
    { "connecting I": "⇒failed, abort, prepare two as 2", "connecting R": "⇒failed, abort, await-replace 1", "provisional I": broken, "provisional R": broken },
  ],
  [
    "replace-due",
    "nothing",
    { "failed I": "⇒failed, abort, prepare three as 3", "failed R": "⇒failed, abort, prepare two as 2", "failed before acceptance": "⇒failed, abort, prepare three as 3" },
  ],
  ["terminate", "nothing", { ...live("⇒ended, abort, send session-terminate gone, over session-ended"), preparing: "⇒ended, abort, over session-ended" }],
  ["expired", "nothing", { ...unconnected("⇒ended, abort, send session-terminate timeout, over expired"), preparing: "⇒ended, abort, over expired" }],
  ["yielded", "nothing", { preparing: "⇒ended, abort, over tie-break", offered: "⇒ended, abort, over tie-break", "offered anew": "⇒ended, abort, over tie-break" }],
  ["signalling-lost", "nothing", unconnected("⇒ended, abort, over connection-lost")],
  ["session-initiate refused", "nothing", { offered: "⇒ended, abort, over stanza-error", "offered anew": "⇒ended, abort, over stanza-error" }],
  ["session-initiate refused as by nobody", "nothing", { offered: "⇒ended, abort, over peer-unavailable", "offered anew": "⇒ended, abort, over peer-unavailable" }],
  ["session-initiate refused for lack of room", "nothing", { offered: "⇒ended, abort, over busy", "offered anew": "⇒ended, abort, over busy" }],
  ["session-initiate refused for a tie", "nothing", { offered: "⇒ended, abort, over tie-break", "offered anew": "⇒ended, abort, over tie-break" }],
  [
    "session-accept refused",
    general,
    { ...standing, "ended I": "nothing", "ended R": "nothing", preparing: "⇒ended, abort, over stanza-error" }, // never sent in most: they are refused alike
  ],
  ["session-accept refused as unknown", "nothing", live("⇒ended, abort, over session-ended")],
  ["session-accept unanswered", "nothing", {}],
  [
    "transport-replace refused",
    "nothing",
    {
      "proposing I": "⇒failed, abort, prepare three as 3",
      "proposing R": "⇒failed, abort, prepare three as 3",
      "proposing before acceptance": "⇒failed, abort, prepare three as 3",
    },
  ],
  [
    "transport-replace refused for a tie",
    "nothing",
    { "proposing I": "⇒failed, abort, await-replace 2", "proposing R": "⇒failed, abort, await-replace 2", "proposing before acceptance": "⇒failed, abort, await-replace 2" },
  ],
  ["transport-accept refused", general, { ...standing, "ended I": "nothing", "ended R": "nothing", preparing: "⇒ended, abort, over stanza-error" }],
  ["transport-info refused", "nothing", {}],
  ["transport-info refused as unknown", "nothing", live("⇒ended, abort, over session-ended")],
  ["session-info refused", "nothing", {}],
];

const row = ([event, mostly, otherwise]: Row) => stateNames.map((name) => ({ event, name, expected: otherwise[name] ?? mostly }));

describe("what the peer sends, in every state", () => {
  it.each(received.flatMap(row))("$event in $name: $expected", ({ event, name, expected }) => {
    const state = states[name];
    const action = read(actions[event]?.() ?? jingle("none"));
    expect(outcome(state, step(state, { type: "received", from: state.peer, action }))).toBe(expected);
  });

  it("has a row for each of the fifteen actions, and each row's action", () => {
    const rows = new Set(received.map(([event]) => event));
    expect([...rows]).toEqual(Object.keys(actions));
    expect(new Set([...rows].map((event) => event.split(/[ ,]/)[0]))).toEqual(new Set(actionNames));
  });
});

describe("what somebody else sends", () => {
  const strangers = stateNames.flatMap((name) => [
    { name, sender: "another resource", change: { from: `${states[name].peer}2` } },
    { name, sender: "the bare address", change: { from: states[name].peer.split("/")[0] ?? "" } },
    { name, sender: "another address", change: { from: nurse } },
    { name, sender: "ourselves", change: { from: states[name].self } },
    { name, sender: "the right one, with another sid", change: { sid: "b84tkkwlmb48kgfb" } },
  ]);
  it.each(strangers)("in $name by $sender is unknown-session and changes nothing, whatever it is", ({ name, change }) => {
    const state = states[name];
    for (const [event, make] of Object.entries(actions)) {
      const { from = state.peer, sid } = change as { from?: string; sid?: string };
      const action = { ...read(make()), ...(sid ? { sid } : {}) };
      const result = step(state, { type: "received", from, action });
      expect(result.state, event).toBe(state);
      expect(result.effects, event).toEqual([{ type: "refuse", refusal: "unknown-session" }]);
    }
  });
});

describe("what our own side does, in every state", () => {
  it.each(local.flatMap(row))("$event in $name: $expected", ({ event, name, expected }) => {
    const state = states[name];
    const make = own[event];
    if (!make) throw new Error(`no event ${event}`);
    expect(outcome(state, step(state, make(state.attempt)))).toBe(expected);
  });

  it.each(["prepared", "unprepared", "answered", "unanswered", "connected", "failed", "replace-due"].flatMap((event) => stateNames.map((name) => ({ event, name }))))(
    "$event of an attempt before, in $name, changes nothing",
    ({ event, name }) => {
      const state = states[name];
      const result = step(state, own[event]?.(state.attempt - 1) ?? { type: "yielded" });
      expect(result.state).toBe(state);
      expect(result.effects).toEqual(event === "connected" ? [{ type: "discard", attempt: state.attempt - 1 }] : []);
    },
  );

  it("has a row for every event", () => {
    expect(local.map(([event]) => event)).toEqual(Object.keys(own));
  });
});
