import { BalconyError, type ErrorCode } from "@balcony/channel";
import { MAX_STATEMENT, type OpenPgpExpectation, type OpenPgpVerifier } from "@balcony/trust";
import type { AnyPacket, Message, PublicKey, SignaturePacket } from "openpgp";
import { addressesOf } from "./keys.js";
import { lenient, library, type OpenPgp, strict } from "./library.js";
import { type DeviceStatement, malformed, readStatement } from "./statement.js";

/** For whoever's clock is before ours. */
const CLOCK_SLACK = 24 * 60 * 60 * 1000;
/** Milliseconds for which a statement may be good. */
export const MAX_LIFE = 400 * 24 * 60 * 60 * 1000;

/**
 * Checks a statement. In this order, and the first that fits is what is wrong:
 *
 * | what                                                                        | code                   |
 * |-----------------------------------------------------------------------------|------------------------|
 * | it is no OpenPGP message of one signature over text, in the open            | `openpgp-statement`    |
 * | none of the keys that the person trusts has signed it                       | `openpgp-key-unknown`  |
 * | that key is revoked, or the part of it that has signed                      | `openpgp-key-revoked`  |
 * | it, the hash or how the key signs itself is too weak                        | `openpgp-weak`         |
 * | it has expired, or the part of it that has signed                           | `openpgp-key-expired`  |
 * | it may not sign, or has not signed these bytes                              | `openpgp-statement`    |
 * | it does not name the peer's address as its own                              | `openpgp-key-address`  |
 * | what is signed is no statement                                              | `openpgp-statement`    |
 * | the statement is about another device, or another address's                 | `openpgp-other-device` |
 * | it is not good yet, not good any more, or for longer than 400 days          | `openpgp-expired`      |
 */
export const openPgp: OpenPgpVerifier = {
  check: async (statement, expected) => {
    const openpgp = await library();
    const { message, signature } = await readMessage(openpgp, statement);
    const key = await signerOf(openpgp, signature, expected);
    await checkKey(openpgp, { key, signature, now: expected.now });
    await checkSignature(openpgp, { key, message, now: expected.now });
    const addresses = await addressesOf(key, new Date(expected.now), strict(openpgp));
    if (!addresses.includes(expected.owner)) throw refusal("openpgp-key-address", `Their OpenPGP key has no User ID xmpp:${expected.owner}.`);
    checkStatement(readStatement(text(message)), expected);
    return key.getFingerprint().toUpperCase();
  },
};

/** What a person is about to show to others: whose device it says it is, and until when. Throws `openpgp-statement`. */
export async function contentOf(statement: Uint8Array): Promise<DeviceStatement> {
  return readStatement(text((await readMessage(await library(), statement)).message));
}

export async function readMessage(openpgp: OpenPgp, statement: Uint8Array): Promise<SignedText> {
  if (statement.length > MAX_STATEMENT) throw malformed(`it has more than ${MAX_STATEMENT} bytes`);
  const message = await openpgp.readMessage({ binaryMessage: statement, config: strict(openpgp) }).catch((cause: unknown) => {
    throw malformed("it is no OpenPGP message", cause);
  });
  return await inTheOpen(openpgp, message);
}

export interface SignedText {
  readonly message: Message<Uint8Array>;
  readonly signature: SignaturePacket;
}

/** Text in the open, and its one signature. */
export async function inTheOpen(openpgp: OpenPgp, message: Message<Uint8Array>): Promise<SignedText> {
  const tags = [...message.packets].map((packet) => (packet.constructor as unknown as { readonly tag: number }).tag);
  const { literalData, onePassSignature } = openpgp.enums.packet;
  if (tags.join() !== [onePassSignature, literalData].join()) throw malformed("it is not text and one signature, in the open");
  // What stands behind the text is read only by a verification; with no keys it verifies nothing.
  const results = await message.verify([], undefined, strict(openpgp)).catch((cause: unknown) => {
    throw malformed("it is cut short", cause);
  });
  for (const { verified } of results) verified.catch(() => undefined);
  const signatures = await Promise.all(results.map(async ({ signature }) => await signature));
  const [only, ...more] = signatures.flatMap(({ packets }) => [...packets]);
  if (!only || more.length > 0) throw malformed("it has not one signature");
  const packets = new openpgp.PacketList<AnyPacket>();
  packets.push(...message.packets, only);
  return { message: new openpgp.Message(packets), signature: only };
}

const text = (message: Message<Uint8Array>): Uint8Array => message.getLiteralData() ?? new Uint8Array();

async function signerOf(openpgp: OpenPgp, signature: SignaturePacket, { keys }: OpenPgpExpectation): Promise<PublicKey> {
  const named = signature.issuerFingerprint && Buffer.from(signature.issuerFingerprint).toString("hex");
  for (const bytes of keys) {
    const key = await openpgp.readKey({ binaryKey: bytes, config: strict(openpgp) });
    const parts = key.getKeys(signature.issuerKeyID);
    if (parts.some((part) => !named || part.getFingerprint() === named)) return key;
  }
  throw refusal("openpgp-key-unknown", "The statement is signed by an OpenPGP key that you do not trust for them.");
}

interface Signed {
  readonly key: PublicKey;
  readonly signature: SignaturePacket;
  readonly now: number;
}

/** May this key sign, now? Also what was signed before it was revoked, or had expired, does not count: whoever has the key may have dated it. */
async function checkKey(openpgp: OpenPgp, { key, now, signature }: Signed): Promise<void> {
  const { issuerKeyID } = signature;
  const at = new Date(now);
  if (await key.isRevoked(undefined, undefined, at, lenient(openpgp))) throw refusal("openpgp-key-revoked", "Their OpenPGP key was revoked.");
  for (const subkey of key.getSubkeys(issuerKeyID)) {
    for (const binding of subkey.bindingSignatures)
      if (await subkey.isRevoked(binding, key.keyPacket, at, lenient(openpgp))) throw refusal("openpgp-key-revoked", "The part of their OpenPGP key that has signed was revoked.");
  }
  const may = async (when: Date | null, config = strict(openpgp)): Promise<boolean> =>
    await key.getSigningKey(issuerKeyID, when, undefined, config).then(
      () => true,
      () => false,
    );
  const isWeak = strict(openpgp).rejectHashAlgorithms.has(signature.hashAlgorithm ?? openpgp.enums.hash.md5);
  if (isWeak || (!(await may(at)) && (await may(at, lenient(openpgp)))))
    throw refusal("openpgp-weak", "Their OpenPGP key, or how it signs, is too weak: SHA-256 and RSA of 2048 bits are the least.");
  if (await may(at)) return;
  if (await may(null, lenient(openpgp))) throw refusal("openpgp-key-expired", "Their OpenPGP key is not valid now: it has expired, or is dated in the future.");
  throw malformed("what has signed it may not sign");
}

async function checkSignature(openpgp: OpenPgp, { key, message, now }: { readonly key: PublicKey; readonly message: Message<Uint8Array>; readonly now: number }): Promise<void> {
  const [result, ...more] = await message.verify([key], new Date(now), strict(openpgp));
  if (!result || more.length > 0) throw malformed("it has not one signature");
  await result.verified.catch((cause: unknown) => {
    throw malformed("the signature is not that key's over what it says", cause);
  });
}

function checkStatement({ made, owner, spki, until }: DeviceStatement, expected: OpenPgpExpectation): void {
  if (owner !== expected.owner || spki !== expected.spki) throw refusal("openpgp-other-device", "Their OpenPGP key has signed another device than this one.");
  if (made > expected.now + CLOCK_SLACK) throw refusal("openpgp-expired", "The statement of their OpenPGP key is dated in the future; see to your clock.");
  if (until <= expected.now) throw refusal("openpgp-expired", `The statement of their OpenPGP key was good until ${new Date(until).toISOString()}.`);
  if (until - made > MAX_LIFE) throw refusal("openpgp-expired", "The statement of their OpenPGP key is to be good for longer than 400 days, which none is.");
}

const refusal = (code: ErrorCode, message: string): BalconyError => new BalconyError(code, message, { phase: "trust" });
