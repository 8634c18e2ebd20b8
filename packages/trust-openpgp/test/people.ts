import { deflateRawSync, deflateSync } from "node:zlib";
import { config, createMessage, enums, generateKey, type LiteralDataPacket, type Message, type PrivateKey, type SignaturePacket, sign } from "openpgp";
import { statementText } from "../src/index.js";

export const JULIET = "juliet@capulet.lit";
export const ROMEO = "romeo@montague.lit";
export const DEVICE = "1".repeat(64);
export const OTHER_DEVICE = "2".repeat(64);
/** All keys here are a month old at this moment. */
export const NOW = Date.parse("2026-06-01T12:00:00Z");
export const DAY = 24 * 60 * 60 * 1000;
export const MONTH = 30 * DAY;

type Options = Partial<Parameters<typeof generateKey>[0]>;

/** A private key of Juliet's, in the open. */
export async function newKey({ address = JULIET, userIDs = [{ name: `xmpp:${address}` }], ...options }: Options & { address?: string } = {}): Promise<PrivateKey> {
  const made = { type: "curve25519" as const, userIDs, date: new Date(NOW - MONTH), ...options };
  return (await generateKey({ ...made, format: "object" })).privateKey;
}

export interface Signing {
  readonly text?: string;
  readonly owner?: string;
  readonly spki?: string;
  readonly made?: number;
  readonly days?: number;
}

/** Whatever somebody may sign, rightly or not. */
export async function signedBy(key: PrivateKey, signing: Signing = {}): Promise<Uint8Array> {
  return (await messageBy(key, signing)).write() as Uint8Array;
}

/** The same over SHA-1, which the library does not do by itself. */
export async function signedOverSha1(key: PrivateKey): Promise<Uint8Array> {
  const message = await messageBy(key);
  const [onePass, literal, signature] = message.packets as unknown as [{ hashAlgorithm: enums.hash }, LiteralDataPacket, SignaturePacket];
  onePass.hashAlgorithm = enums.hash.sha1;
  await anew(signature, key, literal, NOW);
  return message.write() as Uint8Array;
}

/** A key of RSA that says what it is over SHA-1. */
export async function selfSignedOverSha1(): Promise<PrivateKey> {
  const key = await newKey({ type: "rsa", rsaBits: 2048 });
  const [user] = key.users;
  const [signature] = user?.selfCertifications ?? [];
  if (!user || !signature) throw new Error("A new key has one.");
  await anew(signature, key, { userID: user.userID, key: key.keyPacket }, NOW - MONTH);
  return key;
}

async function anew(signature: SignaturePacket, key: PrivateKey, data: unknown, at: number): Promise<void> {
  signature.hashAlgorithm = enums.hash.sha1;
  const signing = signature.sign as (...rest: readonly unknown[]) => Promise<void>; // the published types leave out the last argument
  await signing.call(signature, key.keyPacket, data, new Date(at), false, { ...config, nonDeterministicSignaturesViaNotation: false });
}

async function messageBy(key: PrivateKey, { days, made = NOW, owner = JULIET, spki = DEVICE, text }: Signing = {}): Promise<Message<string>> {
  const message = await createMessage({ text: text ?? statementText({ owner, spki, now: made, days }) });
  const loose = { ...config, minRSABits: 0, rejectPublicKeyAlgorithms: new Set<enums.publicKey>(), rejectHashAlgorithms: new Set<enums.hash>() };
  return await sign({ message, signingKeys: key, format: "object", date: new Date(made), config: loose });
}

export const publicOf = (key: PrivateKey): Uint8Array => key.toPublic().write();

/** A message in a compressed data packet (RFC 9580 §5.6). */
export function compressed(message: Uint8Array, algorithm: "zip" | "zlib"): Uint8Array {
  const body = Buffer.concat([Buffer.of(algorithm === "zip" ? 1 : 2), algorithm === "zip" ? deflateRawSync(message) : deflateSync(message)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([Buffer.of(0xc8, 0xff), length, body]);
}
