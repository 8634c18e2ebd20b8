import type { Buffer } from "node:buffer";
import type { Candidate, Message, RTCDataChannel, RTCDtlsTransport, RTCPeerConnection, StunOverTurnProtocol, StunProtocol } from "werift";

/** What is reached into of werift 0.24.4 and its types call private: the version is pinned, and a test opens, guards and closes each of these. */
export interface SctpInternals {
  readonly associationState: number;
  advertisedRwnd: number;
  sackNeeded: boolean;
  sackImmediate: boolean;
  readonly outboundQueue: readonly unknown[];
  readonly sentQueue: readonly unknown[];
  readonly stateChanged: { readonly [state in "connected" | "closed"]: { subscribe(listener: () => void): unknown } };
  readonly onReceive: { allUnsubscribe(): void; subscribe(listener: (streamId: number, ppId: number, data: Buffer) => void): unknown };
  onSackReceived: () => Promise<void>;
  handleData: (data: Buffer) => Promise<void>;
  scheduleSack(): Promise<void>;
  abort(): Promise<void>;
}

export interface SctpTransportInternals {
  readonly sctp: SctpInternals;
  readonly dataChannelQueue: Array<[RTCDataChannel, number, Buffer]>;
  dataChannelFlush(): Promise<void>;
  readonly datachannelReceive: (streamId: number, ppId: number, data: Buffer) => Promise<void>;
}

export type Protocol = StunProtocol | StunOverTurnProtocol;

export interface IceInternals {
  localUsername: string;
  localPassword: string;
  readonly remoteUsername: string;
  readonly userHistory: Record<string, string>;
  readonly generation: number;
  readonly state: string;
  readonly localCandidates: readonly Candidate[];
  readonly candidatePairs: ReadonlyArray<{ readonly remoteAddr: readonly [string, number] }>;
  readonly protocols: Protocol[];
  stunServer: readonly [string, number] | undefined;
  ensureProtocol: (protocol: Protocol) => void;
  getCandidatePromises: (interfaces: string[], timeout?: number) => Array<Promise<unknown>>;
  pairLocalProtocol(protocol: Protocol): void;
  appendLocalCandidate(candidate: Candidate): void;
}

type Receive = (data: Buffer, from: readonly [string, number]) => void;

/** Where datagrams come in. */
export interface UdpInternals {
  datagramReceived: Receive;
}

export interface RelayedInternals {
  handleStunMessage: Receive;
}

export interface TurnInternals {
  refresh: (lifetime: number) => void;
  requestWithRetry(request: Message, server: readonly [string, number]): Promise<[Message, unknown]>;
}

export interface SecureManagerInternals {
  createTransport: () => RTCDtlsTransport;
}

export const sctpTransportOf = (channel: RTCDataChannel): SctpTransportInternals => channel.sctp as unknown as SctpTransportInternals;
export const iceOf = ({ iceTransport }: RTCDtlsTransport): IceInternals => iceTransport.connection as unknown as IceInternals;
export const secureManagerOf = (connection: RTCPeerConnection): SecureManagerInternals =>
  (connection as unknown as { readonly secureManager: SecureManagerInternals }).secureManager;
