export { defaultServerLimits, type ServerLimits } from "./limits.js";
export type { Interfere, InterfereContext, LocalServerOptions, TapEvent } from "./options.js";
export type { SharedRoster } from "./roster.js";
export { type LocalServer, type SessionInfo, startLocalServer } from "./server.js";
export type { Throttle } from "./throttle.js";
