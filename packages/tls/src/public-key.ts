import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { BalconyError } from "@balcony/channel";

/** Kinds of key that are accepted; RSA of 2048 to 8192 bits. */
export type KeyType = "P-256" | "P-384" | "P-521" | "Ed25519" | "RSA";

/**
 * How a SubjectPublicKeyInfo of each kind begins and how long it is: named curve and uncompressed point (RFC 5480 §2), Ed25519 (RFC 8410 §4). The same key has other
 * encodings (compressed, hybrid, explicit parameters), each with another hash: a revoked key would return as a new one.
 */
const encodings: readonly { readonly type: KeyType; readonly prefix: string; readonly length: number }[] = [
  { type: "P-256", prefix: "3059301306072a8648ce3d020106082a8648ce3d03010703420004", length: 91 },
  { type: "P-384", prefix: "3076301006072a8648ce3d020106052b8104002203620004", length: 120 },
  { type: "P-521", prefix: "30819b301006072a8648ce3d020106052b810400230381860004", length: 158 },
  { type: "Ed25519", prefix: "302a300506032b6570032100", length: 44 },
];

const RSA_BITS = { least: 2048, most: 8192 };
const RSA_EXPONENT_LIMIT = 2n ** 32n;

/** The prime of Curve25519 (RFC 8032 §5.1). */
const P = 2n ** 255n - 19n;
/** The y coordinates of its points of small order, for whose keys anybody can sign. */
const smallOrder: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  BigInt("0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"),
  BigInt("0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"),
]);

/**
 * Judges a SubjectPublicKeyInfo before anything hangs on its hash.
 * @throws `key-unacceptable`
 */
export function acceptableKey(spki: Buffer): KeyType {
  const key = parse(spki);
  const hex = spki.toString("hex");
  const type = encodings.find(({ prefix, length }) => spki.length === length && hex.startsWith(prefix))?.type;
  if (type === "Ed25519" && !isAcceptableEd25519(spki)) throw unacceptable("an Ed25519 key that is not the one encoding of a point, or of small order, is not accepted");
  if (type) return type;
  if (key.asymmetricKeyType === "rsa" && isAcceptableRsa(key, spki)) return "RSA";
  throw unacceptable(`a key of the type ${key.asymmetricKeyType} in this size and encoding is not accepted`);
}

function parse(spki: Buffer): KeyObject {
  try {
    return createPublicKey({ key: spki, format: "der", type: "spki" });
  } catch (cause) {
    throw unacceptable("it cannot be read", cause);
  }
}

function isAcceptableEd25519(spki: Buffer): boolean {
  const point = Buffer.from(spki.subarray(-32)).reverse(); // little-endian (RFC 8032 §5.1.2), the highest bit is the sign of x
  const y = BigInt(`0x${point.toString("hex")}`) & (2n ** 255n - 1n);
  return y < P && !smallOrder.has(y);
}

function isAcceptableRsa(key: KeyObject, spki: Buffer): boolean {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < RSA_BITS.least || modulusLength > RSA_BITS.most) return false;
  if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent >= RSA_EXPONENT_LIMIT) return false;
  return key.export({ format: "der", type: "spki" }).equals(spki); // without the NULL parameter, say, it has another hash
}

function unacceptable(why: string, cause?: unknown): BalconyError {
  return new BalconyError("key-unacceptable", `The public key: ${why}.`, { cause });
}

/** SHA-256 in 64 lower-case hex digits. */
export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
