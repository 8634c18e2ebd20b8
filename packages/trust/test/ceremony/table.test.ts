import { describe, expect, it } from "vitest";
import { hashFields } from "../../src/ceremony/fields.js";
import { ceremonyStep, shortString } from "../../src/ceremony/machine.js";
import type { CeremonyContext, CeremonyEffect, CeremonyEvent, CeremonyMessage, CeremonyState } from "../../src/ceremony/state.js";
import { sasSymbols } from "../../src/ceremony/symbols.js";
import { juliet, romeo } from "../addresses.js";
import { bytes, contexts } from "./sides.js";

// Every state × every event × everybody who can cause one. What each cell says was written from docs/xep-e2e-verification.md and the table above the machine.

type Role = "I" | "R";
const half = { I: bytes(16, 1), R: bytes(16, 2) };
const nonce = { I: bytes(32, 3), R: bytes(32, 4) };
const other = (role: Role): Role => (role === "I" ? "R" : "I");
const id = new Uint8Array([...half.I, ...half.R]);
const commitmentIn = ({ ctx }: CeremonyContext): Uint8Array => hashFields("balcony-commit-1", ctx, id, nonce.I);
const sasIn = (context: CeremonyContext): number => shortString(context, { id, commitment: commitmentIn(context), nonceI: nonce.I, nonceR: nonce.R });

/** Every state that one side can be in; those that only one role reaches say so. */
const states: Readonly<Record<string, (role: Role, context: CeremonyContext) => CeremonyState | undefined>> = {
  idle: () => ({ name: "idle" }),
  asking: (role) => ({ name: "asking", mode: "compare", half: half[role], nonce: nonce[role] }),
  asked: (role) => ({ name: "asked", peerHalf: half[other(role)], mode: "compare" }),
  agreed: (role) => (role === "R" ? { name: "agreed", id, nonce: nonce.R, mode: "compare" } : undefined),
  committed: (role, context) => (role === "I" ? { name: "committed", id, nonce: nonce.I, mode: "compare", commitment: commitmentIn(context) } : undefined),
  charging: (role, context) => ({ name: "charging", id, nonce: nonce[role], mode: "compare", commitment: commitmentIn(context), peerNonce: role === "I" ? nonce.R : undefined }),
  answered: (role, context) => (role === "R" ? { name: "answered", id, nonce: nonce.R, mode: "compare", commitment: commitmentIn(context) } : undefined),
  comparing: (_, context) => ({ name: "showing", id, mode: "compare", sas: sasIn(context), lost: false, mistyped: 0 }),
  reading: (_, context) => ({ name: "showing", id, mode: "read", sas: sasIn(context), lost: false, mistyped: 0 }),
  typing: (_, context) => ({ name: "showing", id, mode: "type", sas: sasIn(context), lost: false, mistyped: 0 }),
  lastTyping: (_, context) => ({ name: "showing", id, mode: "type", sas: sasIn(context), lost: false, mistyped: 2 }),
  cutOff: (_, context) => ({ name: "showing", id, mode: "compare", sas: sasIn(context), lost: true, mistyped: 0 }),
  saving: () => ({ name: "saving", id, lost: false }),
  savingCutOff: () => ({ name: "saving", id, lost: true }),
  over: () => ({ name: "over", id, outcome: { verified: false, code: "verification-cancelled", by: "us" } }),
};
type StateName = keyof typeof states;

const received = (message: CeremonyMessage): CeremonyEvent => ({ type: "received", message });
const addresses = { initiator: romeo, responder: juliet };
const foreign = bytes(32, 9);

/** Every event, by who causes it. */
const events: Readonly<Record<string, (role: Role, context: CeremonyContext) => CeremonyEvent>> = {
  "person: ask": (role) => ({ type: "ask", readAloud: false, half: half[role], nonce: nonce[role] }),
  "person: accept": (role) => ({ type: "accept", half: half[role], nonce: nonce[role] }),
  "person: confirm": () => ({ type: "confirm" }),
  "person: differ": () => ({ type: "differ" }),
  "person: cancel": () => ({ type: "cancel" }),
  "person: typed right": (_, context) => ({ type: "typed", numbers: sasSymbols(sasIn(context)).numbers.join(" ") }),
  "person: typed wrong": () => ({ type: "typed", numbers: "1" }),
  "store: charged": () => ({ type: "charged" }),
  "store: saved": () => ({ type: "saved" }),
  "store: refused": () => ({ type: "refused", code: "guesses-spent" }),
  "peer's client: rejected": () => ({ type: "rejected", code: "verification-unsupported" }),
  "channel: lost": () => ({ type: "lost" }),
  "clock: deadline": () => ({ type: "deadline" }),
  "peer: request": (role) => received({ type: "request", half: half[other(role)], readAloud: false, ...addresses }),
  "peer: request misaddressed": (role) => received({ type: "request", half: half[other(role)], readAloud: false, initiator: romeo, responder: "benvolio@montague.lit" }),
  "peer: request, our half": (role) => received({ type: "request", half: half[role], readAloud: false, ...addresses }),
  "peer: ready": () => received({ type: "ready", id, ...addresses }),
  "peer: ready misaddressed": () => received({ type: "ready", id, initiator: "benvolio@montague.lit", responder: juliet }),
  "peer: commit": (_, context) => received({ type: "commit", id, commitment: commitmentIn(context) }),
  "peer: nonce": (role) => received({ type: "nonce", id, nonce: nonce[other(role)] }),
  "peer: nonce, ours": (role) => received({ type: "nonce", id, nonce: nonce[role] }),
  "peer: reveal": (role) => received({ type: "reveal", id, nonce: nonce[other(role)] }),
  "peer: reveal, another": () => received({ type: "reveal", id, nonce: bytes(32, 7) }),
  "peer: reveal, ours": (role) => received({ type: "reveal", id, nonce: nonce[role] }),
  "peer: confirmed": () => received({ type: "confirmed", id }),
  "peer: differ": () => received({ type: "differ", id }),
  "peer: cancel": () => received({ type: "cancel", id }),
  "peer: cancel by its half": (role) => received({ type: "cancel", id: half[other(role)] }),
  "another ceremony's: ready": () => received({ type: "ready", id: foreign, ...addresses }),
  "another ceremony's: commit": () => received({ type: "commit", id: foreign, commitment: bytes(32, 5) }),
  "another ceremony's: nonce": () => received({ type: "nonce", id: foreign, nonce: bytes(32, 5) }),
  "another ceremony's: reveal": () => received({ type: "reveal", id: foreign, nonce: bytes(32, 5) }),
  "another ceremony's: confirmed": () => received({ type: "confirmed", id: foreign }),
  "another ceremony's: differ": () => received({ type: "differ", id: foreign }),
  "another ceremony's: cancel": () => received({ type: "cancel", id: foreign }),
};

const named = (effect: CeremonyEffect): string => (effect.do === "send" ? `send ${effect.message.type}` : effect.do);

function outcome(state: CeremonyState, before: CeremonyState): string {
  if (state === before) return "=";
  return state.name === "over" ? (state.outcome.verified ? "verified" : `${state.outcome.code} by ${state.outcome.by}`) : state.name;
}

/** What a cell comes to, as it is written in the table: `next: effects`. */
function cell(role: Role, stateName: StateName, eventName: string): string | undefined {
  const context = contexts()[role];
  const before = states[stateName]?.(role, context);
  const event = events[eventName]?.(role, context);
  if (!before || !event) return undefined;
  const { state, effects } = ceremonyStep(context, before, event);
  const done = effects.map(named).filter((effect) => effect !== "end");
  return [outcome(state, before), ...(done.length > 0 ? [done.join(", ")] : [])].join(": ");
}

// Groups of states: "early" is before anything is on the screen, "shown" with it there and the channel standing.
const shown = "comparing reading typing lastTyping";
const early = "asking asked agreed committed charging answered";
const agreed = "agreed committed charging answered";
const all = Object.keys(states).join(" ");
const without = (group: string, ...taken: readonly string[]): string =>
  group
    .split(" ")
    .filter((state) => !taken.includes(state))
    .join(" ");

const violated = "verification-violation by peer";
/** A message that is due in one state and for one role: a violation wherever else the ceremony is known and not over. */
const due = (state: string, cells: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  ...cells,
  "=: refuse": "idle asked saving savingCutOff",
  [`${violated}: send cancel`]: without(`asking ${agreed} ${shown}`, state),
  [violated]: "cutOff",
});
const anothers = { "=: refuse": all };
const requestOutOfTurn = without(all, "idle", "asking");

/** By event, then by what comes of it, the states in which it does: in each that is not named, nothing. A state of one role alone is named `state.I` or `state.R`. */
const table: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "person: ask": { "asking: send request": "idle", "committed: send ready, send commit": "asked.I", "agreed: send ready": "asked.R" },
  "person: accept": { "committed: send ready, send commit": "asked.I", "agreed: send ready": "asked.R" },
  "person: confirm": { "saving: save": "comparing reading cutOff" },
  "person: differ": {
    "verification-differs by us: record-difference, send differ, close-channel": shown,
    "verification-differs by us: record-difference": "cutOff",
  },
  "person: cancel": { "verification-cancelled by us: send cancel": `${early} ${shown}`, "verification-cancelled by us": "cutOff" },
  "person: typed right": { "saving: save": "typing lastTyping" },
  "person: typed wrong": { "showing: mistyped": "typing", "verification-differs by us: record-difference, send differ, close-channel": "lastTyping" },
  "store: charged": { "showing: send reveal, show": "charging.I", "answered: send nonce": "charging.R" },
  "store: saved": { "verified: send confirmed": "saving", verified: "savingCutOff" },
  "store: refused": { "guesses-spent by us: send cancel": "charging saving", "guesses-spent by us": "savingCutOff" },
  "peer's client: rejected": { "verification-unsupported by peer": early },
  "channel: lost": { "connection-lost by channel": early, showing: `${shown} cutOff`, saving: "saving savingCutOff" },
  "clock: deadline": { "timeout by clock: send cancel": `${early} ${shown}`, "timeout by clock": "cutOff" },
  "peer: request": { "asked: prompt": "idle", "committed: send commit": "asking.I", agreed: "asking.R", "=: refuse": requestOutOfTurn },
  "peer: request misaddressed": { "address-mismatch by peer: send cancel": "idle asking", "=: refuse": requestOutOfTurn },
  "peer: request, our half": { "asked: prompt": "idle", "reflection by peer: send cancel": "asking", "=: refuse": requestOutOfTurn },
  "peer: ready": due("asking", { "committed: send commit": "asking.I", agreed: "asking.R" }),
  "peer: ready misaddressed": due("asking", { "address-mismatch by peer: send cancel": "asking" }),
  "peer: commit": due("agreed", { "charging: charge": "agreed" }),
  "peer: nonce": due("committed", { "charging: charge": "committed" }),
  "peer: nonce, ours": due("committed", { "reflection by peer: send cancel": "committed" }),
  "peer: reveal": due("answered", { "showing: show": "answered" }),
  "peer: reveal, another": due("answered", { "commitment-mismatch by peer: record-difference, send differ, close-channel": "answered" }),
  "peer: reveal, ours": due("answered", { "reflection by peer: send cancel": "answered" }),
  "peer: confirmed": { "=: refuse": "idle asked", [`${violated}: send cancel`]: `asking ${agreed}`, "=: tell": `${shown} cutOff saving savingCutOff over` },
  "peer: differ": {
    "=: refuse": "idle asked",
    [`${violated}: send cancel`]: `asking ${agreed}`,
    "verification-differs by peer: tell": `${shown} cutOff`,
    "=: tell": "saving savingCutOff over",
  },
  "peer: cancel": { "=: refuse": "idle asked", "verification-cancelled by peer": `asking ${agreed} ${shown} cutOff` },
  "peer: cancel by its half": { "=: refuse": "idle asking", "verification-cancelled by peer": `asked ${agreed} ${shown} cutOff` },
  "another ceremony's: ready": anothers,
  "another ceremony's: commit": anothers,
  "another ceremony's: nonce": anothers,
  "another ceremony's: reveal": anothers,
  "another ceremony's: confirmed": anothers,
  "another ceremony's: differ": anothers,
  "another ceremony's: cancel": anothers,
};

function expected(eventName: string, stateName: string, role: Role): string {
  const cells = Object.entries(table[eventName] ?? {}).filter(([, where]) => where.split(" ").some((one) => one === stateName || one === `${stateName}.${role}`));
  return cells.length > 1 ? "twice in the table" : (cells[0]?.[0] ?? "=");
}

describe("the ceremony machine, in every state and by everybody who can cause an event", () => {
  it.each(Object.keys(events))("%s", (eventName) => {
    const cells = Object.keys(states).flatMap((stateName) => (["I", "R"] as const).map((role) => [stateName, role] as const));
    const actual = cells.flatMap(([stateName, role]) => {
      const came = cell(role, stateName, eventName);
      return came === undefined ? [] : [`${stateName}.${role}: ${came}`];
    });
    const wanted = cells.flatMap(([stateName, role]) => (cell(role, stateName, eventName) === undefined ? [] : [`${stateName}.${role}: ${expected(eventName, stateName, role)}`]));
    expect(actual).toEqual(wanted);
  });

  it("is covered whole: each state, event and message of its types stands in the table, and nothing else does", () => {
    expect(Object.keys(table).sort()).toEqual(Object.keys(events).sort());
    const known = new Set(Object.keys(states));
    const mentioned = Object.values(table).flatMap((cells) => Object.values(cells).flatMap((where) => where.split(" ").map((one) => one.replace(/\.[IR]$/u, ""))));
    expect(mentioned.filter((one) => !known.has(one))).toEqual([]);
    const context = contexts().I;
    const stateNames: Record<CeremonyState["name"], true> = {
      idle: true,
      asking: true,
      asked: true,
      agreed: true,
      committed: true,
      charging: true,
      answered: true,
      showing: true,
      saving: true,
      over: true,
    };
    const eventTypes: Record<CeremonyEvent["type"], true> = {
      ask: true,
      accept: true,
      confirm: true,
      differ: true,
      cancel: true,
      typed: true,
      charged: true,
      saved: true,
      refused: true,
      received: true,
      rejected: true,
      lost: true,
      deadline: true,
    };
    const messageTypes: Record<CeremonyMessage["type"], true> = {
      request: true,
      ready: true,
      commit: true,
      nonce: true,
      reveal: true,
      confirmed: true,
      differ: true,
      cancel: true,
    };
    const made = Object.values(events).map((make) => make("I", context));
    expect(new Set((["I", "R"] as const).flatMap((role) => Object.values(states).flatMap((make) => make(role, context)?.name ?? [])))).toEqual(new Set(Object.keys(stateNames)));
    expect(new Set(made.map(({ type }) => type))).toEqual(new Set(Object.keys(eventTypes)));
    expect(new Set(made.flatMap((event) => (event.type === "received" ? [event.message.type] : [])))).toEqual(new Set(Object.keys(messageTypes)));
  });
});
