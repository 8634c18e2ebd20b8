import type { IceServer } from "@balcony/jingle";
import type { ConnectionFactory } from "./peer-connection.js";

export interface WebrtcOptions {
  /** STUN and TURN servers, or what finds them. Default: those of the context; without any, only direct connections without a NAT between come about. */
  readonly servers?: readonly IceServer[] | (() => Promise<readonly IceServer[]>);
  /** What makes the peer connection. Default: the platform's own RTCPeerConnection where there is one, otherwise werift, which is loaded then. */
  readonly connection?: ConnectionFactory;
  /** Authorities (certificates in PEM) by which a TURN server over TLS is judged, in place of the platform's. A browser's own peer connection does not heed it. */
  readonly ca?: string;
  /** ms from `connect()` until bytes can flow. Default 15,000. */
  readonly timeout?: number;
}
