import { createSelfSignedCertificate, HashAlgorithm, NamedCurveAlgorithm, type RTCDtlsTransport, RTCPeerConnection, SignatureAlgorithm } from "werift";
import type { PeerConnection, PeerConnectionOptions, SessionDescription } from "../peer-connection.js";
import { WeriftChannel } from "./channel.js";
import { gatherWith } from "./gathering.js";
import { guard } from "./guard.js";
import { iceOf, secureManagerOf } from "./internals.js";

/**
 * A peer connection by werift, without what a library for Node should not do: asking a public STUN server that nobody named, one certificate for all connections, credentials
 * of 16 bits, acting on STUN that nobody signed, ending the process over a malformed packet of the peer's. It reaches into werift's internals: the version is pinned.
 */
export async function weriftConnection({ servers, relayOnly, ca, loopback }: PeerConnectionOptions): Promise<PeerConnection> {
  const keys = await createSelfSignedCertificate({ signature: SignatureAlgorithm.ecdsa_3, hash: HashAlgorithm.sha256_4 }, NamedCurveAlgorithm.secp256r1_23);
  const connection = new RTCPeerConnection({
    iceServers: [],
    bundlePolicy: "max-bundle",
    iceAdditionalHostAddresses: loopback ? ["127.0.0.1"] : [],
    dtls: { keys },
  });
  const gathering = gatherWith({ servers, relayOnly, ca });
  const manager = secureManagerOf(connection);
  const createTransport = manager.createTransport.bind(manager);
  manager.createTransport = (): RTCDtlsTransport => {
    const transport = createTransport();
    const ice = iceOf(transport);
    guard(ice);
    gathering.use(ice);
    return transport;
  };
  let channel: WeriftChannel | undefined;
  let closed = false;
  return {
    get connectionState() {
      return connection.connectionState;
    },
    get localDescription() {
      return connection.localDescription as SessionDescription | null;
    },
    createDataChannel: (label, init) => {
      channel = new WeriftChannel(connection.createDataChannel(label, init));
      return channel;
    },
    createOffer: async () => (await connection.createOffer()) as SessionDescription,
    createAnswer: async () => {
      const answer = (await connection.createAnswer()) as SessionDescription;
      // werift is active whatever was offered.
      const theirs = /^a=setup:(\w+)/m.exec(connection.remoteDescription?.sdp ?? "")?.[1];
      return theirs === "active" ? { ...answer, sdp: answer.sdp.replace("a=setup:active", "a=setup:passive") } : answer;
    },
    setLocalDescription: (description) => connection.setLocalDescription(description as { type: "offer" | "answer"; sdp: string }),
    setRemoteDescription: (description) => connection.setRemoteDescription(description as { type: "offer" | "answer"; sdp: string }),
    addIceCandidate: (candidate) => connection.addIceCandidate(candidate),
    getStats: async () => (await connection.getStats()) as unknown as Awaited<ReturnType<PeerConnection["getStats"]>>,
    addEventListener: (type: string, listener: (event: never) => void) => {
      if (type === "icecandidate") connection.onIceCandidate.subscribe((candidate) => listener({ candidate: candidate ?? null } as never));
      else if (type === "connectionstatechange") connection.connectionStateChange.subscribe(() => listener(undefined as never));
      else
        connection.onDataChannel.subscribe((opened) => {
          const wrapped = new WeriftChannel(opened);
          channel ??= wrapped;
          listener({ channel: wrapped } as never);
        });
    },
    close: () => {
      if (closed) return;
      closed = true;
      gathering.stop();
      // The peer would otherwise find out by silence, half a minute later.
      const aborted = channel?.abort() ?? Promise.resolve();
      aborted.then(() => connection.close()).catch(() => undefined); // of what is being let go, nothing is left to report
    },
  };
}
