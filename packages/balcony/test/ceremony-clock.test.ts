import type { CeremonyMessage } from "@balcony/trust";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Ceremony } from "../src/verification/ceremony.js";

const MINUTES = 60_000;
const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);
const addresses = { initiator: "romeo@montague.lit", responder: "juliet@capulet.lit" };

/** Two ceremonies over a wire that delivers at once, in the same process and under one clock. */
function pair() {
  const sent: Record<"I" | "R", CeremonyMessage["type"][]> = { I: [], R: [] };
  const ends: Record<"I" | "R", (string | undefined)[]> = { I: [], R: [] };
  const over: string[] = [];
  const make = (role: "I" | "R"): Ceremony => {
    const ceremony = new Ceremony({
      context: {
        role: role === "I" ? "initiator" : "responder",
        self: role === "I" ? addresses.initiator : addresses.responder,
        peer: role === "I" ? addresses.responder : addresses.initiator,
        ctx: bytes(32, 1),
        ekm: bytes(32, 2),
      },
      send: (message) => {
        sent[role].push(message.type);
        sides[role === "I" ? "R" : "I"].receive(message);
        return Promise.resolve();
      },
      rejection: () => "internal",
      charge: () => Promise.resolve(),
      save: () => Promise.resolve(),
      recordDifference: () => Promise.resolve(),
      closeChannel: () => Promise.resolve(),
      prompt: () => undefined,
      over: () => over.push(role),
      report: (error) => {
        throw error;
      },
    });
    ceremony.on("end", (error) => ends[role].push(error?.code));
    return ceremony;
  };
  const sides: Record<"I" | "R", Ceremony> = { I: make("I"), R: make("R") };
  return { ...sides, sent, ends, over };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("ten minutes after a ceremony was begun", () => {
  it("it ends on both sides where nobody took it, and the peer is told", () => {
    const { I, ends, over, sent } = pair();
    I.ask(false);
    vi.advanceTimersByTime(10 * MINUTES - 1);
    expect([ends, I.over]).toEqual([{ I: [], R: [] }, false]);
    vi.advanceTimersByTime(1);
    expect([ends.I, sent.I.at(-1), ends.R, over.sort()]).toEqual([["timeout"], "cancel", ["verification-cancelled"], ["I", "R"]]);
  });

  it("it ends where both screens show the symbols and nobody has said anything, and what was waited for rejects", async () => {
    const { I, R, ends } = pair();
    I.ask(false);
    R.accept();
    await turns();
    await Promise.all([I.shown, R.shown]);
    vi.advanceTimersByTime(10 * MINUTES);
    await expect(I.confirm()).rejects.toMatchObject({ code: "timeout" });
    expect([ends.I, I.secret]).toEqual([["timeout"], undefined]);
  });

  it("nothing happens to one that is over, and no timer of it is left", async () => {
    const { I, R, ends } = pair();
    I.ask(false);
    R.accept();
    await turns();
    await Promise.all([I.confirm(), R.confirm()]);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(20 * MINUTES);
    expect(ends).toEqual({ I: [undefined], R: [undefined] });
  });
});
