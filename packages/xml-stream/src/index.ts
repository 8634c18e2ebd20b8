export type { ExtraAttribute, Role, StreamHeader } from "./header.js";
export { defaultKeepalive, type KeepaliveTimes } from "./keepalive.js";
export { hasCommonMethod, methodsOf, type TlsMethod } from "./offer.js";
export { type StartedTls, type StartTlsOptions, startTls } from "./starttls.js";
export { openStream, type StreamOptions } from "./stream.js";
export { type StreamCondition, streamConditions } from "./stream-error.js";
export { type StreamLimits, XmlStream } from "./xml-stream.js";
