import { expect, it } from "vitest";
import { hashFields } from "../../../packages/trust/src/ceremony/fields.js";
import { shortString } from "../../../packages/trust/src/ceremony/machine.js";
import { bytes, carry, fresh, Side } from "../../../packages/trust/test/ceremony/sides.js";
import { type Person, tlsLeg } from "./legs.js";

// He keeps to the ceremony on both legs, or breaks it where that could help.

/** A victim's side of its leg and the attacker's, over a TLS session between them. */
interface Leg {
  readonly victim: Side;
  readonly attacker: Side;
}

async function leg(person: Person, role: "initiator" | "responder"): Promise<Leg> {
  const { attacker, victim } = await tlsLeg(person, role);
  return { victim: new Side(victim), attacker: new Side(attacker) };
}

/** Plays by the rules on one leg, up to the string on the victim's screen. */
function honest({ attacker, victim }: Leg): void {
  victim.do({ type: "ask", readAloud: false, ...fresh() });
  carry(victim, attacker);
  attacker.do({ type: "accept", ...fresh() });
  carry(victim, attacker);
}

/** As initiator: gets the victim's nonce for a commitment, and tells which string a reveal would bring. */
function upToReveal({ victim }: Leg): { readonly string: number; readonly reveal: () => void } {
  const { half, nonce } = fresh();
  victim.do({ type: "ask", readAloud: false, ...fresh() });
  const request = victim.take().find((message) => message.type === "request");
  const id = new Uint8Array([...half, ...(request?.half ?? [])]);
  const { ctx, ekm, peer, self } = victim.context;
  victim.receive({ type: "ready", id, initiator: peer, responder: self });
  const commitment = hashFields("balcony-commit-1", ctx, id, nonce);
  victim.receive({ type: "commit", id, commitment });
  const answer = victim.take().find((message) => message.type === "nonce");
  const string = shortString({ ctx, ekm }, { id, commitment, nonceI: nonce, nonceR: answer?.nonce ?? bytes(0, 0) });
  return { string, reveal: () => void victim.receive({ type: "reveal", id, nonce }) };
}

const onBothLegs = async (romeo: "initiator" | "responder", juliet: "initiator" | "responder"): Promise<[Leg, Leg]> => [await leg("romeo", romeo), await leg("juliet", juliet)];

const strategies: Readonly<Record<string, () => Promise<[Leg, Leg]>>> = {
  "responder toward one, initiator toward the other": async () => {
    const legs = await onBothLegs("initiator", "responder");
    legs.forEach(honest);
    return legs;
  },
  "initiator on both legs": async () => {
    const legs = await onBothLegs("responder", "responder");
    legs.forEach(honest);
    return legs;
  },
  "responder on both legs": async () => {
    const legs = await onBothLegs("initiator", "initiator");
    legs.forEach(honest);
    return legs;
  },
  "initiator on both legs, cutting before the last reveal unless both strings agree": async () => {
    const legs = await onBothLegs("responder", "responder");
    const [one, two] = [upToReveal(legs[0]), upToReveal(legs[1])];
    if (one.string === two.string) for (const { reveal } of [one, two]) reveal();
    for (const { victim } of legs) expect(victim.done).toContain("charge"); // each try costs both of them a guess
    return legs;
  },
  "relaying the whole ceremony, message by message": async () => {
    const legs = await onBothLegs("initiator", "responder");
    const [{ victim: romeo }, { victim: juliet }] = legs;
    romeo.do({ type: "ask", readAloud: false, ...fresh() });
    carry(romeo, juliet);
    juliet.do({ type: "accept", ...fresh() });
    carry(romeo, juliet);
    expect(juliet.ending).toBe("commitment-mismatch");
    return legs;
  },
};

it.each(Object.entries(strategies))(
  "a man in the middle is seen in each of 200 ceremonies as %s",
  async (_, play) => {
    for (let ceremony = 0; ceremony < 200; ceremony++) {
      const [{ victim: romeo }, { victim: juliet }] = await play();
      expect(romeo.sas !== undefined && romeo.sas === juliet.sas).toBe(false);
    }
  },
  60_000,
);

it("two with nobody between them see the same: the same stage, without the attacker", async () => {
  const { attacker, victim } = await leg("romeo", "initiator");
  honest({ attacker, victim });
  expect([victim.sas, victim.sas === attacker.sas]).toEqual([expect.any(Number), true]);
});
