import { type Element, xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HeldAcknowledgements } from "../src/held-acknowledgements.js";

const request = (): Element => xml("r", "urn:xmpp:sm:3");

describe("requests to acknowledge (XEP-0198 §4)", () => {
  let passed: Element[];
  let held: HeldAcknowledgements;
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
    held.take(request());
    expect(passed).toHaveLength(2);
  });

  it("wait for no longer than 100 ms after the one before, and are passed on once", () => {
    held.take(request());
    vi.advanceTimersByTime(1);
    held.take(request());
    vi.advanceTimersByTime(98);
    expect(passed).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(passed).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    expect(passed).toHaveLength(2);
  });

  it("wait for no more than 100 stanzas", () => {
    held.take(request());
    held.take(request());
    for (let stanza = 0; stanza < 99; stanza++) held.counted();
    expect(passed).toHaveLength(1);
    held.counted();
    expect(passed).toHaveLength(2);
  });

  it("are nobody's where the connection has gone: the next one would answer what it was not asked", () => {
    held.take(request());
    held.take(request());
    held.forget();
    vi.advanceTimersByTime(1_000);
    for (let stanza = 0; stanza < 200; stanza++) held.counted();
    expect(passed).toHaveLength(1);
  });

  it("leave everything else alone", () => {
    for (const element of [xml("a", "urn:xmpp:sm:3"), xml("r", "urn:xmpp:sm:2"), xml("message")]) expect(held.take(element)).toBe(false);
    expect(passed).toEqual([]);
  });
});
