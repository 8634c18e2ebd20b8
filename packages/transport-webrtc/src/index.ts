export { features as webrtcFeatures } from "./description.js";
export type { WebrtcOptions } from "./options.js";
export type { ConnectionFactory, DataChannel, IceServer, PeerConnection, PeerConnectionOptions, SessionDescription, StatsReport } from "./peer-connection.js";
export { webrtc } from "./transport.js";
