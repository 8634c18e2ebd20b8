import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CeremonyEvent, CeremonyMessage } from "../../src/ceremony/state.js";
import { sasSymbols } from "../../src/ceremony/symbols.js";
import { juliet, romeo } from "../addresses.js";
import { bytes, carry, contexts, fresh, Side, showing } from "./sides.js";

const addresses = { initiator: romeo, responder: juliet };
const symbolsOf = (side: Side) => sasSymbols(side.sas ?? -1);

describe("a ceremony", () => {
  it.each(["I", "R"] as const)("asked for by %s shows both the same, and each side's trust is its own person's", (asker) => {
    const { I, R } = showing(asker);
    expect(I.sas).toBe(R.sas);
    expect(symbolsOf(I).emoji).toHaveLength(5);
    for (const number of symbolsOf(I).numbers) expect(Number(number)).toSatisfy((value: number) => value >= 1000 && value <= 2023);
    I.do({ type: "confirm" });
    carry(I, R);
    expect([I.ending, R.ending, R.state.name]).toEqual(["verified", undefined, "showing"]);
    expect(R.effects.at(-1)).toEqual({ do: "tell", what: "peer-confirmed" });
    R.do({ type: "confirm" });
    expect(R.ending).toBe("verified");
  });

  it("is one where both ask at once", () => {
    const { I, R } = contexts();
    const [i, r] = [new Side(I).do({ type: "ask", readAloud: false, ...fresh() }), new Side(R).do({ type: "ask", readAloud: false, ...fresh() })];
    carry(i, r);
    expect([i.sas, i.done.filter((done) => done === "prompt")]).toEqual([r.sas, []]);
    expect(i.sas).toBeDefined();
  });

  it("by reading aloud has one reader and one typist, also where both ask for it at once", () => {
    const { I, R } = contexts();
    const [i, r] = [new Side(I).do({ type: "ask", readAloud: true, ...fresh() }), new Side(R).do({ type: "ask", readAloud: true, ...fresh() })];
    carry(i, r);
    expect([i.state, r.state]).toMatchObject([{ mode: "type" }, { mode: "read" }]);
    i.do({ type: "confirm" });
    expect(i.state.name).toBe("showing"); // a typist cannot just say so
    i.do({ type: "typed", numbers: "1000 1000 1000" });
    expect(i.effects.at(-1)).toEqual({ do: "mistyped", left: 2 });
    i.do({ type: "typed", numbers: symbolsOf(r).numbers.join(" ") });
    expect([i.ending, i.effects.find((effect) => effect.do === "save")]).toEqual(["verified", { do: "save", how: "read-aloud" }]);
  });

  it("ends as different where what is typed is wrong three times", () => {
    const { I } = showing("I", true);
    for (let time = 0; time < 3; time++) I.do({ type: "typed", numbers: "1" });
    expect([I.ending, I.done.slice(-4)]).toEqual(["verification-differs", ["record-difference", "send differ", "close-channel", "end"]]);
  });

  it("charges before a nonce leaves, on either side, and sends none where the store refuses", () => {
    const { I, R } = showing();
    expect(I.done).toEqual(["send request", "send commit", "charge", "send reveal", "show"]);
    expect(R.done).toEqual(["prompt", "send ready", "charge", "send nonce", "show"]);
    for (const refusing of ["I", "R"] as const) {
      const both = contexts();
      const sides = { I: new Side(both.I, () => refusing !== "I"), R: new Side(both.R, () => refusing !== "R") };
      sides.I.do({ type: "ask", readAloud: false, ...fresh() });
      carry(sides.I, sides.R);
      sides.R.do({ type: "accept", ...fresh() });
      carry(sides.I, sides.R);
      expect([sides[refusing].ending, sides[refusing].done.filter((done) => /nonce|reveal|show/u.test(done))]).toEqual(["guesses-spent", []]);
    }
  });

  it("may be confirmed after the stream is lost once the string stands, and not before", () => {
    const { I, R } = showing();
    expect(I.do({ type: "lost" }).do({ type: "confirm" }).ending).toBe("verified");
    expect(I.done.at(-1)).toBe("end");
    expect(I.done).not.toContain("send confirmed");
    expect(R.do({ type: "lost" }).do({ type: "differ" }).ending).toBe("verification-differs");
    const early = new Side(contexts().I).do({ type: "ask", readAloud: false, ...fresh() }).do({ type: "lost" });
    expect(early.ending).toBe("connection-lost");
  });

  it("sends nothing for an acknowledgement that comes after its end", () => {
    const { R } = contexts();
    const r = new Side(R);
    r.do({ type: "ask", readAloud: false, ...fresh() });
    r.state = { name: "charging", id: bytes(32, 1), commitment: bytes(32, 2), nonce: bytes(32, 3), peerNonce: undefined, mode: "compare" };
    r.do({ type: "deadline" });
    r.take();
    expect(r.do({ type: "charged" }).take()).toEqual([]);
  });

  it("is cancelled by either person, at any time before the end", () => {
    const { I, R } = showing();
    I.do({ type: "cancel" });
    carry(I, R);
    expect([I.ending, R.ending]).toEqual(["verification-cancelled", "verification-cancelled"]);
    const both = contexts();
    const [i, r] = [new Side(both.I), new Side(both.R)];
    i.do({ type: "ask", readAloud: false, ...fresh() });
    carry(i, r);
    r.do({ type: "cancel" });
    carry(i, r);
    expect([i.ending, r.ending]).toEqual(["verification-cancelled", "verification-cancelled"]);
  });
});

describe("an attack", () => {
  /** A side that has agreed, its peer in the hand of the test. */
  const agreed = (role: "I" | "R") => {
    const side = new Side(contexts()[role]);
    const own = fresh();
    side.do({ type: "ask", readAloud: false, ...own });
    const other = bytes(16, 9);
    const id = role === "I" ? new Uint8Array([...own.half, ...other]) : new Uint8Array([...other, ...own.half]);
    side.receive({ type: "ready", id, ...addresses });
    side.take();
    return { side, own, id };
  };

  it("by a reveal that is not what was committed to is recorded, and closes the channel", () => {
    const { side, id } = agreed("R");
    side.receive({ type: "commit", id, commitment: bytes(32, 7) });
    side.receive({ type: "reveal", id, nonce: bytes(32, 8) });
    expect([side.ending, side.done.slice(-4)]).toEqual(["commitment-mismatch", ["record-difference", "send differ", "close-channel", "end"]]);
  });

  it("by a commitment replayed from another ceremony fails at its reveal", () => {
    const first = agreed("I");
    const commit = first.side.effects.flatMap((effect) => (effect.do === "send" && effect.message.type === "commit" ? [effect.message] : []))[0];
    const { side, id } = agreed("R");
    side.receive({ type: "commit", id, commitment: commit?.commitment ?? bytes(0, 0) });
    side.receive({ type: "reveal", id, nonce: first.own.nonce });
    expect(side.ending).toBe("commitment-mismatch");
  });

  it("by reflecting half or nonce is seen", () => {
    const i = agreed("I");
    expect(i.side.receive({ type: "nonce", id: i.id, nonce: i.own.nonce }).ending).toBe("reflection");
    const r = agreed("R");
    r.side.receive({ type: "commit", id: r.id, commitment: bytes(32, 7) });
    expect(r.side.receive({ type: "reveal", id: r.id, nonce: r.own.nonce }).ending).toBe("reflection");
    const own = fresh();
    const asking = new Side(contexts().I).do({ type: "ask", readAloud: false, ...own });
    expect(asking.receive({ type: "request", half: own.half, readAloud: false, ...addresses }).ending).toBe("reflection");
    const again = new Side(contexts().I).do({ type: "ask", readAloud: false, ...own });
    expect(again.receive({ type: "ready", id: new Uint8Array([...own.half, ...own.half]), ...addresses }).ending).toBe("reflection");
  });

  it.each(["request", "ready"] as const)("by naming others in the %s stops before any nonce, and costs no guess", (type) => {
    const own = fresh();
    const side = new Side(contexts().I);
    if (type === "ready") side.do({ type: "ask", readAloud: false, ...own });
    const wrong = { initiator: romeo, responder: "benvolio@montague.lit" };
    side.receive(type === "request" ? { type, half: bytes(16, 1), readAloud: false, ...wrong } : { type, id: new Uint8Array([...own.half, ...bytes(16, 1)]), ...wrong });
    expect([side.ending, side.done.includes("charge")]).toEqual(["address-mismatch", false]);
  });

  it.each(["commit", "nonce", "reveal"] as const)("by a %s before consent gets nothing", (type) => {
    const side = new Side(contexts().R);
    side.receive({ type: "request", half: bytes(16, 1), readAloud: false, ...addresses });
    const id = bytes(16, 1);
    side.receive(type === "commit" ? { type, id, commitment: bytes(32, 1) } : { type, id, nonce: bytes(32, 1) });
    expect([side.ending, side.done.includes("charge"), side.done.includes("send nonce")]).toEqual(["verification-violation", false, false]);
  });

  it("by other certificates or another channel gives another string (unknown key share)", () => {
    const [one, other] = [contexts(), contexts({ certificates: [bytes(300, 1), bytes(300, 5)] })];
    const [i, r] = [new Side(one.I).do({ type: "ask", readAloud: false, ...fresh() }), new Side(other.R)];
    carry(i, r);
    r.do({ type: "accept", ...fresh() });
    carry(i, r);
    expect(r.ending).toBe("commitment-mismatch"); // a relayed ceremony does not get as far as the screen
  });
});

const side = fc.constantFrom<"I" | "R">("I", "R");
const messages = (id: Uint8Array): readonly CeremonyMessage[] => [
  { type: "request", half: bytes(16, 4), readAloud: false, ...addresses },
  { type: "ready", id, ...addresses },
  { type: "commit", id, commitment: bytes(32, 1) },
  { type: "nonce", id, nonce: bytes(32, 2) },
  { type: "reveal", id, nonce: bytes(32, 3) },
  { type: "confirmed", id },
  { type: "differ", id },
  { type: "cancel", id },
];
const own: readonly CeremonyEvent[] = [
  { type: "ask", readAloud: false, half: bytes(16, 1), nonce: bytes(32, 9) },
  { type: "accept", half: bytes(16, 1), nonce: bytes(32, 9) },
  { type: "confirm" },
  { type: "differ" },
  { type: "cancel" },
  { type: "typed", numbers: "1000" },
  { type: "charged" },
  { type: "saved" },
  { type: "refused", code: "guesses-spent" },
  { type: "rejected", code: "stanza-error" },
  { type: "lost" },
  { type: "deadline" },
];
const ids = [new Uint8Array([...bytes(16, 1), ...bytes(16, 4)]), new Uint8Array([...bytes(16, 4), ...bytes(16, 1)]), bytes(16, 1), bytes(16, 4), bytes(32, 6)];
const all: readonly CeremonyEvent[] = [...own, ...ids.flatMap(messages).map((message): CeremonyEvent => ({ type: "received", message }))];

describe("in whatever order events come", () => {
  it("no nonce leaves without consent and a charge that was acknowledged, nothing is kept without the person here, and nothing happens after the end", () => {
    fc.assert(
      fc.property(side, fc.array(fc.nat(all.length - 1), { maxLength: 14 }), (role, order) => {
        const machine = new Side(contexts()[role]);
        // The store is one more of those who come in any order.
        const log: string[] = [];
        for (const index of order) {
          const event = all[index];
          if (!event) throw new Error("out of range");
          const before = machine.state.name;
          const count = machine.effects.length;
          machine.do(event);
          log.push(event.type);
          const done = machine.done.slice(count);
          if (done.some((one) => one === "send nonce" || one === "send reveal")) {
            expect(log.some((type) => type === "ask" || type === "accept")).toBe(true);
            expect(machine.done.indexOf("charge")).toBeLessThan(machine.done.findIndex((one) => one === "send nonce" || one === "send reveal"));
            expect(machine.done).toContain("charge");
          }
          if (done.includes("save")) expect(["confirm", "typed"]).toContain(event.type);
          if (before === "over") expect(done.filter((one) => one !== "refuse" && one !== "tell")).toEqual([]);
        }
        expect(machine.done.filter((one) => one === "send nonce" || one === "send reveal").length).toBeLessThanOrEqual(1);
        expect(machine.done.filter((one) => one === "end").length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 3000 },
    );
  });
});
