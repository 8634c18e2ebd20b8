import { memoryStanzaPair, type StanzaRouter } from "@balcony/channel";
import { type Connection, type Role, strangersAddresses, type TransportAttempt, type TransportContext } from "@balcony/jingle";
import { type BytestreamOptions, type InBandBytestream, ibb } from "../src/index.js";
import { juliet, romeo } from "./pair.js";

/** One side of a Jingle session, without Jingle. */
export function attemptOver(channel: StanzaRouter, role: Role, options: BytestreamOptions = {}): TransportAttempt & { readonly steps: readonly string[] } {
  const steps: string[] = [];
  const context: TransportContext = {
    channel: channel.to(channel.self === juliet ? romeo : juliet),
    role,
    sid: "a73sjjvkla37jfea",
    addresses: strangersAddresses,
    sendInfo: () => Promise.reject(new Error("IBB needs no transport-info")),
    progress: (step) => steps.push(step),
  };
  return Object.assign(ibb(options).attempt(context), { steps });
}

export interface JinglePair {
  readonly initiator: TransportAttempt & { readonly steps: readonly string[] };
  readonly responder: TransportAttempt & { readonly steps: readonly string[] };
  readonly channelI: StanzaRouter;
  readonly channelR: StanzaRouter;
}

export function jinglePair(options: { readonly initiator?: BytestreamOptions; readonly responder?: BytestreamOptions } = {}): JinglePair {
  const [channelI, channelR] = memoryStanzaPair({ a: juliet, b: romeo });
  return { initiator: attemptOver(channelI, "initiator", options.initiator), responder: attemptOver(channelR, "responder", options.responder), channelI, channelR };
}

/** Offer, answer, connect: as session-initiate and session-accept do, or transport-replace by whichever side offers. */
export async function connect(offers: TransportAttempt, answers: TransportAttempt): Promise<[Connection, Connection]> {
  offers.accepted(await answers.answer(await offers.offer()));
  const { signal } = new AbortController();
  return Promise.all([offers.connect(signal), answers.connect(signal)]);
}

export const bytestreamOf = ({ bytes }: Connection): InBandBytestream => bytes as InBandBytestream;
