import { BalconyError } from "@balcony/channel";
import type { Message, PrivateKey } from "openpgp";
import { inTheOpen, MAX_LIFE, openPgp } from "./check.js";
import { readOpenPgpKey } from "./keys.js";
import { library, strict } from "./library.js";
import { malformed, writeStatement } from "./statement.js";

const DAY = 24 * 60 * 60 * 1000;

export interface NewStatement {
  /** Our own bare address, in normal form. */
  readonly owner: string;
  /** SHA-256 of our device's SubjectPublicKeyInfo: 64 lower-case hex digits. */
  readonly spki: string;
  /** Days for which it is good: 1 to 400. Default 365. */
  readonly days?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now?: number | undefined;
}

/** The text to be signed, for whoever signs it with a program of their own: `gpg --sign`. Throws `invalid-argument`. */
export function statementText({ days = 365, now = Date.now(), owner, spki }: NewStatement): string {
  const life = days * DAY;
  if (!(life >= DAY && life <= MAX_LIFE)) throw new BalconyError("invalid-argument", "A statement is good for 1 to 400 days.");
  return writeStatement({ owner, spki, made: now, until: now + life });
}

/**
 * Signs that a device is ours, with our own OpenPGP key.
 * @param privateKey armoured or binary
 * @param passphrase asked for only where the key has one
 * @returns what the store keeps and every peer is shown
 * @throws `invalid-argument` for what is no private key, or a wrong passphrase; and what checking the statement throws, with what is wrong with the key
 */
export async function signStatement(
  statement: NewStatement,
  { passphrase, privateKey }: { readonly privateKey: Uint8Array; readonly passphrase?: () => Promise<string> },
): Promise<Uint8Array> {
  const openpgp = await library();
  const { now = Date.now(), owner, spki } = statement;
  const config = strict(openpgp);
  const locked = await readPrivate(privateKey);
  const key = locked.isDecrypted() ? locked : await unlocked(locked, (await passphrase?.()) ?? "");
  const message = await openpgp.createMessage({ text: statementText(statement) });
  const signed = await openpgp
    .sign({ message, signingKeys: key, format: "binary", date: new Date(now), config: { ...config, preferredHashAlgorithm: openpgp.enums.hash.sha512 } })
    .catch((cause: unknown) => {
      throw malformed("the key does not sign", cause);
    });
  await openPgp.check(signed, { owner, spki, keys: [key.toPublic().write()], now });
  return signed;
}

/**
 * Takes what another program has signed, armoured or not, compressed or not, and brings it into the form in which peers are shown it.
 * @param publicKey whose statement it is, to check it as a peer will
 * @throws `openpgp-statement` and the others of a check
 */
export async function takeStatement(
  file: Uint8Array,
  { now = Date.now(), owner, publicKey, spki }: { readonly owner: string; readonly spki: string; readonly publicKey: Uint8Array; readonly now?: number },
): Promise<Uint8Array> {
  const openpgp = await library();
  const armoured = Buffer.from(file.subarray(0, 1024)).includes("-----BEGIN PGP");
  const config = strict(openpgp);
  const message = await (armoured
    ? openpgp.readMessage({ armoredMessage: Buffer.from(file).toString("latin1"), config })
    : openpgp.readMessage({ binaryMessage: file, config })
  ).catch((cause: unknown) => {
    throw malformed("it is no OpenPGP message", cause);
  });
  const unpacked = (message as unknown as { unwrapCompressed(): Message<Uint8Array> }).unwrapCompressed();
  const statement = (await inTheOpen(openpgp, unpacked)).message.write() as Uint8Array;
  const { key } = await readOpenPgpKey(publicKey, now);
  await openPgp.check(statement, { owner, spki, keys: [key], now });
  return statement;
}

async function readPrivate(file: Uint8Array): Promise<PrivateKey> {
  const openpgp = await library();
  const config = strict(openpgp);
  const armoured = Buffer.from(file.subarray(0, 1024)).includes("-----BEGIN PGP");
  try {
    return armoured ? await openpgp.readPrivateKey({ armoredKey: Buffer.from(file).toString("latin1"), config }) : await openpgp.readPrivateKey({ binaryKey: file, config });
  } catch (cause) {
    throw new BalconyError("invalid-argument", "That is no private OpenPGP key.", { phase: "trust", cause });
  }
}

async function unlocked(privateKey: PrivateKey, passphrase: string): Promise<PrivateKey> {
  const openpgp = await library();
  try {
    return await openpgp.decryptKey({ privateKey, passphrase, config: strict(openpgp) });
  } catch (cause) {
    throw new BalconyError("invalid-argument", "The passphrase does not open the OpenPGP key.", { phase: "trust", cause });
  }
}
