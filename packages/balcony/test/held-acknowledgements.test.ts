import { type Element, xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HeldAcknowledgements } from "../src/held-acknowledgements.js";

const request = (): Element => xml("r", "urn:xmpp:sm:3");

describe("requests to acknowledge (XEP-0198 §4)", () => {
  let passed: Element[];
  let held: HeldAcknowledgements;

  /** Something comes and is answered in the same turn, as blocks are, and then what comes last. */
  const answered = (last: () => void): void => {
    held.comes();
    held.goes();
    last();
    nextTurn();
  };
  const nextTurn = (): void => void vi.advanceTimersByTime(0);

  beforeEach(() => {
    vi.useFakeTimers();
    passed = [];
    held = new HeldAcknowledgements((element) => passed.push(element));
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("are passed on at once where none came just before", () => {
    const first = request();
    expect(held.take(first)).toBe(true);
    expect(passed).toEqual([first]);
    vi.advanceTimersByTime(100);
    answered(() => held.take(request()));
    expect(passed).toHaveLength(2);
  });

  it("wait for no longer than 100 ms after the one before, and are passed on once", () => {
    held.take(request());
    vi.advanceTimersByTime(1);
    answered(() => held.take(request()));
    vi.advanceTimersByTime(98);
    expect(passed).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(passed).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    expect(passed).toHaveLength(2);
  });

  it("wait for no more than 100 stanzas", () => {
    held.take(request());
    answered(() => held.take(request()));
    for (let stanza = 0; stanza < 98; stanza++) answered(() => undefined);
    expect(passed).toHaveLength(1);
    answered(() => undefined);
    expect(passed).toHaveLength(2);
  });

  it("do not wait where nothing of ours answers what comes: TCP's acknowledgement would wait, too", () => {
    held.take(request());
    held.take(request());
    expect(passed).toHaveLength(1);
    nextTurn();
    expect(passed).toHaveLength(2);
    answered(() => held.take(request()));
    expect(passed).toHaveLength(2);
    held.comes();
    nextTurn();
    expect(passed).toHaveLength(3);
  });

  it("wait where the answer leaves later in the turn", () => {
    held.take(request());
    held.take(request());
    held.goes();
    nextTurn();
    expect(passed).toHaveLength(1);
    held.release();
    expect(passed).toHaveLength(2);
  });

  it("are nobody's where the connection has gone: the next one would answer what it was not asked", () => {
    held.take(request());
    answered(() => held.take(request()));
    held.forget();
    vi.advanceTimersByTime(1_000);
    for (let stanza = 0; stanza < 200; stanza++) answered(() => undefined);
    held.release();
    expect(passed).toHaveLength(1);
  });

  it("leave everything else alone", () => {
    for (const element of [xml("a", "urn:xmpp:sm:3"), xml("r", "urn:xmpp:sm:2"), xml("message")]) expect(held.take(element)).toBe(false);
    expect(passed).toEqual([]);
  });
});
