import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { generator, shareOf } from "../../src/code/cpace.js";
import type { CodeEvent, CodeMessage } from "../../src/code/state.js";
import { juliet, romeo } from "../addresses.js";
import { bytes, contexts } from "../ceremony/sides.js";
import { CodeSide, carry, code, inHand, lemon, sentBy } from "./sides.js";

const addresses = { initiator: romeo, responder: juliet };
const both = (): { readonly I: CodeSide; readonly R: CodeSide } => {
  const { I, R } = contexts();
  return { I: new CodeSide(I), R: new CodeSide(R) };
};
const other = (role: "I" | "R"): "I" | "R" => (role === "I" ? "R" : "I");
const kept = (side: CodeSide): boolean => side.done.includes("save");

describe("a code", () => {
  it.each(["I", "R"] as const)("that %s types and the other waits with verifies both", (asker) => {
    const sides = both();
    sides[other(asker)].waitWith();
    sides[asker].ask();
    carry(sides.I, sides.R);
    expect([sides.I.ending, sides.R.ending]).toEqual(["verified", "verified"]);
    expect(sides.I.done.filter((one) => one !== "send code-request" && one !== "send code-ready")).toEqual(["spend", "send code-share", "save", "send code-tag", "end"]);
    expect(sides.R.done.filter((one) => one !== "send code-request" && one !== "send code-ready")).toEqual(["spend", "send code-answer", "save", "end"]);
  });

  it("that differs verifies nobody, is used up on both sides, and both hear of it", () => {
    for (const asker of ["I", "R"] as const) {
      const sides = both();
      sides[other(asker)].waitWith(code("ridge-lemon-4015"));
      sides[asker].ask();
      carry(sides.I, sides.R);
      expect([sides.I.ending, sides.R.ending]).toEqual(["code-wrong", "code-wrong"]);
      for (const side of [sides.I, sides.R]) expect([kept(side), side.done.filter((one) => one === "spend").length]).toEqual([false, 1]);
    }
  });

  it("that nobody waits for is refused, and nothing is used up", () => {
    const { I, R } = both();
    I.ask();
    for (const message of I.take()) R.receive(message);
    expect([R.state.name, R.done]).toEqual(["idle", ["refuse"]]);
    expect(I.do({ type: "rejected", code: "code-unknown" }).ending).toBe("code-unknown");
    expect(I.done).not.toContain("spend");
  });

  it("that the store does not give sends nothing that is made of it", () => {
    for (const role of ["I", "R"] as const) {
      const made = contexts();
      const sides = { I: new CodeSide(made.I, () => role !== "I"), R: new CodeSide(made.R, () => role !== "R").waitWith() };
      sides.I.ask();
      carry(sides.I, sides.R);
      expect([sides[role].ending, sides[role].done.filter((one) => /share|answer|tag/u.test(one)), sides[other(role)].ending]).toEqual([
        "code-spent",
        [],
        "verification-cancelled",
      ]);
    }
  });

  it("that both type at once is one run: the initiator's request goes on", () => {
    const { I, R } = both();
    I.ask();
    R.ask();
    carry(I, R);
    expect([I.ending, R.ending]).toEqual(["verified", "verified"]);
  });

  it("of its own invitation is what the responder uses where both have invited and both type the other's", () => {
    const [his, hers] = [code("ridge-lemon-4020"), code("orchard-wall-1234")];
    const { I, R } = both();
    I.waitWith(his).ask(hers);
    R.waitWith(hers).ask(his);
    carry(I, R);
    expect([I.ending, R.ending]).toEqual(["verified", "verified"]);
    const used = (side: CodeSide) => side.effects.flatMap((effect) => (effect.do === "spend" ? [effect.code.text] : []));
    expect([used(I), used(R)]).toEqual([[hers.text], [hers.text]]);
  });

  it("is kept where the stream is lost after it was proved, and not before", () => {
    const { I, R } = both();
    R.waitWith();
    I.ask();
    carryUntil(I, R, "code-tag");
    expect(R.do({ type: "lost" }).ending).toBe("connection-lost");
    expect(I.do({ type: "lost" }).ending).toBe("verified");
    const early = both();
    early.R.waitWith();
    early.I.ask().do({ type: "lost" });
    expect([early.I.ending, early.I.done.includes("spend")]).toEqual(["connection-lost", false]);
  });
});

/** Carries until this message has been sent and nothing else is left, and keeps it back. */
function carryUntil(I: CodeSide, R: CodeSide, last: CodeMessage["type"]): void {
  for (;;) {
    const [fromI, fromR] = [I.take(), R.take()];
    if (fromI.length + fromR.length === 0) return;
    for (const message of fromI) if (message.type !== last) R.receive(message);
    for (const message of fromR) if (message.type !== last) I.receive(message);
  }
}

describe("an attack", () => {
  /** A side that has agreed and, where it is the initiator, has sent its share; its peer in the hand of the test. */
  const agreed = (role: "I" | "R") => {
    const hand = inHand();
    const side = new CodeSide(contexts()[role]).do({ type: "ask", ...hand });
    const id = role === "I" ? new Uint8Array([...hand.half, ...bytes(16, 9)]) : new Uint8Array([...bytes(16, 9), ...hand.half]);
    side.receive({ type: "code-ready", id, ...addresses });
    side.take();
    return { side, hand, id };
  };
  const neutral = new Uint8Array(32);
  const noElement = new Uint8Array(Buffer.from("2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c", "hex"));

  it.each([
    ["the neutral element", neutral],
    ["no element", noElement],
    ["too short", bytes(31, 2)],
    ["empty", bytes(0, 0)],
  ])("by a share that is %s ends the run; at the responder nothing is used up", (_, share) => {
    const i = agreed("I");
    expect([i.side.receive({ type: "code-answer", id: i.id, share, tag: bytes(64, 1) }).ending, kept(i.side)]).toEqual(["verification-violation", false]);
    const r = agreed("R");
    expect([r.side.receive({ type: "code-share", id: r.id, share }).ending, r.side.done.includes("spend")]).toEqual(["verification-violation", false]);
  });

  it("by reflecting half, share or tag is seen", () => {
    const i = agreed("I");
    const { share } = sentBy(i.side, "code-share");
    expect(i.side.receive({ type: "code-answer", id: i.id, share, tag: bytes(64, 1) }).ending).toBe("reflection");
    const own = inHand();
    const asking = (role: "I" | "R") => new CodeSide(contexts()[role]).do({ type: "ask", ...own });
    for (const role of ["I", "R"] as const) {
      expect(asking(role).receive({ type: "code-request", half: own.half, ...addresses }).ending).toBe("reflection");
      expect(asking(role).receive({ type: "code-ready", id: new Uint8Array([...own.half, ...own.half]), ...addresses }).ending).toBe("reflection");
    }
    const invited = new CodeSide(contexts().R).do({ type: "received", message: { type: "code-request", half: own.half, ...addresses }, waiting: own });
    expect(invited.ending).toBe("reflection");
    const r = agreed("R");
    const attacker = new CodeSide(contexts().I);
    attacker.state = { name: "spending", id: r.id, code: code("wrong"), scalar: 7n, peerShare: undefined };
    attacker.do({ type: "spent" });
    r.side.receive(sentBy(attacker, "code-share"));
    const answer = sentBy(r.side, "code-answer");
    expect(r.side.receive({ type: "code-tag", id: r.id, tag: answer.tag }).ending).toBe("code-wrong"); // its own tag is not what it waits for
  });

  it("by sending back the very share that the responder would answer with is seen before anything is used up", () => {
    const r = agreed("R");
    const shadow = agreed("R");
    shadow.side.state = r.side.state;
    shadow.side.receive({ type: "code-share", id: r.id, share: sharesOf().other });
    const own = sentBy(shadow.side, "code-answer").share;
    expect([r.side.receive({ type: "code-share", id: r.id, share: own }).ending, r.side.done.includes("spend")]).toEqual(["reflection", false]);
  });

  it.each(["code-request", "code-ready"] as const)("by naming others in the %s stops before anything is used up", (type) => {
    const own = inHand();
    const side = new CodeSide(contexts().I);
    const wrong = { initiator: romeo, responder: "benvolio@montague.lit" };
    if (type === "code-ready") side.do({ type: "ask", ...own }).receive({ type, id: new Uint8Array([...own.half, ...bytes(16, 1)]), ...wrong });
    else side.waitWith().receive({ type, half: bytes(16, 1), ...wrong });
    expect([side.ending, side.done.includes("spend"), side.done.at(-2)]).toEqual(["address-mismatch", false, "send code-cancel"]);
  });

  it.each(["code-share", "code-answer", "code-tag"] as const)("by a %s before we have asked or been asked gets nothing", (type) => {
    for (const role of ["I", "R"] as const) {
      const side = new CodeSide(contexts()[role]).waitWith();
      const id = bytes(32, 1);
      const rest = { share: sharesOf().other, tag: bytes(64, 1) };
      side.receive({ type, id, ...rest } as CodeMessage);
      expect([side.state.name, side.done]).toEqual(["idle", ["refuse"]]);
    }
  });

  it("by replaying a whole run of before gets nothing: halves, and with them the generator, are fresh", () => {
    const first = both();
    first.R.waitWith();
    first.I.ask();
    carry(first.I, first.R);
    const recorded = [sentBy(first.I, "code-request"), sentBy(first.I, "code-share"), sentBy(first.I, "code-tag")] as const;
    const again = new CodeSide(first.R.context).waitWith();
    again.receive(recorded[0]);
    const { id } = sentBy(again, "code-ready");
    again.receive({ ...recorded[1], id }).receive({ ...recorded[2], id });
    expect([again.ending, kept(again)]).toEqual(["code-wrong", false]);
  });
});

function sharesOf(): { readonly other: Uint8Array } {
  return { other: shareOf(5n, generator({ secret: bytes(3, 1), channel: bytes(3, 2), sid: bytes(3, 3) })) };
}

const share = sharesOf().other;
const messages = (id: Uint8Array): readonly CodeMessage[] => [
  { type: "code-request", half: bytes(16, 4), ...addresses },
  { type: "code-ready", id, ...addresses },
  { type: "code-share", id, share },
  { type: "code-answer", id, share, tag: bytes(64, 1) },
  { type: "code-tag", id, tag: bytes(64, 1) },
  { type: "code-wrong", id },
  { type: "code-cancel", id },
];
const hand = { code: lemon, half: bytes(16, 1), scalar: 11n };
const own: readonly CodeEvent[] = [
  { type: "ask", ...hand },
  { type: "cancel" },
  { type: "delivered" },
  { type: "rejected", code: "code-unknown" },
  { type: "spent" },
  { type: "saved" },
  { type: "refused", code: "code-spent" },
  { type: "lost" },
  { type: "deadline" },
];
const ids = [new Uint8Array([...bytes(16, 1), ...bytes(16, 4)]), new Uint8Array([...bytes(16, 4), ...bytes(16, 1)]), bytes(16, 1), bytes(16, 4), bytes(32, 6)];
const all: readonly CodeEvent[] = [
  ...own,
  { type: "received", message: { type: "code-request", half: bytes(16, 4), ...addresses }, waiting: hand },
  ...ids.flatMap(messages).map((message): CodeEvent => ({ type: "received", message })),
];

it("in whatever order events come, nothing made of a code leaves before it is used up, nothing is kept without the peer's tag, and nothing happens after the end", () => {
  fc.assert(
    fc.property(fc.constantFrom<"I" | "R">("I", "R"), fc.array(fc.nat(all.length - 1), { maxLength: 12 }), (role, order) => {
      const side = new CodeSide(contexts()[role]);
      let ended = 0;
      for (const index of order) {
        const event = all[index];
        if (!event) throw new Error("out of range");
        const before = side.state.name;
        const count = side.effects.length;
        side.do(event);
        const done = side.done.slice(count);
        const leaves = side.done.findIndex((one) => one === "send code-share" || one === "send code-answer");
        if (leaves >= 0) expect(side.done.slice(0, leaves)).toContain("spend");
        expect(done).not.toContain("save"); // nobody here can compute a tag
        if (before === "over") expect(done.filter((one) => one !== "refuse")).toEqual([]);
        ended += done.filter((one) => one === "end").length;
      }
      expect(ended).toBe(side.state.name === "over" ? 1 : 0);
    }),
    { numRuns: 400 },
  );
});
