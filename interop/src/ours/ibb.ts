import { acceptBytestreams, type InBandBytestream, openBytestream } from "@balcony/transport-ibb";
import { login } from "./client.js";
import { echo, peerReceived, sendAndCompare } from "./payload.js";
import type { OurSide, OurTask } from "./side.js";

/** XEP-0047 without Jingle. */
export async function ibb(task: OurTask): Promise<OurSide> {
  const { channel, logout } = await login(task);
  const bytes = Number(task.options.bytes);
  const opened = new Promise<InBandBytestream>((resolve) => acceptBytestreams(channel, { from: (from) => from === task.peer }, resolve));
  return {
    run: async (peer) => {
      await peer.event("ready");
      if (task.role === "initiator") {
        const { sid, blockSize } = task.options;
        const narrowed = channel.to(task.peer);
        await sendAndCompare(await openBytestream(narrowed, { sid: String(sid), blockSize: Number(blockSize), signal: task.signal }), bytes);
      } else {
        await echo(await opened, bytes);
      }
      await peer.event("connected");
      await peerReceived(peer, bytes);
      await peer.event("closed");
    },
    close: logout,
  };
}
