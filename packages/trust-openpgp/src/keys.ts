import { BalconyError } from "@balcony/channel";
import { isOpenPgpFingerprint, MAX_OPENPGP_KEY } from "@balcony/trust";
import { normalize } from "@balcony/xml";
import type { Config, PublicKey } from "openpgp";
import { library, type OpenPgp, strict } from "./library.js";

/** An OpenPGP key as a person decides on it. */
export interface OpenPgpKey {
  /** 40 (version 4) or 64 (version 6) upper-case hex digits. */
  readonly fingerprint: string;
  /** The transferable public key, binary: what is kept. */
  readonly key: Uint8Array;
  /** XMPP addresses that it names in the form of XEP-0373 §7.5, `xmpp:juliet@example.org`, signed by itself and not revoked. */
  readonly addresses: readonly string[];
  /** All it names, as it is written: text of foreign origin. */
  readonly userIds: readonly string[];
  readonly revoked: boolean;
  /** Milliseconds since 1970; undefined for one that does not expire. */
  readonly expires: number | undefined;
}

/**
 * Reads a public key, armoured or binary; of a private one its public half.
 * @throws `invalid-argument` for what is no one OpenPGP key of version 4 or newer, or is larger than 32 KiB
 */
export async function readOpenPgpKey(file: Uint8Array, now = Date.now()): Promise<OpenPgpKey> {
  const openpgp = await library();
  const key = await read(openpgp, file);
  const at = new Date(now);
  const config = strict(openpgp);
  const bytes = key.write();
  const fingerprint = key.getFingerprint().toUpperCase();
  if (bytes.length > MAX_OPENPGP_KEY || !isOpenPgpFingerprint(fingerprint))
    throw unusable(`it is larger than ${MAX_OPENPGP_KEY / 1024} KiB`, undefined, "Export it without the signatures of others: gpg --export-options export-minimal --export.");
  const expires = await key.getExpirationTime(undefined, config);
  return {
    fingerprint,
    key: bytes,
    addresses: await addressesOf(key, at, config),
    userIds: key.getUserIDs(),
    revoked: await key.isRevoked(undefined, undefined, at, config),
    expires: expires instanceof Date ? expires.getTime() : undefined,
  };
}

/**
 * Puts what is newer in one copy of a key into another: longer lives, revocations.
 * @throws `invalid-argument` where the two are not the same key
 */
export async function mergeOpenPgpKeys(kept: Uint8Array, newer: Uint8Array, now = Date.now()): Promise<OpenPgpKey> {
  const openpgp = await library();
  const [mine, theirs] = [await read(openpgp, kept), await read(openpgp, newer)];
  if (mine.getFingerprint() !== theirs.getFingerprint()) throw unusable("it is another key");
  return await readOpenPgpKey((await mine.update(theirs, new Date(now), strict(openpgp))).write(), now);
}

/** The addresses for which a key says that it is: RFC 9580 §5.11, XEP-0373 §7.5. */
export async function addressesOf(key: PublicKey, at: Date, config: Config): Promise<readonly string[]> {
  const found: string[] = [];
  for (const user of key.users) {
    const [, address] = /^xmpp:([^?#/]+)$/u.exec(user.userID?.userID ?? "") ?? [];
    if (address === undefined) continue;
    const stands = await user.verify(at, config).catch(() => false); // what is wrong with it makes no difference
    if (stands) found.push(...normalized(address));
  }
  return found;
}

function normalized(address: string): readonly string[] {
  try {
    return [normalize(address)];
  } catch {
    return []; // it is nobody's
  }
}

async function read(openpgp: OpenPgp, file: Uint8Array): Promise<PublicKey> {
  const config = strict(openpgp);
  const armoured = Buffer.from(file.subarray(0, 1024)).includes("-----BEGIN PGP");
  try {
    const keys = armoured ? await openpgp.readKeys({ armoredKeys: Buffer.from(file).toString("latin1"), config }) : await openpgp.readKeys({ binaryKeys: file, config });
    const [key, ...more] = keys;
    if (!key || more.length > 0) throw new Error("one is wanted");
    return key.toPublic();
  } catch (cause) {
    throw unusable("it cannot be read", cause);
  }
}

const unusable = (why: string, cause?: unknown, hint?: string): BalconyError =>
  new BalconyError("invalid-argument", `That is no OpenPGP key that can be used: ${why}.`, { phase: "trust", cause, hint });
