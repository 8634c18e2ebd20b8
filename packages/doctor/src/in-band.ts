import { randomBytes } from "node:crypto";
import { BalconyError, randomId, type StanzaChannel } from "@balcony/channel";
import { serialize, xml } from "@balcony/xml";
import type { InBand } from "./findings.js";

const NS_IBB = "http://jabber.org/protocol/ibb";
const BLOCK_SIZE = 4096;
const MOST_BLOCKS = 64;
const OUTSTANDING = 4;
/** ms in which blocks are sent; those that are on their way then are waited for. */
const SENDING = 6_000;
const ROUND_TRIPS = 3;
/** Of the rate of the first blocks: what is below may be a limit. */
const SLOWER = 0.4;
/** Bytes a second, above which no server holds anybody back: stock limits are 3,000 to 100,000. What is faster and slows down was busy. */
const UNLIMITED = 500_000;

/**
 * What the server carries in-band: blocks as XEP-0047 has them, to ourselves, of a bytestream that there is not. Each comes back refused, which takes it through the server twice.
 * @throws `timeout` where the server does not even carry one
 */
export async function inBand(channel: StanzaChannel, { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal }): Promise<InBand> {
  const ourselves = channel.to(channel.self);
  const sid = randomId();
  const payload = randomBytes(BLOCK_SIZE).toString("base64");
  const send = async (data: string): Promise<void> => {
    const iq = xml("iq", { type: "set" }, xml("data", { xmlns: NS_IBB, sid, seq: "0" }, data));
    await ourselves.request(iq, { timeout, signal }).catch((error: unknown) => {
      if (!(error instanceof BalconyError && error.code === "stanza-error")) throw error; // refused as it should be
    });
  };
  let roundTrip = Number.POSITIVE_INFINITY;
  for (let trip = 0; trip < ROUND_TRIPS; trip++) {
    const began = performance.now();
    await send("");
    roundTrip = Math.min(roundTrip, performance.now() - began);
  }
  const began = performance.now();
  const back: number[] = [];
  let left = MOST_BLOCKS;
  const worker = async (): Promise<void> => {
    while (left-- > 0 && performance.now() - began < SENDING) {
      await send(payload);
      back.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: OUTSTANDING }, worker));
  return {
    roundTrip: Math.max(1, Math.round(roundTrip)),
    blockSize: BLOCK_SIZE,
    bytes: back.length * Buffer.byteLength(serialize(xml("iq", { type: "set", to: channel.self, id: sid }, xml("data", { xmlns: NS_IBB, sid, seq: "0" }, payload)))),
    ...judged(back),
  };
}

/**
 * What is to be expected of longer transfers. Pure.
 * @param back when each block came back, in ms since the first was sent: 64 of them, or fewer where the time was over
 */
export function judged(back: readonly number[]): Pick<InBand, "rate" | "throttled"> {
  const [early, late] = rates(back);
  return { rate: Math.round(late), throttled: back.length < MOST_BLOCKS || (late < UNLIMITED && late < early * SLOWER) };
}

/** Payload bytes a second of the first quarter of the blocks, in which a burst that is let through shows, and of the later half. */
function rates(back: readonly number[]): readonly [number, number] {
  const rate = (from: number, to: number): number => {
    const ms = (back[to - 1] ?? 0) - (from === 0 ? 0 : (back[from - 1] ?? 0));
    return ((to - from) * BLOCK_SIZE * 1000) / Math.max(ms, 1);
  };
  return [rate(0, Math.floor(back.length / 4)), rate(Math.floor(back.length / 2), back.length)];
}
