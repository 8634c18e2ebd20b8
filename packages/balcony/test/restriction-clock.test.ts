import { type BalconyError, memoryStanzaPair } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Restriction } from "../src/verification/restriction.js";

const TEN_MINUTES = 10 * 60_000;
const PEER = "juliet@capulet.lit/balcony";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A stream that is there for a verification alone, on romeo's side. */
function restricted({ ours = true, theirs = false } = {}) {
  const [channel, juliet] = memoryStanzaPair({ a: "romeo@montague.lit/orchard", b: PEER });
  const told: BalconyError[] = [];
  let lifted = 0;
  const parts = { ours, theirs, accept: () => Promise.resolve() };
  const restriction = new Restriction(
    channel,
    parts,
    PEER,
    () => lifted++,
    (error) => told.push(error as BalconyError),
  );
  juliet.onRequest({ type: "set", name: "unrestricted", xmlns: "urn:xmpp:balcony:verification:0" }, (): undefined => undefined);
  return { channel, juliet, restriction, told, lifted: () => lifted };
}

describe("a stream that is there for a verification alone", () => {
  it("is closed after ten minutes in which nobody verifies, and the person is told what was waited for", async () => {
    const { channel, told } = restricted();
    await vi.advanceTimersByTimeAsync(TEN_MINUTES - 1);
    expect([channel.closed.aborted, told]).toEqual([false, []]);
    await vi.advanceTimersByTimeAsync(1);
    expect(channel.closed.aborted).toBe(true);
    expect(told).toMatchObject([{ code: "timeout", phase: "trust", peer: PEER, message: expect.stringContaining("10 minutes") }]);
  });

  it("stands for good once both keys are accepted, and no timer is left", async () => {
    const { channel, lifted, restriction, told } = restricted();
    await vi.advanceTimersByTimeAsync(TEN_MINUTES - 1);
    await restriction.verified();
    expect([restriction.stands, lifted(), vi.getTimerCount()]).toEqual([false, 1, expect.any(Number)]);
    await vi.advanceTimersByTimeAsync(10 * TEN_MINUTES);
    expect([channel.closed.aborted, told]).toEqual([false, []]);
    await channel.close();
  });

  it("is closed all the same where one side alone accepts the other's key", async () => {
    const { channel, lifted, restriction, told } = restricted({ ours: true, theirs: true });
    await restriction.verified();
    expect([restriction.stands, lifted()]).toEqual([true, 0]);
    await vi.advanceTimersByTimeAsync(TEN_MINUTES);
    expect([channel.closed.aborted, told.map(({ code }) => code)]).toEqual([true, ["timeout"]]);
  });

  it("that the peer lifts on its side stands, too", async () => {
    const { channel, juliet, lifted, restriction } = restricted({ ours: false, theirs: true });
    await juliet.to("romeo@montague.lit/orchard").request(xml("iq", { type: "set" }, xml("unrestricted", "urn:xmpp:balcony:verification:0")));
    expect([restriction.stands, lifted()]).toEqual([false, 1]);
    await vi.advanceTimersByTimeAsync(TEN_MINUTES);
    expect(channel.closed.aborted).toBe(false);
    await channel.close();
  });

  it("that ends before leaves no timer, and says nothing more", async () => {
    const { channel, told } = restricted();
    await channel.close();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(TEN_MINUTES);
    expect(told).toEqual([]);
  });
});
