import { memoryStanzaPair } from "@balcony/channel";
import type { AddressPolicy, Connection, Role, TransportAttempt } from "@balcony/jingle";
import type { Element } from "@balcony/xml";
import { type IceTcpOptions, iceTcp } from "../src/index.js";

const juliet = "juliet@capulet.lit/balcony";
const romeo = "romeo@montague.lit/orchard";
export const loopback: AddressPolicy = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true };

export interface Side {
  readonly attempt: TransportAttempt;
  readonly steps: readonly (readonly [string, Error | undefined])[];
  readonly infos: readonly Element[];
}

export interface Pair {
  readonly initiator: Side;
  readonly responder: Side;
  /** Lets transport-infos go: as Jingle does, once the peer knows of the attempt. */
  readonly announce: () => void;
}

export interface PairOptions {
  readonly options?: IceTcpOptions;
  readonly addresses?: AddressPolicy;
  /** Changes what is said; undefined keeps it back. */
  readonly tamper?: (element: Element, from: Role) => Element | undefined;
}

/** Both sides of a Jingle session, without Jingle. */
export function pair({ options = {}, addresses = loopback, tamper = (element) => element }: PairOptions = {}): Pair {
  const [channelI, channelR] = memoryStanzaPair({ a: juliet, b: romeo });
  let announce: () => void = () => undefined;
  const announced = new Promise<void>((resolve) => {
    announce = resolve;
  });
  const side = (role: Role): Side => {
    const steps: [string, Error | undefined][] = [];
    const infos: Element[] = [];
    const attempt = iceTcp(options).attempt({
      channel: role === "initiator" ? channelI.to(romeo) : channelR.to(juliet),
      role,
      sid: "a73sjjvkla37jfea",
      addresses,
      sendInfo: async (transport) => {
        infos.push(transport);
        await announced;
        const said = tamper(transport, role);
        if (said) (role === "initiator" ? responder : initiator).attempt.info(said);
      },
      progress: (step, error) => steps.push([step, error]),
    });
    return { attempt, steps, infos };
  };
  const initiator = side("initiator");
  const responder = side("responder");
  return { initiator, responder, announce };
}

export async function negotiate(both: Pair, tamper: NonNullable<PairOptions["tamper"]> = (element) => element): Promise<void> {
  const { initiator, responder, announce } = both;
  const offer = tamper(await initiator.attempt.offer(), "initiator") as Element;
  const answer = tamper(await responder.attempt.answer(offer), "responder") as Element;
  initiator.attempt.accepted(answer);
  announce();
}

export async function connected(options: PairOptions = {}): Promise<[Connection, Connection]> {
  const both = pair(options);
  await negotiate(both, options.tamper);
  const { signal } = new AbortController();
  return await Promise.all([both.initiator.attempt.connect(signal), both.responder.attempt.connect(signal)]);
}
