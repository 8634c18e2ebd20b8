import { describe, expect, it } from "vitest";
import type { CeremonyContext } from "../../src/ceremony/state.js";
import { codeStep } from "../../src/code/machine.js";
import type { CodeEffect, CodeEvent, CodeInHand, CodeMessage, CodeState } from "../../src/code/state.js";
import { juliet, romeo } from "../addresses.js";
import { bytes, contexts } from "../ceremony/sides.js";
import { CodeSide, carry, lemon, sentBy } from "./sides.js";

// Every state × every event × everybody who can cause one. What each cell says was written from docs/xep-e2e-verification.md §9 and the table above the machine.

type Role = "I" | "R";
const half = { I: bytes(16, 1), R: bytes(16, 2) };
const scalar = { I: 11n, R: 13n };
const other = (role: Role): Role => (role === "I" ? "R" : "I");
const id = new Uint8Array([...half.I, ...half.R]);
const hand = (role: Role): CodeInHand => ({ code: lemon, half: half[role], scalar: scalar[role] });
const contextOf = (role: Role): CeremonyContext => contexts()[role];

/** What an honest run with these halves and scalars says. */
const honest = (() => {
  const [I, R] = [new CodeSide(contextOf("I")), new CodeSide(contextOf("R"))];
  I.do({ type: "ask", ...hand("I") });
  for (const message of I.take()) R.do({ type: "received", message, waiting: hand("R") });
  carry(I, R);
  return { share: sentBy(I, "code-share").share, answer: sentBy(R, "code-answer"), tag: sentBy(I, "code-tag").tag };
})();

/** Every state that one side can be in; those that only one role reaches say so. */
const states: Readonly<Record<string, (role: Role) => CodeState | undefined>> = {
  idle: () => ({ name: "idle" }),
  asking: (role) => ({ name: "asking", ...hand(role) }),
  agreed: (role) => (role === "R" ? { name: "agreed", id, code: lemon, scalar: scalar.R } : undefined),
  spending: (role) => ({ name: "spending", id, code: lemon, scalar: scalar[role], peerShare: role === "R" ? honest.share : undefined }),
  shared: (role) => (role === "I" ? { name: "shared", id, code: lemon, scalar: scalar.I, share: honest.share } : undefined),
  answered: (role) => (role === "R" ? { name: "answered", id, code: lemon, wanted: honest.tag } : undefined),
  saving: (role) => ({ name: "saving", id, tag: role === "I" ? honest.tag : undefined, lost: false }),
  savingCutOff: (role) => ({ name: "saving", id, tag: role === "I" ? honest.tag : undefined, lost: true }),
  telling: (role) => (role === "I" ? { name: "telling", id } : undefined),
  over: () => ({ name: "over", id, outcome: { verified: false, code: "verification-cancelled", by: "us" } }),
};

const received = (message: CodeMessage, waiting?: CodeInHand): CodeEvent => ({ type: "received", message, waiting });
const addresses = { initiator: romeo, responder: juliet };
const misaddressed = { initiator: romeo, responder: "benvolio@montague.lit" };
const foreign = bytes(32, 9);
const noTag = bytes(64, 7);

/** Every event, by who causes it. */
const events: Readonly<Record<string, (role: Role) => CodeEvent>> = {
  "person: ask": (role) => ({ type: "ask", ...hand(role) }),
  "person: cancel": () => ({ type: "cancel" }),
  "store: spent": () => ({ type: "spent" }),
  "store: saved": () => ({ type: "saved" }),
  "store: refused": () => ({ type: "refused", code: "code-spent" }),
  "peer's client: delivered": () => ({ type: "delivered" }),
  "peer's client: rejected": () => ({ type: "rejected", code: "code-unknown" }),
  "channel: lost": () => ({ type: "lost" }),
  "clock: deadline": () => ({ type: "deadline" }),
  "peer: code-request, one waits": (role) => received({ type: "code-request", half: half[other(role)], ...addresses }, hand(role)),
  "peer: code-request, none waits": (role) => received({ type: "code-request", half: half[other(role)], ...addresses }),
  "peer: code-request misaddressed": (role) => received({ type: "code-request", half: half[other(role)], ...misaddressed }, hand(role)),
  "peer: code-request, our half": (role) => received({ type: "code-request", half: half[role], ...addresses }, hand(role)),
  "peer: code-ready": () => received({ type: "code-ready", id, ...addresses }),
  "peer: code-ready misaddressed": () => received({ type: "code-ready", id, ...misaddressed }),
  "peer: code-share": () => received({ type: "code-share", id, share: honest.share }),
  "peer: code-share, the neutral element": () => received({ type: "code-share", id, share: new Uint8Array(32) }),
  "peer: code-share, what R would send": () => received({ type: "code-share", id, share: honest.answer.share }),
  "peer: code-answer": () => received(honest.answer),
  "peer: code-answer, its tag wrong": () => received({ ...honest.answer, tag: noTag }),
  "peer: code-answer, the neutral element": () => received({ ...honest.answer, share: new Uint8Array(32) }),
  "peer: code-answer, I's share": () => received({ ...honest.answer, share: honest.share }),
  "peer: code-tag": () => received({ type: "code-tag", id, tag: honest.tag }),
  "peer: code-tag, wrong": () => received({ type: "code-tag", id, tag: noTag }),
  "peer: code-wrong": () => received({ type: "code-wrong", id }),
  "peer: code-cancel": () => received({ type: "code-cancel", id }),
  "peer: code-cancel by its half": (role) => received({ type: "code-cancel", id: half[other(role)] }),
  "another run's: code-ready": () => received({ type: "code-ready", id: foreign, ...addresses }),
  "another run's: code-share": () => received({ type: "code-share", id: foreign, share: honest.share }),
  "another run's: code-answer": () => received({ ...honest.answer, id: foreign }),
  "another run's: code-tag": () => received({ type: "code-tag", id: foreign, tag: honest.tag }),
  "another run's: code-wrong": () => received({ type: "code-wrong", id: foreign }),
  "another run's: code-cancel": () => received({ type: "code-cancel", id: foreign }),
};

const named = (effect: CodeEffect): string => (effect.do === "send" ? `send ${effect.message.type}` : effect.do);

function outcome(state: CodeState, before: CodeState): string {
  if (state === before) return "=";
  return state.name === "over" ? (state.outcome.verified ? "verified" : `${state.outcome.code} by ${state.outcome.by}`) : state.name;
}

/** What a cell comes to, as it is written in the table: `next: effects`. */
function cell(role: Role, stateName: string, eventName: string): string | undefined {
  const before = states[stateName]?.(role);
  const event = events[eventName]?.(role);
  if (!before || !event) return undefined;
  const { state, effects } = codeStep(contextOf(role), before, event);
  const done = effects.map(named).filter((effect) => effect !== "end");
  return [outcome(state, before), ...(done.length > 0 ? [done.join(", ")] : [])].join(": ");
}

const running = "asking agreed spending shared answered";
const all = Object.keys(states).join(" ");
const without = (group: string, ...taken: readonly string[]): string =>
  group
    .split(" ")
    .filter((state) => !taken.includes(state))
    .join(" ");
const violated = "verification-violation by peer: send code-cancel";
/** A message that is due in one state: a violation wherever else the run is known and nothing is proved yet. */
const due = (state: string, cells: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({ ...cells, "=: refuse": "idle", [violated]: without(running, state) });
const anothers = { "=: refuse": all };
const requestOutOfTurn = without(all, "idle", "asking");

/** By event, then by what comes of it, the states in which it does: in each that is not named, nothing. A state of one role alone is named `state.I` or `state.R`. */
const table: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "person: ask": { "asking: send code-request": "idle" },
  "person: cancel": { "verification-cancelled by us: send code-cancel": running },
  "store: spent": { "shared: send code-share": "spending.I", "answered: send code-answer": "spending.R" },
  "store: saved": { "telling: send code-tag": "saving.I", verified: "saving.R savingCutOff" },
  "store: refused": { "code-spent by us: send code-cancel": "spending saving", "code-spent by us": "savingCutOff" },
  "peer's client: delivered": { verified: "telling" },
  "peer's client: rejected": { "code-unknown by peer": running, verified: "telling" },
  "channel: lost": { "connection-lost by channel": running, saving: "saving savingCutOff", verified: "telling" },
  "clock: deadline": { "timeout by clock: send code-cancel": running, verified: "telling" },
  "peer: code-request, one waits": {
    "spending: send code-ready, spend": "idle.I",
    "agreed: send code-ready": "idle.R asking.R",
    "=: refuse": requestOutOfTurn,
  },
  "peer: code-request, none waits": { "agreed: send code-ready": "asking.R", "=: refuse": `idle ${requestOutOfTurn}` },
  "peer: code-request misaddressed": { "address-mismatch by peer: send code-cancel": "idle asking", "=: refuse": requestOutOfTurn },
  "peer: code-request, our half": { "reflection by peer: send code-cancel": "idle asking", "=: refuse": requestOutOfTurn },
  "peer: code-ready": due("asking", { "spending: spend": "asking.I", agreed: "asking.R" }),
  "peer: code-ready misaddressed": due("asking", { "address-mismatch by peer: send code-cancel": "asking" }),
  "peer: code-share": due("agreed", { "spending: spend": "agreed" }),
  "peer: code-share, the neutral element": due("", {}),
  "peer: code-share, what R would send": due("agreed", { "reflection by peer: send code-cancel": "agreed" }),
  "peer: code-answer": due("shared", { "saving: save": "shared" }),
  "peer: code-answer, its tag wrong": due("shared", { "code-wrong by us: send code-wrong": "shared" }),
  "peer: code-answer, the neutral element": due("", {}),
  "peer: code-answer, I's share": due("shared", { "reflection by peer: send code-cancel": "shared" }),
  "peer: code-tag": due("answered", { "saving: save": "answered" }),
  "peer: code-tag, wrong": due("answered", { "code-wrong by us: send code-wrong": "answered" }),
  "peer: code-wrong": due("answered", { "code-wrong by peer": "answered" }),
  "peer: code-cancel": { "=: refuse": "idle", "verification-cancelled by peer": running, verified: "telling" },
  "peer: code-cancel by its half": { "=: refuse": "idle asking", "verification-cancelled by peer": without(running, "asking"), verified: "telling" },
  "another run's: code-ready": anothers,
  "another run's: code-share": anothers,
  "another run's: code-answer": anothers,
  "another run's: code-tag": anothers,
  "another run's: code-wrong": anothers,
  "another run's: code-cancel": anothers,
};

function expected(eventName: string, stateName: string, role: Role): string {
  const cells = Object.entries(table[eventName] ?? {}).filter(([, where]) => where.split(" ").some((one) => one === stateName || one === `${stateName}.${role}`));
  return cells.length > 1 ? "twice in the table" : (cells[0]?.[0] ?? "=");
}

describe("the machine of codes, in every state and by everybody who can cause an event", () => {
  it.each(Object.keys(events))("%s", (eventName) => {
    const cells = Object.keys(states).flatMap((stateName) => (["I", "R"] as const).map((role) => [stateName, role] as const));
    const there = cells.flatMap(([stateName, role]) => {
      const came = cell(role, stateName, eventName);
      return came === undefined ? [] : [{ stateName, role, came }];
    });
    expect(there.map(({ came, role, stateName }) => `${stateName}.${role}: ${came}`)).toEqual(
      there.map(({ role, stateName }) => `${stateName}.${role}: ${expected(eventName, stateName, role)}`),
    );
  });

  it("is covered whole: each state, event and message of its types stands in the table, and nothing else does", () => {
    expect(Object.keys(table).sort()).toEqual(Object.keys(events).sort());
    const known = new Set(Object.keys(states));
    const mentioned = Object.values(table).flatMap((cells) => Object.values(cells).flatMap((where) => where.split(" ").map((one) => one.replace(/\.[IR]$/u, ""))));
    expect(mentioned.filter((one) => !known.has(one))).toEqual([]);
    // The types themselves: one more in either of them is an error here until it stands above.
    const stateNames: Record<CodeState["name"], true> = {
      idle: true,
      asking: true,
      agreed: true,
      spending: true,
      shared: true,
      answered: true,
      saving: true,
      telling: true,
      over: true,
    };
    const eventTypes: Record<CodeEvent["type"], true> = {
      ask: true,
      cancel: true,
      received: true,
      delivered: true,
      rejected: true,
      spent: true,
      saved: true,
      refused: true,
      lost: true,
      deadline: true,
    };
    const messageTypes: Record<CodeMessage["type"], true> = {
      "code-request": true,
      "code-ready": true,
      "code-share": true,
      "code-answer": true,
      "code-tag": true,
      "code-wrong": true,
      "code-cancel": true,
    };
    const made = (["I", "R"] as const).flatMap((role) => Object.values(events).map((make) => make(role)));
    const reached = (["I", "R"] as const).flatMap((role) => Object.values(states).flatMap((make) => make(role)?.name ?? []));
    expect([...new Set(reached)].sort()).toEqual(Object.keys(stateNames).sort());
    expect([...new Set(made.map(({ type }) => type))].sort()).toEqual(Object.keys(eventTypes).sort());
    expect([...new Set(made.flatMap((event) => (event.type === "received" ? [event.message.type] : [])))].sort()).toEqual(Object.keys(messageTypes).sort());
  });
});
