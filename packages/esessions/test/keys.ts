import { generateKeyPairSync } from "node:crypto";
import type { RsaKey, Signer } from "../src/crypto.js";
import { type Keys, keyFingerprint } from "../src/index.js";
import { nodeCrypto, nodeSigner, nodeVerify } from "../src/node/index.js";
import { equal } from "../src/octets.js";

const signer = (): Signer => nodeSigner(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);

/** Made once for a test file: RSA keys take their time. */
export const signers = { alice: signer(), bob: signer() };

export const sameKey = (a: RsaKey | undefined, b: RsaKey | undefined): boolean =>
  a !== undefined && b !== undefined && equal(a.modulus, b.modulus) && equal(a.exponent, b.exponent);

/** One side's keys: it knows the other's, and trusts no other. */
export function keys(own: keyof typeof signers, more: Partial<Keys> = {}): Keys {
  const other = signers[own === "alice" ? "bob" : "alice"].publicKey;
  return {
    signer: signers[own],
    verify: nodeVerify,
    find: (_, fingerprint) => Promise.resolve(equal(fingerprint, keyFingerprint(nodeCrypto, other)) ? other : undefined),
    trust: (_, key) => sameKey(key, other),
    ...more,
  };
}
