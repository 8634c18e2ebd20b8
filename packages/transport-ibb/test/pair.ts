import { type Faults, memoryStanzaPair, type StanzaFault, type StanzaRouter, type StanzaWires } from "@balcony/channel";
import { acceptBytestreams, type InBandBytestream, type OpenOptions, openBytestream } from "../src/index.js";

export const juliet = "juliet@capulet.lit/balcony";
export const romeo = "romeo@montague.lit/orchard";

export interface Pair {
  /** Who opened, and who accepted. */
  readonly a: InBandBytestream;
  readonly b: InBandBytestream;
  readonly channelA: StanzaRouter;
  readonly channelB: StanzaRouter;
  readonly wires: StanzaWires;
}

/** Two ends of one bytestream, over two StanzaChannels in memory. The first stanza from a to b is `<open/>`, the first from b to a its answer. */
export async function bytestreamPair(options: OpenOptions = {}, faults: Faults<StanzaFault> = {}): Promise<Pair> {
  const [channelA, channelB, wires] = memoryStanzaPair({ a: juliet, b: romeo }, { faults });
  return { ...(await openOver(channelA, channelB, options)), channelA, channelB, wires };
}

/** One more bytestream between two channels. */
export async function openOver(channelA: StanzaRouter, channelB: StanzaRouter, options: OpenOptions = {}): Promise<{ a: InBandBytestream; b: InBandBytestream }> {
  let accepted: InBandBytestream | undefined;
  const { blockSize: _size, stanza: _stanza, sid: _sid, signal: _signal, ...limits } = options;
  const stop = acceptBytestreams(channelB, { ...limits, from: () => true }, (bytestream) => {
    accepted = bytestream;
  });
  const a = await openBytestream(channelA.to(channelB.self), options);
  stop();
  if (!accepted) throw new Error("nothing was accepted");
  return { a, b: accepted };
}
