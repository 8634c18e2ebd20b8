export type { AgentTimes } from "./agent.js";
export type { StunServer } from "./gather.js";
export { type IceTcpOptions, iceTcp } from "./transport.js";
