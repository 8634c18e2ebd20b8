import type { IceServer } from "@balcony/jingle";

/**
 * The part of the W3C's RTCPeerConnection that this transport uses. A browser's own fits it, and so does the one that `werift/` makes for Node.
 * https://www.w3.org/TR/webrtc/
 */
export interface PeerConnection {
  readonly connectionState: string;
  readonly localDescription: SessionDescription | null;
  createDataChannel(label: string, init: { readonly ordered: boolean }): DataChannel;
  createOffer(): Promise<SessionDescription>;
  createAnswer(): Promise<SessionDescription>;
  setLocalDescription(description: SessionDescription): Promise<unknown>;
  setRemoteDescription(description: SessionDescription): Promise<unknown>;
  addIceCandidate(candidate: { readonly candidate: string; readonly sdpMid: string }): Promise<unknown>;
  getStats(): Promise<StatsReport>;
  addEventListener(type: "icecandidate", listener: (event: { readonly candidate: { readonly candidate: string } | null }) => void): void;
  addEventListener(type: "datachannel", listener: (event: { readonly channel: DataChannel }) => void): void;
  addEventListener(type: "connectionstatechange", listener: () => void): void;
  close(): void;
}

export interface SessionDescription {
  readonly type: "offer" | "answer" | "pranswer" | "rollback";
  readonly sdp: string;
}

export interface StatsReport {
  forEach(each: (entry: Readonly<Record<string, unknown>>) => void): void;
}

/** The part of the W3C's RTCDataChannel that is used. */
export interface DataChannel {
  readonly readyState: string;
  readonly ordered: boolean;
  readonly maxRetransmits: number | null;
  readonly maxPacketLifeTime: number | null;
  readonly bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  binaryType?: string;
  send(message: Uint8Array<ArrayBuffer>): void;
  close(): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "error", listener: (event: unknown) => void): void;
  addEventListener(type: "open" | "closing" | "close" | "bufferedamountlow", listener: () => void): void;
  /**
   * Not the W3C's: our reader has taken so many bytes of what messages brought. Where it is there, what nobody has taken yet counts against the window that the peer is told of,
   * so that a slow reader stops the peer. The W3C's interface has no such thing.
   */
  taken?(bytes: number): void;
  /** Nor is this: so many bytes should wait in it, at most, to be sent. */
  readonly ahead?: number;
}

export interface PeerConnectionOptions {
  readonly servers: readonly IceServer[];
  /** Nothing but relays: our own addresses are neither gathered nor shown. */
  readonly relayOnly: boolean;
  /** See WebrtcOptions. */
  readonly ca?: string | undefined;
  /** Loopback addresses are candidates too. For tests on one machine. */
  readonly loopback: boolean;
}

/** Makes one connection. It is used for one offer and its answer. */
export type ConnectionFactory = (options: PeerConnectionOptions) => Promise<PeerConnection>;
