import { memoryBytePair } from "@balcony/channel";
import { createIdentity, type Identity, type Secured, secure } from "@balcony/tls";
import { type CeremonyContext, EXPORTER_LABEL, tlsContext } from "@balcony/trust";

// A server that ends both TLS sessions itself, with certificates of its own for each of the two.
const addresses = { romeo: "romeo@montague.lit", juliet: "juliet@capulet.lit" } as const;
export type Person = keyof typeof addresses;
const own = { romeo: createIdentity(addresses.romeo), juliet: createIdentity(addresses.juliet) };
const forged = { romeo: createIdentity(addresses.romeo), juliet: createIdentity(addresses.juliet) };
const other = (person: Person): Person => (person === "romeo" ? "juliet" : "romeo");

/** What a verification is bound to at both ends of one leg: a victim, and the attacker in the other's place. */
export interface TlsLeg {
  readonly victim: CeremonyContext;
  readonly attacker: CeremonyContext;
}

/** A TLS session between a victim and the attacker. */
export async function tlsLeg(person: Person, role: "initiator" | "responder"): Promise<TlsLeg> {
  return await session(person, role, forged[other(person)]);
}

/** A TLS session between the two, with nobody in between, seen from this person's end. */
export async function honestLeg(person: Person, role: "initiator" | "responder"): Promise<TlsLeg> {
  return await session(person, role, own[other(person)]);
}

async function session(person: Person, role: "initiator" | "responder", farEnd: Identity): Promise<TlsLeg> {
  const [a, b] = memoryBytePair();
  const end = async (channel: typeof a, identity: Identity, tlsRole: "client" | "server") => await secure(channel, { role: tlsRole, identity, accept: () => undefined });
  const [client, server] = role === "initiator" ? [own[person], farEnd] : [farEnd, own[person]];
  const [asClient, asServer] = await Promise.all([end(a, client, "client"), end(b, server, "server")]);
  const [near, far] = role === "initiator" ? [asClient, asServer] : [asServer, asClient];
  const farRole = role === "initiator" ? "responder" : "initiator";
  const leg = { victim: context(near, role, person, other(person)), attacker: context(far, farRole, other(person), person) };
  asClient.bytes.destroy();
  asServer.bytes.destroy();
  return leg;
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
