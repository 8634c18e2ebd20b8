import { answersItself, memoryStanzaNetwork, type StanzaRouter } from "@balcony/channel";
import { type Element, isFull } from "@balcony/xml";
import type { Arithmetic, Logging, Renegotiate, StanzaKind } from "../src/index.js";
import { NS_ENCRYPTED } from "../src/namespaces.js";
import { compatibilityOf, type Outcome } from "../src/negotiation.js";
import { nodeCrypto } from "../src/node/index.js";
import { ESession } from "../src/session.js";
import { establishedPair, generator, prime, smallPower } from "./cipher-pair.js";
import { ALICE, BOB } from "./pair.js";

const arithmetic: Arithmetic = {
  prime: () => prime,
  powers: (all) => Promise.resolve(all.map(({ base = generator, exponent }) => smallPower(base, exponent))),
};

export interface DirectOptions {
  readonly balcony?: boolean;
  readonly setting?: "deployed" | "strict";
  readonly stanzas?: readonly StanzaKind[];
  readonly logging?: Logging;
  readonly renegotiate?: Renegotiate | undefined;
  readonly mostBlocks?: number;
  /** What comes in to Bob's waits: nobody has called `deliver()`. */
  readonly held?: boolean;
}

/** Two sessions whose negotiation was left out, over a prime that is quick: for what happens once they stand. */
export function directPair({
  balcony = false,
  setting = "deployed",
  stanzas = ["message", "presence", "iq"],
  logging = "mustnot",
  renegotiate,
  mostBlocks,
  held = false,
}: DirectOptions = {}) {
  const errors: unknown[] = [];
  const network = memoryStanzaNetwork({ report: (error) => errors.push(error) });
  const established = establishedPair({ compatibility: compatibilityOf(setting) });
  const end = (self: string, peer: string, role: "initiator" | "responder", own: (typeof established)["alice"]) => {
    const wide = network.connect(self);
    const session = new ESession({
      wide,
      peer,
      thread: "thread",
      role,
      outcome: outcomeOf(own, { balcony, setting, stanzas, logging }),
      crypto: nodeCrypto,
      arithmetic,
      limits: {},
      mostBlocks,
      renegotiate,
      rekeyAfter: { stanzas: Number.POSITIVE_INFINITY, time: 600_000 },
      report: (error) => errors.push(error),
      onEnd: () => undefined,
    });
    route(wide, session);
    return session;
  };
  const a = end(ALICE, BOB, "initiator", established.alice);
  const b = end(BOB, ALICE, "responder", established.bob);
  a.deliver();
  if (!held) b.deliver();
  return { network, a, b, errors, established };
}

function route(wide: StanzaRouter, session: ESession): void {
  wide.onStanza(({ stanza, from }) => {
    if (isFull(from)) session.receive(stanza);
    return true;
  });
  for (const type of ["get", "set"] as const) {
    wide.onRequest({ type, name: "c", xmlns: NS_ENCRYPTED }, ({ stanza }) => {
      session.receive(stanza);
      return answersItself;
    });
  }
}

function outcomeOf(established: Outcome["established"], { balcony, logging, setting, stanzas }: Required<Omit<DirectOptions, "renegotiate" | "mostBlocks" | "held">>): Outcome {
  return {
    chosen: {
      messages: 4,
      identification: { initiator: "none", responder: "none" },
      group: 14,
      cipher: "aes128-ctr",
      logging,
      setting,
      balcony,
      rekeyFrequency: 1,
      stanzas,
    },
    established,
    sas: "aaaaa",
    retained: "none",
    shared: undefined,
    fresh: new Uint8Array(32),
    peerKey: undefined,
    finalSecret: new Uint8Array(32),
    transcript: { forms: ["", "", "", ""], e: new Uint8Array(), d: new Uint8Array(), nonceA: new Uint8Array(), nonceB: new Uint8Array(), counterA: new Uint8Array() },
  };
}

export function heardBy(session: ESession): Element[] {
  const heard: Element[] = [];
  session.channel.onStanza(({ stanza }) => {
    heard.push(stanza);
    return true;
  });
  return heard;
}
