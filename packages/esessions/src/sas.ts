import type { Crypto } from "./crypto.js";
import { concat, utf8 } from "./octets.js";

const DIGITS = "acdefghikmopqruvwxy123456789";

/**
 * XEP-0116, "The sas28x5 SAS Algorithm". A man in the middle can make two of them collide in seconds (docs/esessions.md): it is for comparing with peers that have nothing
 * else, and never verifies anybody.
 */
export function sas28x5(crypto: Crypto, identityMac: Uint8Array, formB: string): string {
  const hash = crypto.sha256(concat(identityMac, utf8(formB), utf8("Short Authentication String")));
  let value = hash.subarray(hash.length - 3).reduce((sum, octet) => sum * 256 + octet, 0);
  let text = "";
  for (let place = 0; place < 5; place++) {
    text = DIGITS.charAt(value % DIGITS.length) + text;
    value = Math.floor(value / DIGITS.length);
  }
  return text;
}
