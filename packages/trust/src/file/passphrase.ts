import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { BalconyError } from "@balcony/channel";
import { fields, oneOf, text } from "./shape.js";

/** The parameters under which keys were made of a passphrase; they lie in keys.json in the clear. */
export interface Kdf {
  /** 16 bytes. */
  readonly salt: Buffer;
  /** 32 bytes made of the passphrase, to tell a wrong one from a changed file. As costly to guess from as what is sealed. */
  readonly check: Buffer;
}

/** What a passphrase gives once it has proved right. */
export interface PassphraseKeys {
  readonly kdf: Kdf;
  /** 32 bytes: the key of AES-256-GCM. */
  readonly seal: Buffer;
}

// RFC 7914. Other parameters are refused when they are read: a file could name ones that take all memory, or none.
const N = 2 ** 17;
const r = 8;
const p = 1;

/** Keys for a new store. */
export async function newPassphraseKeys(passphrase: string): Promise<PassphraseKeys> {
  const salt = randomBytes(16);
  const { seal, check } = await derive(passphrase, salt);
  return { kdf: { salt, check }, seal };
}

/** Keys for the store that names these parameters. Throws `store-passphrase` if the passphrase is not the one. */
export async function passphraseKeys(passphrase: string, kdf: Kdf): Promise<PassphraseKeys> {
  const { seal, check } = await derive(passphrase, kdf.salt);
  if (!timingSafeEqual(check, kdf.check)) throw new BalconyError("store-passphrase", "The passphrase is wrong.", { phase: "store" });
  return { kdf, seal };
}

export function kdfFields({ salt, check }: Kdf): object {
  return { name: "scrypt", N, r, p, salt: salt.toString("hex"), check: check.toString("hex") };
}

export function readKdf(value: unknown): Kdf {
  const found = fields(value, "kdf", ["name", "N", "r", "p", "salt", "check"]);
  oneOf(found.name, "kdf name", ["scrypt"]);
  oneOf(found.N, "kdf N", [N]);
  oneOf(found.r, "kdf r", [r]);
  oneOf(found.p, "kdf p", [p]);
  return { salt: Buffer.from(text(found.salt, "kdf salt", /^[0-9a-f]{32}$/u), "hex"), check: Buffer.from(text(found.check, "kdf check", /^[0-9a-f]{64}$/u), "hex") };
}

export function sameKdf(a: Kdf, b: Kdf): boolean {
  return a.salt.equals(b.salt) && a.check.equals(b.check);
}

/** The same passphrase typed on another system may come in another Unicode form. */
async function derive(passphrase: string, salt: Buffer): Promise<{ seal: Buffer; check: Buffer }> {
  if (passphrase === "") throw new BalconyError("store-passphrase", "The passphrase is empty.", { phase: "store" });
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    scrypt(passphrase.normalize("NFC"), salt, 64, { N, r, p, maxmem: 256 * N * r }, (error, key) => (error ? reject(error) : resolve(key)));
  });
  return { seal: bytes.subarray(0, 32), check: bytes.subarray(32) };
}
