import { Buffer } from "node:buffer";
import { BalconyError } from "@balcony/channel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Event, type Phase, type State, step } from "../src/lifecycle.js";
import type { Agreement } from "../src/stanzas.js";

const agreed: Agreement = { sid: "s", blockSize: 4096, stanza: "iq" };
const late = new BalconyError("timeout", "late");

const events = {
  open: { type: "open", asked: agreed },
  "open, other size": { type: "open", asked: { ...agreed, blockSize: 4095 } },
  "open, other stanza": { type: "open", asked: { ...agreed, stanza: "message" } },
  opened: { type: "opened" },
  "open-refused": { type: "open-refused" },
  block: { type: "block", block: { seq: 5, bytes: Buffer.from("x") } },
  "block, wrong seq": { type: "block", block: { seq: 6, bytes: Buffer.from("x") } },
  "block, malformed": { type: "block", block: { code: "ibb-base64", condition: "bad-request", message: "" } },
  close: { type: "close" },
  flushed: { type: "flushed" },
  "close-answered": { type: "close-answered" },
  "close-answered, lost": { type: "close-answered", error: late },
  late: { type: "late" },
  abandoned: { type: "abandoned" },
} satisfies Record<string, Event>;
type EventName = keyof typeof events;

/** What follows, as "phase: effects". What is not listed changes nothing and has no effect. */
const unknown = "refuse item-not-found";
const seq = "refuse unexpected-request, fail ibb-sequence";
const malformed = "refuse bad-request, fail ibb-base64";
const table: Record<Phase, Partial<Record<EventName, string>>> = {
  agreed: {
    open: "open: acknowledge, ready",
    "open, other size": "agreed: refuse resource-constraint",
    "open, other stanza": "agreed: refuse not-acceptable",
    block: "open: ready, deliver",
    "block, wrong seq": `leaving: ${seq}, send-close`,
    "block, malformed": `leaving: ${malformed}, send-close`,
    close: "answering: keep-close, ready, end-reading",
    abandoned: "closed: forget",
  },
  opening: {
    open: "opening: refuse not-acceptable",
    "open, other size": "opening: refuse not-acceptable",
    "open, other stanza": "opening: refuse not-acceptable",
    opened: "open: ready",
    "open-refused": "closed: forget",
    block: "opening: deliver",
    "block, wrong seq": `leaving: ${seq}, send-close`,
    "block, malformed": `leaving: ${malformed}, send-close`,
    close: "answering: keep-close, ready, end-reading",
    abandoned: "leaving: send-close",
  },
  open: {
    open: "open: refuse not-acceptable",
    "open, other size": "open: refuse not-acceptable",
    "open, other stanza": "open: refuse not-acceptable",
    block: "open: deliver",
    "block, wrong seq": `leaving: ${seq}, send-close`,
    "block, malformed": `leaving: ${malformed}, send-close`,
    close: "answering: keep-close, ready, end-reading",
    flushed: "closing: send-close, finish",
    abandoned: "leaving: send-close",
  },
  answering: {
    open: "answering: refuse not-acceptable",
    "open, other size": "answering: refuse not-acceptable",
    "open, other stanza": "answering: refuse not-acceptable",
    block: `answering: ${unknown}`,
    "block, wrong seq": `answering: ${unknown}`,
    "block, malformed": `answering: ${unknown}`,
    close: `answering: ${unknown}`,
    flushed: "closed: answer-close, finish, forget",
    late: "closed: answer-close, end-writing, forget",
    abandoned: "closed: answer-close, forget",
  },
  closing: {
    open: "closing: refuse not-acceptable",
    "open, other size": "closing: refuse not-acceptable",
    "open, other stanza": "closing: refuse not-acceptable",
    block: "closing: deliver",
    "block, wrong seq": `leaving: ${seq}`,
    "block, malformed": `leaving: ${malformed}`,
    close: "crossed: acknowledge, end-reading",
    "close-answered": "closed: end-reading, forget",
    "close-answered, lost": "closed: fail timeout, forget",
    abandoned: "leaving: ",
  },
  crossed: {
    open: "crossed: refuse not-acceptable",
    "open, other size": "crossed: refuse not-acceptable",
    "open, other stanza": "crossed: refuse not-acceptable",
    block: `crossed: ${unknown}`,
    "block, wrong seq": `crossed: ${unknown}`,
    "block, malformed": `crossed: ${unknown}`,
    close: `crossed: ${unknown}`,
    "close-answered": "closed: forget",
    "close-answered, lost": "closed: forget",
    abandoned: "leaving: ",
  },
  leaving: {
    open: `leaving: ${unknown}`,
    "open, other size": `leaving: ${unknown}`,
    "open, other stanza": `leaving: ${unknown}`,
    block: `leaving: ${unknown}`,
    "block, wrong seq": `leaving: ${unknown}`,
    "block, malformed": `leaving: ${unknown}`,
    close: "leaving: acknowledge",
    "close-answered": "closed: forget",
    "close-answered, lost": "closed: forget",
  },
  closed: {
    open: `closed: ${unknown}`,
    "open, other size": `closed: ${unknown}`,
    "open, other stanza": `closed: ${unknown}`,
    block: `closed: ${unknown}`,
    "block, wrong seq": `closed: ${unknown}`,
    "block, malformed": `closed: ${unknown}`,
    close: `closed: ${unknown}`,
  },
};

function written(state: State, event: Event): string {
  const { state: next, effects } = step(state, event, agreed);
  const words = effects.map((effect) => {
    if (effect.type === "refuse") return `refuse ${effect.error.stanza?.condition}`;
    return effect.type === "fail" ? `fail ${effect.error.code}` : effect.type;
  });
  return `${next.phase}: ${words.join(", ")}`;
}

describe("the life of a bytestream", () => {
  for (const [phase, row] of Object.entries(table) as [Phase, Partial<Record<EventName, string>>][]) {
    for (const [name, event] of Object.entries(events) as [EventName, Event][]) {
      const expected = row[name] ?? `${phase}: `;
      it(`${phase}, ${name} → ${expected}`, () => expect(written({ phase, expected: 5 }, event)).toBe(expected));
    }
  }

  const anyEvents = fc.array(fc.constantFrom(...(Object.values(events) as Event[])), { maxLength: 30 });
  const run = (start: Phase, all: readonly Event[]) => {
    let state: State = { phase: start, expected: 5 };
    const seen: string[] = [];
    for (const event of all) {
      const next = step(state, event, agreed);
      state = next.state;
      seen.push(...next.effects.map(({ type }) => type));
    }
    return seen;
  };

  it("whatever comes: one close at most is sent, one forget, one end of reading, one failure", () => {
    fc.assert(
      fc.property(fc.constantFrom<Phase>("agreed", "opening"), anyEvents, (start, all) => {
        const seen = run(start, all);
        for (const once of ["send-close", "answer-close", "keep-close", "forget", "end-reading", "fail", "finish", "end-writing"]) {
          expect(seen.filter((type) => type === once).length).toBeLessThanOrEqual(1);
        }
        if (seen.includes("forget")) expect(seen.slice(seen.indexOf("forget") + 1).filter((type) => type !== "refuse")).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it("every request that comes is answered, at once or later, and never twice", () => {
    fc.assert(
      fc.property(fc.constantFrom<Phase>("agreed", "opening"), anyEvents, (start, all) => {
        let state: State = { phase: start, expected: 5 };
        for (const event of all) {
          const { state: next, effects } = step(state, event, agreed);
          state = next;
          const answers = effects.filter(({ type }) => ["acknowledge", "refuse", "deliver", "keep-close"].includes(type));
          expect(answers).toHaveLength(event.type === "open" || event.type === "block" || event.type === "close" ? 1 : 0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("seq starts again at 0 after 65535", () => {
    expect(step({ phase: "open", expected: 65_535 }, { type: "block", block: { seq: 65_535, bytes: Buffer.from("x") } }, agreed).state.expected).toBe(0);
  });
});
