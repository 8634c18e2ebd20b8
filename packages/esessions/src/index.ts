export { canonical, canonicalForm } from "./canonical.js";
export { type Compatibility, deployed, strict } from "./compatibility.js";
export type { Arithmetic, Crypto, Keystream, Power, RsaKey, Signer, Verify } from "./crypto.js";
export { allowedGroups, defaultGroups } from "./groups.js";
