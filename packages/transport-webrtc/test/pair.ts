import { memoryStanzaPair } from "@balcony/channel";
import type { AddressPolicy, Connection, Role, TransportAttempt, TransportContext } from "@balcony/jingle";
import type { Element } from "@balcony/xml";
import { type WebrtcOptions, webrtc } from "../src/index.js";

export const juliet = "juliet@capulet.lit/balcony";
export const romeo = "romeo@montague.lit/orchard";
export const loopback: AddressPolicy = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true };

export interface Side extends TransportAttempt {
  readonly steps: string[];
  readonly infos: Element[];
  /** What becomes of a `<transport/>` of this side's on its way. */
  tamper: (transport: Element) => void;
}

/** Two attempts, each hearing the other's transport-infos. */
export function attempts(options: WebrtcOptions = {}, addresses: AddressPolicy = loopback): { readonly initiator: Side; readonly responder: Side } {
  const [channelI, channelR] = memoryStanzaPair({ a: juliet, b: romeo });
  const side = (role: Role, other: () => TransportAttempt): Side => {
    const steps: string[] = [];
    const infos: Element[] = [];
    const context: TransportContext = {
      channel: role === "initiator" ? channelI.to(romeo) : channelR.to(juliet),
      role,
      sid: "a73sjjvkla37jfea",
      addresses,
      sendInfo: async (transport) => {
        infos.push(transport);
        own.tamper(transport);
        other().info(transport);
      },
      progress: (step, error) => steps.push(error ? `${step}: ${error.message}` : step),
    };
    const own: Side = Object.assign(webrtc(options).attempt(context), { steps, infos, tamper: () => undefined });
    return own;
  };
  const initiator: Side = side("initiator", () => responder);
  const responder: Side = side("responder", () => initiator);
  return { initiator, responder };
}

type Attempt = TransportAttempt & Partial<Pick<Side, "tamper">>;

export async function connect(offers: Attempt, answers: Attempt): Promise<[Connection, Connection]> {
  const offer = await offers.offer();
  offers.tamper?.(offer);
  const answer = await answers.answer(offer);
  answers.tamper?.(answer);
  offers.accepted(answer);
  const { signal } = new AbortController();
  return await Promise.all([offers.connect(signal), answers.connect(signal)]);
}
