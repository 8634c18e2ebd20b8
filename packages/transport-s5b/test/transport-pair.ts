import type { Duplex } from "node:stream";
import { memoryStanzaPair, type StanzaChannel } from "@balcony/channel";
import type { AddressPolicy, Connection, Role, TransportAttempt } from "@balcony/jingle";
import type { Element } from "@balcony/xml";
import { s5b } from "../src/index.js";

export const romeo = "romeo@montague.lit/orchard";
export const juliet = "juliet@capulet.lit/balcony";
export const onLoopback: AddressPolicy = { paths: "direct", privateNetworks: true, dangerouslyUseLoopback: true };

export interface Half {
  readonly attempt: TransportAttempt;
  readonly steps: string[];
  /** What it has sent by transport-info. */
  readonly sent: Element[];
}

/** Two attempts whose transport-infos reach each other. */
export function attempts(
  policies: { readonly initiator?: AddressPolicy; readonly responder?: AddressPolicy } = {},
  [channelI, channelR]: readonly [StanzaChannel, StanzaChannel, ...unknown[]] = memoryStanzaPair({ a: romeo, b: juliet }),
): { initiator: Half; responder: Half } {
  const halves: Partial<Record<Role, Half>> = {};
  const make = (role: Role, channel: StanzaChannel, addresses: AddressPolicy): Half => {
    const steps: string[] = [];
    const sent: Element[] = [];
    const other = role === "initiator" ? "responder" : "initiator";
    const attempt = s5b({ timeout: 5_000, dialTimeout: 2_000 }).attempt({
      channel,
      role,
      sid: "jingle",
      addresses,
      sendInfo: async (element) => {
        await Promise.resolve();
        sent.push(element);
        halves[other]?.attempt.info(element);
      },
      progress: (text, error) => steps.push(error ? `${text}: ${error.message}` : text),
    });
    return { attempt, steps, sent };
  };
  const initiator = make("initiator", channelI.to(channelR.self), policies.initiator ?? onLoopback);
  const responder = make("responder", channelR.to(channelI.self), policies.responder ?? onLoopback);
  Object.assign(halves, { initiator, responder });
  return { initiator, responder };
}

/** Offers, answers and connects. */
export async function connect({ initiator, responder }: ReturnType<typeof attempts>): Promise<readonly [Connection, Connection]> {
  const { signal } = new AbortController();
  initiator.attempt.accepted(await responder.attempt.answer(await initiator.attempt.offer()));
  return await Promise.all([initiator.attempt.connect(signal), responder.attempt.connect(signal)]);
}

export async function bytes(pair = attempts()): Promise<{ a: Duplex; b: Duplex }> {
  const [a, b] = await connect(pair);
  return { a: a.bytes, b: b.bytes };
}
