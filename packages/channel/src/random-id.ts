import { Buffer } from "node:buffer";

const BYTES = 16;
/** Asking the system for random bytes costs more than everything else here, so they are fetched for many ids at once; each is used once and wiped. */
const pool = Buffer.alloc(BYTES * 256);
let used = pool.length;

/** A fresh id that nobody can guess: 128 random bits, base64url, 22 characters. */
export function randomId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const end = used + BYTES;
  const id = pool.toString("base64url", used, end);
  pool.fill(0, used, end);
  used = end;
  return id;
}
