import { describe, expect, it } from "vitest";
import { RTCPeerConnection } from "werift";
import type { PeerConnection, WebrtcOptions } from "../src/index.js";
import { webrtc } from "../src/index.js";
import { attempts, connect, loopback } from "./pair.js";
import { untilHandshakesRanOut } from "./ran-out.js";

untilHandshakesRanOut();

type Bare = ReturnType<RTCPeerConnection["createDataChannel"]>;

/** A peer on bare werift, that does as it likes. */
function hostile(init: Parameters<RTCPeerConnection["createDataChannel"]>[1] = {}) {
  const connection = new RTCPeerConnection({ iceServers: [], iceAdditionalHostAddresses: ["127.0.0.1"], bundlePolicy: "max-bundle" });
  const channel = connection.createDataChannel("", init);
  for (const { connection: ice } of connection.iceTransports) ice.stunServer = undefined as never;
  const peer = Object.assign(Object.create(connection) as PeerConnection, { createDataChannel: () => channel, close: () => void connection.close() });
  const options: WebrtcOptions = { connection: async () => peer };
  return { connection, channel, options };
}

async function against(init?: Parameters<RTCPeerConnection["createDataChannel"]>[1]) {
  const { connection, channel, options } = hostile(init);
  const { responder } = attempts();
  const initiator = webrtc(options).attempt({ ...contextOf(), sendInfo: async (info) => responder.info(info) });
  return { connection, channel, initiator, responder };
}

function contextOf() {
  const { initiator } = attempts();
  return (initiator as unknown as { context: Parameters<ReturnType<typeof webrtc>["attempt"]>[0] }).context;
}

/** What our side comes to when the peer does this over an established channel. */
async function after(act: (peer: { readonly connection: RTCPeerConnection; readonly channel: Bare }) => void): Promise<unknown> {
  const { connection, channel, initiator, responder } = await against();
  const [near, far] = await connect(initiator, responder);
  const failed = new Promise<unknown>((resolve) => far.bytes.once("error", resolve));
  far.bytes.resume();
  act({ connection, channel });
  const error = await failed;
  near.bytes.destroy();
  return error;
}

describe("what a peer can do within the association", () => {
  it("text ends the connection", async () => {
    expect(await after(({ channel }) => channel.send("text"))).toMatchObject({ code: "webrtc-channel" });
  });

  it("a message above 64 KiB ends the connection", async () => {
    const error = await after(({ channel, connection }) => {
      connection.sctpTransport?.setRemoteMaxMessageSize(1_000_000);
      channel.send(Buffer.alloc(65_537));
    });
    expect(error).toMatchObject({ code: "webrtc-channel" });
  });

  it("a second channel ends the connection", async () => {
    expect(await after(({ connection }) => void connection.createDataChannel("second"))).toMatchObject({ code: "webrtc-channel" });
  });

  it("a payload protocol that does not exist ends the connection, and not the process", async () => {
    const error = await after(({ channel }) => void channel.sctp.sctp.send(channel.id ?? 0, 99, Buffer.from("x")));
    expect(error).toMatchObject({ code: "connection-lost" });
  });

  it("a malformed SCTP packet ends the connection, and not the process", async () => {
    const error = await after(({ connection }) => void connection.dtlsTransports[0]?.sendData(Buffer.from("no packet")));
    expect(error).toMatchObject({ code: "connection-lost" });
  });

  it.each([{ ordered: false }, { maxRetransmits: 0 }, { maxPacketLifeTime: 100 }])("a channel with %o is refused", async (init) => {
    const { initiator, responder } = await against(init);
    initiator.accepted(await responder.answer(await initiator.offer()));
    const giveUp = new AbortController();
    const theirs = initiator.connect(giveUp.signal).catch((error: unknown) => error);
    await expect(responder.connect(new AbortController().signal)).rejects.toMatchObject({ code: "webrtc-channel" });
    giveUp.abort();
    await theirs;
    initiator.abort();
  });

  it("a peer that floods a slow reader is stopped by the window, and stays connected", async () => {
    const { channel, initiator, responder } = await against();
    const [near, far] = await connect(initiator, responder);
    const total = 96 * 65_536; // three times what may wait on this side
    for (let sent = 0; sent < total; sent += 65_536) channel.send(Buffer.alloc(65_536));
    const sctp = channel.sctp.sctp as unknown as { peerAdvertisedRwnd: number; flightSize: number; onSackReceived: () => Promise<void> };
    const stopped = new Promise<void>((resolve) => {
      const before = sctp.onSackReceived;
      sctp.onSackReceived = async () => {
        await before();
        if (sctp.peerAdvertisedRwnd === 0) resolve();
      };
    });
    await stopped;
    expect(far.bytes.readableLength).toBeLessThanOrEqual(2 * 1024 * 1024);
    let read = 0;
    for await (const piece of far.bytes) {
      read += (piece as Buffer).length;
      if (read >= total) break;
    }
    expect(read).toBe(total);
    near.bytes.destroy();
  }, 30_000);
});

it("names no loopback candidates without being asked to", async () => {
  const { initiator } = attempts({}, { ...loopback, dangerouslyUseLoopback: false });
  const offer = await initiator.offer();
  expect(offer.getChildren("candidate").map(({ attrs }) => attrs.ip)).not.toContain("127.0.0.1");
  initiator.abort();
});
