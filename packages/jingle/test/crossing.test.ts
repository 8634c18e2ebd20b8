import { memoryStanzaPair } from "@balcony/channel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Jingle, type Session } from "../src/index.js";
import { juliet, Meadow, NS_ONE, NS_STREAM, NS_TWO, romeo, settle, stream, transport } from "./rig.js";

/** Two drivers on a wire that lets stanzas go when it is told to. */
function couple() {
  const [left, right, wires] = memoryStanzaPair({ a: romeo, b: juliet }, { faults: { aToB: [{ kind: "delay", at: "every" }], bToA: [{ kind: "delay", at: "every" }] } });
  const meadow = new Meadow();
  const errors: unknown[] = [];
  const offered: Promise<Session>[] = [];
  const make = (channel: typeof left) =>
    new Jingle(channel, {
      transports: [transport(NS_ONE, meadow), transport(NS_TWO, meadow)],
      applications: [{ namespace: NS_STREAM }],
      knows: () => true,
      onOffer: (offer) => {
        const accepted = offer.accept({ application: stream() });
        accepted.catch(() => undefined);
        offered.push(accepted);
      },
      report: (error) => errors.push(error),
    });
  return { a: make(left), b: make(right), wires, meadow, errors, offered, close: () => Promise.all([left.close(), right.close()]) };
}

describe("offers that cross in any order", () => {
  it("all become sessions that both sides have", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom("romeo offers", "juliet offers", "to romeo", "to juliet"), { maxLength: 40 }), async (turns) => {
        const { a, b, wires, meadow, errors, offered, close } = couple();
        const mine: Promise<Session>[] = [];
        const theirs: Promise<Session>[] = [];
        for (const turn of turns) {
          if (turn === "romeo offers") mine.push(a.initiate(juliet, { application: stream() }));
          else if (turn === "juliet offers") theirs.push(b.initiate(romeo, { application: stream() }));
          else if (turn === "to romeo") wires.bToA.release(1);
          else wires.aToB.release(1);
          for (let n = 0; n < 10; n++) await Promise.resolve();
        }
        wires.aToB.release();
        wires.bToA.release();
        await settle();
        const sessions = await Promise.all([...mine, ...theirs]);
        const accepted = (await Promise.allSettled(offered)).flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
        expect(new Set(mine.length ? sessions.slice(0, mine.length).map(({ sid }) => sid) : []).size).toBe(mine.length);
        const ends = new Map<string, Set<Session["role"]>>();
        for (const { sid, role, ended } of [...sessions, ...accepted]) {
          expect(ended.aborted).toBe(false);
          ends.set(sid, (ends.get(sid) ?? new Set()).add(role));
        }
        for (const roles of ends.values()) expect(roles).toEqual(new Set(["initiator", "responder"]));
        expect([meadow.open, errors]).toEqual([0, []]);
        await close();
      }),
      { numRuns: 150 },
    );
  });
});
