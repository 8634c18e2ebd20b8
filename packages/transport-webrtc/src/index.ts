export type { WebrtcOptions } from "./options.js";
export type { ConnectionFactory, DataChannel, PeerConnection, PeerConnectionOptions, SessionDescription, StatsReport } from "./peer-connection.js";
export { webrtc } from "./transport.js";
