// A data channel on loopback, both ends in one process: ours as a Duplex against bare werift that is fed as its bufferedAmount allows.
import type { Duplex } from "node:stream";
import { memoryStanzaPair } from "@balcony/channel";
import type { AddressPolicy, Role, TransportAttempt } from "@balcony/jingle";
import { webrtc } from "@balcony/transport-webrtc";
import type { Element } from "@balcony/xml";
import { RTCPeerConnection } from "werift";
import { interleaved } from "./interleaved.js";
import { juliet, romeo } from "./pairs.js";
import { atLeast, report } from "./row.js";

const ROUNDS = 7;
const MEGABYTE = 1_000_000;
/** Bytes that bare werift is given ahead of what it has sent. */
const AHEAD = 256 * 1024;
const addresses: AddressPolicy = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true };

interface Load {
  /** Bytes of one write, or of one message. */
  readonly piece: Buffer;
  readonly pieces: number;
}

const large: Load = { piece: Buffer.alloc(64 * 1024, 7), pieces: 320 };
const small: Load = { piece: Buffer.alloc(1200, 7), pieces: 1500 };

/** The two ends of a session's transport, without Jingle. */
async function ours({ piece, pieces }: Load): Promise<number> {
  const [channelI, channelR] = memoryStanzaPair({ a: romeo.jid, b: juliet.jid });
  const attempts: Partial<Record<Role, TransportAttempt>> = {};
  const begin = (role: Role): TransportAttempt => {
    const attempt = webrtc().attempt({
      channel: role === "initiator" ? channelI.to(juliet.jid) : channelR.to(romeo.jid),
      role,
      sid: "bench",
      addresses,
      sendInfo: async (info: Element) => attempts[role === "initiator" ? "responder" : "initiator"]?.info(info),
      progress: () => undefined,
    });
    attempts[role] = attempt;
    return attempt;
  };
  const [initiator, responder] = [begin("initiator"), begin("responder")];
  initiator.accepted(await responder.answer(await initiator.offer()));
  const { signal } = new AbortController();
  const [{ bytes: near }, { bytes: far }] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
  near.resume();
  const rate = await timed(
    pieces * piece.length,
    (came) => far.on("data", ({ length }: Buffer) => came(length)),
    () => pump(near, piece, pieces),
  );
  near.destroy();
  far.destroy();
  return rate;
}

function pump(near: Duplex, piece: Buffer, pieces: number): void {
  let left = pieces;
  const go = (): void => {
    while (left-- > 0) if (!near.write(piece)) return void near.once("drain", go);
  };
  go();
}

/** Two peer connections as werift's own examples have them, each write a message. */
async function bare({ piece, pieces }: Load): Promise<number> {
  const make = () => new RTCPeerConnection({ iceServers: [], iceAdditionalHostAddresses: ["127.0.0.1"], bundlePolicy: "max-bundle" });
  const [near, far] = [make(), make()];
  near.onIceCandidate.subscribe((candidate) => candidate && void far.addIceCandidate(candidate));
  far.onIceCandidate.subscribe((candidate) => candidate && void near.addIceCandidate(candidate));
  const channel = near.createDataChannel("bench");
  const other = new Promise<typeof channel>((resolve) => far.onDataChannel.subscribe(resolve));
  await near.setLocalDescription(await near.createOffer());
  await far.setRemoteDescription(near.localDescription as never);
  await far.setLocalDescription(await far.createAnswer());
  await near.setRemoteDescription(far.localDescription as never);
  const received = await other;
  if (channel.readyState !== "open") await new Promise<void>((resolve) => channel.stateChange.subscribe((state) => state === "open" && resolve()));
  channel.bufferedAmountLowThreshold = AHEAD / 4;
  const rate = await timed(
    pieces * piece.length,
    (came) => received.onMessage.subscribe(({ length }) => came(length)),
    () => {
      let left = pieces;
      const go = () => {
        for (; left > 0 && channel.bufferedAmount < AHEAD; left--) channel.send(piece);
      };
      channel.bufferedAmountLow.subscribe(go);
      go();
    },
  );
  await Promise.all([near.close(), far.close()]);
  return rate;
}

/** Megabytes a second, from the first byte written to the last one received. */
async function timed(total: number, listen: (came: (length: number) => void) => void, write: () => void): Promise<number> {
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let sum = 0;
    listen((length) => {
      sum += length;
      if (sum >= total) resolve();
    });
    write();
  });
  return total / MEGABYTE / ((performance.now() - start) / 1000);
}

const rows = [];
for (const { name, load } of [
  { name: "data channel, 64 KiB writes, against bare werift", load: large },
  { name: "… 1,200-byte writes", load: small },
]) {
  const { values, baselines } = await interleaved(ROUNDS, { values: async () => await ours(load), baselines: async () => await bare(load) });
  rows.push(atLeast(name, 0.9, { unit: "MB/s", values, baselines }));
}
report(rows);
process.exit(); // werift's handshake timers may still run
