import { memoryBytePair } from "@balcony/channel";
import { createIdentity, type Identity, type Secured, secure } from "@balcony/tls";
import { type CeremonyContext, EXPORTER_LABEL, tlsContext } from "@balcony/trust";
import { expect, it } from "vitest";
import { hashFields } from "../../../packages/trust/src/ceremony/fields.js";
import { shortString } from "../../../packages/trust/src/ceremony/machine.js";
import { bytes, carry, fresh, Side } from "../../../packages/trust/test/ceremony/sides.js";

// A server that ends both TLS sessions itself, with certificates of its own for each of the two, and keeps to the ceremony on both legs, or breaks it where that could help.
const addresses = { romeo: "romeo@montague.lit", juliet: "juliet@capulet.lit" } as const;
type Person = keyof typeof addresses;
const own = { romeo: createIdentity(addresses.romeo), juliet: createIdentity(addresses.juliet) };
const forged = { romeo: createIdentity(addresses.romeo), juliet: createIdentity(addresses.juliet) };
const other = (person: Person): Person => (person === "romeo" ? "juliet" : "romeo");

/** A victim's side of its leg and the attacker's, over a TLS session between them. */
interface Leg {
  readonly victim: Side;
  readonly attacker: Side;
}

async function leg(person: Person, role: "initiator" | "responder"): Promise<Leg> {
  const [a, b] = memoryBytePair();
  const end = async (channel: typeof a, identity: Identity, tlsRole: "client" | "server") => await secure(channel, { role: tlsRole, identity, accept: () => undefined });
  const [client, server] = role === "initiator" ? [own[person], forged[other(person)]] : [forged[other(person)], own[person]];
  const [asClient, asServer] = await Promise.all([end(a, client, "client"), end(b, server, "server")]);
  const [victim, attacker] = role === "initiator" ? [asClient, asServer] : [asServer, asClient];
  const attackersRole = role === "initiator" ? "responder" : "initiator";
  const sides = { victim: new Side(context(victim, role, person, other(person))), attacker: new Side(context(attacker, attackersRole, other(person), person)) };
  asClient.bytes.destroy();
  asServer.bytes.destroy();
  return sides;
}

function context(tls: Secured, role: "initiator" | "responder", self: Person, peer: Person): CeremonyContext {
  const ends = [
    { address: addresses[self], certificate: tls.ownCertificate.der },
    { address: addresses[peer], certificate: tls.peerCertificate.der },
  ] as const;
  const [initiator, responder] = role === "initiator" ? ends : [ends[1], ends[0]];
  const ctx = tlsContext({ initiator, responder });
  return { role, self: addresses[self], peer: addresses[peer], ctx, ekm: tls.exportKeyingMaterial(32, EXPORTER_LABEL, ctx) };
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
