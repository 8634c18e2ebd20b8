export type { BytePair } from "./byte-case.js";
export { type ByteChannelComplianceOptions, byteChannelCompliance } from "./byte-channel-compliance.js";
export { ComplianceError } from "./check.js";
export type { Test } from "./run.js";
export type { StanzaPair } from "./stanza-case.js";
export { type StanzaChannelComplianceOptions, stanzaChannelCompliance } from "./stanza-channel-compliance.js";
