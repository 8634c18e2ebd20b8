import { createHash, createPrivateKey } from "node:crypto";
import { type Keys, keyFingerprint, type RsaKey } from "@balcony/esessions";
import { generateRsaKey, nodeCrypto, nodeSigner, nodeVerify, rsaFromSpki, rsaToSpki } from "@balcony/esessions/node";
import type { TrustStore } from "@balcony/trust";
import { bare, type Jid } from "@balcony/xml";

/** An RSA key as the store names keys, and as XEP-0116 does. */
export interface NamedRsaKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly der: Uint8Array;
  /** Its SHA-256: 64 lower-case hex digits. */
  readonly spki: string;
  /** SHA-256 of the normalised `<KeyValue/>`, which other clients show: 64 lower-case hex digits. */
  readonly keyValue: string;
}

export function named(key: RsaKey): NamedRsaKey {
  const der = rsaToSpki(key);
  return { der, spki: createHash("sha256").update(der).digest("hex"), keyValue: Buffer.from(keyFingerprint(nodeCrypto, key)).toString("hex") };
}

/** Our own RSA key, made where there is none, and those that the store knows. Whether a key that has signed is to be trusted, `trust` says. */
export async function rsaKeys(store: TrustStore, account: Jid, trust: Keys["trust"]): Promise<Keys> {
  return {
    signer: nodeSigner(createPrivateKey(await ownKey(store, account))),
    verify: nodeVerify,
    find: async (peer, fingerprint) => {
      await store.refresh();
      const devices = store.show(account, bare(peer))?.devices ?? [];
      const known = devices.flatMap(({ key, status }) => (key === undefined || status === "revoked" ? [] : (rsaFromSpki(Buffer.from(key, "base64")) ?? [])));
      return known.find((key) => Buffer.from(keyFingerprint(nodeCrypto, key)).equals(fingerprint));
    },
    trust,
  };
}

/** Has the person had it refused, as one of their own (`trust revoke`)? */
function isRevoked(store: TrustStore, account: Jid, pem: string): boolean {
  const { spki } = named(nodeSigner(createPrivateKey(pem)).publicKey);
  return store.show(account, account)?.devices.some((device) => device.spki === spki && device.status === "revoked") ?? false;
}

/** PKCS #8 in PEM. Of two processes that make one at once the first one's holds. */
async function ownKey(store: TrustStore, account: Jid): Promise<string> {
  await store.refresh();
  const kept = store.sealing(account).rsa;
  if (kept !== undefined && !isRevoked(store, account, kept)) return kept;
  const made = (await generateRsaKey()).export({ type: "pkcs8", format: "pem" }).toString();
  return (await store.changeSealing(account, (keys) => (keys.rsa === kept ? { ...keys, rsa: made } : keys))).rsa ?? made;
}
