import { createCipheriv, createHash, createHmac, randomBytes } from "node:crypto";
import type { Crypto } from "../crypto.js";

/** The algorithms as node:crypto has them. */
export const nodeCrypto: Crypto = {
  random: (octets) => randomBytes(octets),
  sha256: (data) => createHash("sha256").update(data).digest(),
  hmac: (key, data) => createHmac("sha256", key).update(data).digest(),
  ctr: (key, counter) => {
    const cipher = createCipheriv(`aes-${key.length * 8}-ctr`, key, counter);
    return { apply: (data) => cipher.update(data) };
  },
};
