export { InBandBytestream } from "./bytestream.js";
export type { Clock } from "./clock.js";
export type { BytestreamLimits } from "./limits.js";
export { type AcceptOptions, acceptBytestreams, type BytestreamOptions, type OpenOptions, openBytestream } from "./open.js";
export type { StanzaKind } from "./stanzas.js";
export { ibb } from "./transport.js";
