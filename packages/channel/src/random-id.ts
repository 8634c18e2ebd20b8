import { Buffer } from "node:buffer";

/** A fresh id that nobody can guess: 128 random bits, base64url, 22 characters. */
export function randomId(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");
}
