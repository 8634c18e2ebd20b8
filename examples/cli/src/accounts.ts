import { createCipheriv, createDecipheriv, randomBytes, scrypt as scryptCallback } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { BalconyError } from "@balcony/channel";
import { lock } from "proper-lockfile";
import writeFileAtomic from "write-file-atomic";
import { UsageError } from "./exit-codes.js";

const scrypt = promisify<string, Buffer, number, object, Buffer>(scryptCallback);
const COST = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 2 ** 20 };
const FILE = "accounts.json";

/** An account that `balcony login` has set up. */
export interface Account {
  readonly jid: string;
  /** Where its server is, if that does not follow from the address. */
  readonly service?: string;
  /** Encrypted under the passphrase of the keys; absent where it is asked for each time. */
  readonly password?: SealedPassword;
}

/** AES-256-GCM under scrypt of the passphrase; each in base64. */
export interface SealedPassword {
  readonly salt: string;
  readonly nonce: string;
  readonly sealed: string;
}

/** Throws `store-corrupt`, `store-inaccessible`. */
export async function readAccounts(folder: string): Promise<readonly Account[]> {
  const file = join(folder, FILE);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw inaccessible(file, error);
  }
  let accounts: unknown;
  try {
    accounts = JSON.parse(text);
  } catch (error) {
    throw corrupt(file, error);
  }
  if (!Array.isArray(accounts) || !accounts.every(isAccount)) throw corrupt(file);
  return accounts;
}

/** The account with this address; without one, the only account there is. */
export async function accountOf(folder: string, jid: string | undefined): Promise<Account> {
  const accounts = await readAccounts(folder);
  if (jid !== undefined) return accounts.find((account) => account.jid === jid) ?? { jid };
  const [first, second] = accounts;
  if (!first) throw new UsageError("No account is set up: run `balcony login JID` first, or give --account JID.");
  if (second) throw new UsageError(`Several accounts are set up (${accounts.map((account) => account.jid).join(", ")}): give --account JID.`);
  return first;
}

/** Adds the account, or puts it in place of the one with its address; two processes at once lose nothing. Throws `store-corrupt`, `store-inaccessible`, `store-locked`. */
export async function writeAccount(folder: string, account: Account): Promise<void> {
  const file = join(folder, FILE);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const release = await lock(file, { realpath: false, retries: { retries: 20, minTimeout: 50, maxTimeout: 500 } }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "ELOCKED" ? new BalconyError("store-locked", `Another process holds ${file} for too long.`, { phase: "store", cause: error }) : inaccessible(file, error);
  });
  try {
    const others = (await readAccounts(folder)).filter(({ jid }) => jid !== account.jid);
    await writeFileAtomic(file, `${JSON.stringify([...others, account], undefined, 2)}\n`, { mode: 0o600 });
  } finally {
    await release();
  }
}

export async function sealPassword(password: string, passphrase: string): Promise<SealedPassword> {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", await keyOf(passphrase, salt), nonce);
  const sealed = Buffer.concat([cipher.update(password, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return { salt: salt.toString("base64"), nonce: nonce.toString("base64"), sealed: sealed.toString("base64") };
}

/** Throws `store-passphrase`: the passphrase is another, or the file was changed. */
export async function openPassword({ salt, nonce, sealed }: SealedPassword, passphrase: string): Promise<string> {
  const bytes = Buffer.from(sealed, "base64");
  const key = await keyOf(passphrase, Buffer.from(salt, "base64"));
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"), { authTagLength: 16 }).setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString("utf8");
  } catch (error) {
    throw new BalconyError("store-passphrase", "The passphrase does not open the stored password.", { phase: "store", hint: "Run `balcony login` again.", cause: error });
  }
}

/** The same passphrase typed on another system may come in another Unicode form. */
const keyOf = (passphrase: string, salt: Buffer): Promise<Buffer> => scrypt(passphrase.normalize("NFC"), salt, 32, COST);

function isAccount(value: unknown): value is Account {
  if (!isObject(value)) return false;
  const { jid, service, password } = value;
  return typeof jid === "string" && ["string", "undefined"].includes(typeof service) && (password === undefined || isSealed(password));
}

const isSealed = (value: unknown): boolean => isObject(value) && ["salt", "nonce", "sealed"].every((field) => typeof value[field] === "string");

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const corrupt = (file: string, cause?: unknown) =>
  new BalconyError("store-corrupt", `${file} is not what balcony wrote.`, { phase: "store", hint: "Take it away, and run `balcony login` again for each account.", cause });

const inaccessible = (file: string, cause: unknown) =>
  new BalconyError("store-inaccessible", `${file} cannot be read or written (${(cause as NodeJS.ErrnoException).code}).`, { phase: "store", cause });
