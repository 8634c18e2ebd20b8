import type { Element } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Behaviour, juliet, Meadow, NS_ONE, NS_TWO, network, nurse, romeo, side, stream, transport } from "./rig.js";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What the network does to the one stanza, and whether there may be a session nevertheless. */
const faults: Record<string, (stanza: Element) => Element | Element[] | undefined> = {
  drop: () => undefined,
  duplicate: (stanza) => [stanza, stanza],
  "change the sender of": (stanza) => {
    stanza.attrs.from = nurse;
    return stanza;
  },
  "change the receiver of": (stanza) => {
    stanza.attrs.to = nurse;
    return stanza;
  },
  "change the sid of": (stanza) => {
    const jingle = stanza.getChild("jingle");
    if (jingle) jingle.attrs.sid = "another";
    return stanza;
  },
  empty: (stanza) => {
    stanza.children = [];
    return stanza;
  },
  "take the contents out of": (stanza) => {
    const jingle = stanza.getChild("jingle");
    if (jingle) jingle.children = [];
    return stanza;
  },
};

async function negotiate(fault: (stanza: Element) => Element | Element[] | undefined, at: number, behaviour: Behaviour) {
  const net = network();
  const meadow = new Meadow();
  const make = () => [transport(NS_ONE, meadow, behaviour), transport(NS_TWO, meadow)];
  const outcome: Record<string, string> = {};
  const note = (who: string, promise: Promise<{ transport: string; ended: AbortSignal }>) => {
    outcome[who] = "nothing";
    promise.then(
      (session) => {
        outcome[who] = session.transport;
        session.ended.addEventListener("abort", () => {
          outcome[who] = "ended";
        });
      },
      () => {
        outcome[who] = "ended";
      },
    );
  };
  const a = side(net, romeo, make());
  const b = side(net, juliet, make(), { onOffer: (offer) => note("juliet", offer.accept({ application: stream() })) });
  net.connect(nurse);
  let count = 0;
  net.tap((stanza) => (count++ === at ? fault(stanza) : stanza));
  note("romeo", a.jingle.initiate(juliet, { application: stream() }));
  await vi.advanceTimersByTimeAsync(200_000);
  return { outcome, count, meadow, errors: [...a.errors, ...b.errors], timers: vi.getTimerCount() };
}

describe.each([
  ["a transport that works", "works", 4],
  ["one that does not, and another", "no-connection", 8],
] as const)("a negotiation over %s", (_, behaviour, stanzas) => {
  it(`takes ${stanzas} stanzas`, async () => {
    expect((await negotiate((stanza) => stanza, -1, behaviour)).count).toBe(stanzas);
  });

  const cases = Object.keys(faults).flatMap((name) => Array.from({ length: stanzas }, (_unused, at) => ({ name, at })));
  it.each(cases)("leaves both with the same session or both with none, if the network should $name stanza $at", async ({ name, at }) => {
    const { outcome, meadow, errors, timers } = await negotiate(faults[name] ?? (() => undefined), at, behaviour);
    const ends = new Set(Object.values(outcome));
    expect(ends.size).toBe(1);
    expect(ends).not.toContain("nothing");
    expect([meadow.open, errors, timers]).toEqual([0, [], 0]);
  });
});
