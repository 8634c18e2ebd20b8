import { constants, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { BalconyError } from "@balcony/channel";
import type { Identity } from "./identity.js";
import { acceptableKey, type KeyType, sha256 } from "./public-key.js";

/** Bytes of the largest key and signature that are looked at: those of RSA with 8,192 bits. */
const MOST_KEY_BYTES = 1_100;
const MOST_SIGNATURE_BYTES = 1_024;

/** Bytes, signed by a device's key. */
export interface Signature {
  /** The SubjectPublicKeyInfo of whoever signed, in DER. */
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

/** The SubjectPublicKeyInfo of one's own key, in DER. */
export function publicKeyOf({ privateKey }: Pick<Identity, "privateKey">): Uint8Array {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" });
}

/**
 * Signs with one's own key. The algorithm follows from the kind of key, and is named nowhere: ECDSA with SHA-256, r and s of equal length one after the other; Ed25519; RSASSA-PSS with SHA-256 and 32 bytes
 * of salt. Bytes that are signed begin with what they are for, so that no signature stands for another: that of a TLS handshake begins with 64 spaces (RFC 8446 §4.4.3).
 */
export function signBytes({ privateKey }: Pick<Identity, "privateKey">, bytes: Uint8Array): Signature {
  const key = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return { key, signature: sign(digestOf(acceptableKey(key)), bytes, padded(privateKey)) };
}

/**
 * Checks a signature.
 * @returns the SHA-256 of the SubjectPublicKeyInfo whose key has signed: 64 lower-case hex digits
 * @throws `key-unacceptable` for a key of a kind, size or encoding that is not accepted, `statement-invalid` for a signature that is not that key's over these bytes
 */
export function checkSignature({ key, signature }: Signature, bytes: Uint8Array): string {
  if (key.length > MOST_KEY_BYTES) throw new BalconyError("key-unacceptable", `A public key of ${key.length} bytes is not accepted.`, { phase: "trust" });
  const spki = Buffer.from(key);
  const type = acceptableKey(spki);
  const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
  if (signature.length > MOST_SIGNATURE_BYTES || !verify(digestOf(type), bytes, padded(publicKey), signature)) {
    throw new BalconyError("statement-invalid", "The signature is not that of the key which is named.", { phase: "trust" });
  }
  return sha256(spki);
}

const digestOf = (type: KeyType): "sha256" | null => (type === "Ed25519" ? null : "sha256");

function padded(key: KeyObject): { key: KeyObject } & Record<string, unknown> {
  if (key.asymmetricKeyType === "rsa") return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return key.asymmetricKeyType === "ec" ? { key, dsaEncoding: "ieee-p1363" } : { key };
}
