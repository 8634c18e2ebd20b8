// A data channel on loopback, both ends in one process: ours as a Duplex against bare werift that is fed as its bufferedAmount allows.
import { webrtc } from "@balcony/transport-webrtc";
import { RTCPeerConnection } from "werift";
import { interleaved } from "./interleaved.js";
import { atLeast, report } from "./row.js";
import { type Load, rate, timed } from "./throughput.js";
import { transportPair } from "./transport-pair.js";

const ROUNDS = 7;
/** Bytes that bare werift is given ahead of what it has sent. */
const AHEAD = 256 * 1024;

const large: Load = { piece: Buffer.alloc(64 * 1024, 7), pieces: 320 };
const small: Load = { piece: Buffer.alloc(1200, 7), pieces: 1500 };

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
  const measured = await timed(
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
  return measured;
}

const rows = [];
for (const { name, load } of [
  { name: "data channel, 64 KiB writes, against bare werift", load: large },
  { name: "… 1,200-byte writes", load: small },
]) {
  const { values, baselines } = await interleaved(ROUNDS, {
    values: async () => await rate(async () => await transportPair(webrtc()), load),
    baselines: async () => await bare(load),
  });
  rows.push(atLeast(name, 0.9, { unit: "MB/s", values, baselines }));
}
report(rows);
process.exit(); // werift's handshake timers may still run
