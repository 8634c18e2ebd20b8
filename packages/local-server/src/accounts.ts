import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type { Jid } from "@balcony/xml";

export type ScramHash = "sha1" | "sha256";

/** What a server keeps for SCRAM in place of a password (RFC 5802 §3). */
export interface ScramKeys {
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export const hmac = (hash: ScramHash, key: Uint8Array, text: string): Buffer => createHmac(hash, key).update(text).digest();
export const digest = (hash: ScramHash, bytes: Uint8Array): Buffer => createHash(hash).update(bytes).digest();

/** Who may log in. Passwords lie in memory as they were given: this is no server for secrets. */
export class Accounts {
  readonly #passwords: ReadonlyMap<Jid, string>;
  readonly #keys = new Map<string, ScramKeys>();
  readonly #saltSecret = randomBytes(32);

  readonly #iterations: number;

  /** @param passwords by bare JID */
  constructor(passwords: ReadonlyMap<Jid, string>, iterations: number) {
    this.#passwords = passwords;
    this.#iterations = iterations;
  }

  has(account: Jid): boolean {
    return this.#passwords.has(account);
  }

  get all(): Jid[] {
    return [...this.#passwords.keys()];
  }

  passwordOf(account: Jid): string | undefined {
    return this.#passwords.get(account);
  }

  /** Keys of an account, or of one that does not exist and that nobody can log in to: the salt must not tell which (RFC 5802 §5.1). */
  scramKeys(account: Jid, hash: ScramHash): ScramKeys {
    const known = this.#keys.get(`${hash} ${account}`);
    if (known) return known;
    const password = this.#passwords.get(account);
    const salt = hmac("sha256", this.#saltSecret, `${hash} ${account}`).subarray(0, 16);
    const salted = pbkdf2Sync(password ?? randomBytes(32), salt, this.#iterations, hash === "sha1" ? 20 : 32, hash);
    const keys: ScramKeys = {
      salt,
      iterations: this.#iterations,
      storedKey: digest(hash, hmac(hash, salted, "Client Key")),
      serverKey: hmac(hash, salted, "Server Key"),
    };
    if (password !== undefined) this.#keys.set(`${hash} ${account}`, keys);
    return keys;
  }
}
