export type { Binding } from "./binding.js";
export { canonical, canonicalForm } from "./canonical.js";
export { type Compatibility, deployed, strict } from "./compatibility.js";
export type { Arithmetic, Crypto, Keystream, Power, RsaKey, Signer, Verify } from "./crypto.js";
export { ESessions, type ESessionsOptions, type InitiateOptions, memorySecrets, type SecretStore, type Verdict } from "./esessions.js";
export { allowedGroups, defaultGroups } from "./groups.js";
export type { Parameters } from "./parameters.js";
export type { RetainedSecret } from "./retained-secrets.js";
export type { ESession, RekeyTimes } from "./session.js";
