import type { ConnectionFactory, PeerConnection } from "./peer-connection.js";

type Native = new (configuration: { readonly iceServers: readonly unknown[]; readonly iceTransportPolicy: "all" | "relay"; readonly bundlePolicy: "max-bundle" }) => PeerConnection;

/** The platform's own peer connection, as browsers have it; undefined where there is none. */
export function nativeConnection(): ConnectionFactory | undefined {
  const { RTCPeerConnection } = globalThis as { RTCPeerConnection?: Native };
  if (!RTCPeerConnection) return undefined;
  return async ({ servers, relayOnly }) => new RTCPeerConnection({ iceServers: servers, iceTransportPolicy: relayOnly ? "relay" : "all", bundlePolicy: "max-bundle" });
}
