import { Buffer } from "node:buffer";
import { createPublicKey, generateKeyPair, type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";
import type { RsaKey, Signer, Verify } from "../crypto.js";
import { minimal } from "../octets.js";

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** RSASSA-PKCS1-v1_5 with SHA-256, in node:crypto's thread pool. */
export const nodeVerify: Verify = async (key, data, signature) => {
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ format: "jwk", key: { kty: "RSA", n: base64url(key.modulus), e: base64url(key.exponent) } });
  } catch {
    return false; // numbers that are no RSA key verify nothing
  }
  return await new Promise<boolean>((resolve) => verify("sha256", data, publicKey, signature, (error, valid) => resolve(!error && valid)));
};

/** @param privateKey RSA, at least 2048 bits */
export function nodeSigner(privateKey: KeyObject): Signer {
  return {
    publicKey: rsaKeyOf(createPublicKey(privateKey.export({ type: "pkcs8", format: "pem" }))),
    sign: (data) => new Promise((resolve, reject) => sign("sha256", data, privateKey, (error, signature) => (error ? reject(error) : resolve(signature)))),
  };
}

/** Reads a SubjectPublicKeyInfo, DER; undefined for what is none of an RSA key. */
export function rsaFromSpki(der: Uint8Array): RsaKey | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(der), format: "der", type: "spki" });
    return key.asymmetricKeyType === "rsa" ? rsaKeyOf(key) : undefined;
  } catch {
    return undefined;
  }
}

/** Its SubjectPublicKeyInfo, DER. Throws for numbers that are no RSA key. */
export function rsaToSpki({ exponent, modulus }: RsaKey): Uint8Array {
  return createPublicKey({ format: "jwk", key: { kty: "RSA", n: base64url(modulus), e: base64url(exponent) } }).export({ format: "der", type: "spki" });
}

/** A fresh key of 3072 bits. */
export async function generateRsaKey(): Promise<KeyObject> {
  return (await promisify(generateKeyPair)("rsa", { modulusLength: 3072 })).privateKey;
}

function rsaKeyOf(key: KeyObject): RsaKey {
  const { n = "", e = "" } = key.export({ format: "jwk" });
  return { modulus: minimal(Buffer.from(n, "base64url")), exponent: minimal(Buffer.from(e, "base64url")) };
}
