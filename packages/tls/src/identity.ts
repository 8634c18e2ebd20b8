import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { BalconyError, readAddress } from "@balcony/channel";
import { acceptableKey, type KeyType, sha256 } from "./public-key.js";
import { readCertificate } from "./read-certificate.js";
import { selfSigned } from "./self-signed.js";

const DAY = 24 * 60 * 60 * 1000;
const VALIDITY_DAYS = 365;
/** For peers whose clocks are behind. */
const BACKDATED_DAYS = 1;

/** One's own certificate and key. One object for each: what TLS needs of it is made once and shared by all its streams. */
export interface Identity {
  /** The bare address that the certificate names, in normal form. */
  readonly address: string;
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER of the authorities' certificates that are shown behind it, where it is not self-signed. */
  readonly chain?: readonly Uint8Array[];
  readonly privateKey: KeyObject;
  /** SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. */
  readonly spki: string;
  /** SHA-256 of the certificate: 64 lower-case hex digits. */
  readonly fingerprint: string;
  readonly notAfter: Date;
  /** Further names that the certificate gives itself, as URIs. */
  readonly uris?: readonly string[];
}

/** As it is kept; behind the certificate those of its authorities, where it has any: encryption at rest is for whoever keeps it. */
export interface IdentityPem {
  readonly certificate: string;
  /** PKCS #8. */
  readonly privateKey: string;
}

export interface IdentityOptions {
  /** Default `P-256`. */
  readonly keyType?: Exclude<KeyType, "RSA"> | undefined;
  /** A key to use instead of a new one; RSA also. */
  readonly privateKey?: KeyObject | undefined;
  /** Days until the certificate ends. Default 365. */
  readonly validityDays?: number | undefined;
  /** Further names for the certificate, as URIs in ASCII. */
  readonly uris?: readonly string[] | undefined;
  /** Default: now. */
  readonly now?: Date | undefined;
}

/**
 * Makes a key and a self-signed certificate for it (RFC 5280), naming the address as id-on-xmppAddr (RFC 6120 §13.7.1.4). It is valid from a day before `now` on.
 * @param address bare
 * @throws `invalid-jid`; `invalid-argument` for an address with a resource or a time beyond the year 9999; `key-unacceptable` for a key that no peer would accept
 */
export function createIdentity(address: string, options: IdentityOptions = {}): Identity {
  const { keyType = "P-256", privateKey = generate(keyType), validityDays = VALIDITY_DAYS, now = new Date(), uris = [] } = options;
  const account = readAddress(address);
  if (account.includes("/")) throw new BalconyError("invalid-argument", `A certificate is for a bare address, and ${account} has a resource.`);
  const notBefore = wholeSeconds(now.getTime() - BACKDATED_DAYS * DAY);
  const notAfter = wholeSeconds(now.getTime() + validityDays * DAY);
  if (!(validityDays > 0) || !(notBefore.getUTCFullYear() >= 0) || !(notAfter.getUTCFullYear() <= 9999)) {
    throw new BalconyError("invalid-argument", `A certificate cannot be valid for ${validityDays} days.`);
  }
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const certificate = selfSigned({ address: account, privateKey, keyType: acceptableKey(spki), spki, notBefore, notAfter, uris });
  return Object.freeze({ address: account, certificate, privateKey, spki: sha256(spki), fingerprint: sha256(certificate), notAfter, ...(uris.length > 0 && { uris }) });
}

/** A new certificate on the same key: peers who trust the key notice nothing. */
export function renewIdentity({ address, privateKey, uris }: Identity, options: Omit<IdentityOptions, "privateKey" | "keyType"> = {}): Identity {
  return createIdentity(address, { uris, ...options, privateKey });
}

/** The identity as text, the key in the clear. */
export function exportIdentity({ certificate, chain = [], privateKey }: Identity): IdentityPem {
  return {
    certificate: [certificate, ...chain].map((der) => new X509Certificate(der).toString()).join(""),
    privateKey: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
  };
}

/**
 * Reads what `exportIdentity()` gave, also when it has ended: `renewIdentity()` makes it good again.
 * @throws `store-corrupt` where it is not the certificate of one address, and its key
 */
export function importIdentity({ certificate, privateKey }: IdentityPem): Identity {
  try {
    const x509 = new X509Certificate(certificate);
    const key = createPrivateKey(privateKey);
    if (!x509.checkPrivateKey(key)) throw new Error("The key is not the certificate's.");
    const { der, fingerprint, notAfter, spki, uris, xmppAddresses } = readCertificate(x509.raw);
    const [address, ...more] = xmppAddresses;
    if (address === undefined || address.includes("/") || more.length > 0) throw new Error("The certificate is not that of one bare address.");
    const chain = (certificate.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu) ?? []).slice(1).map((pem) => new X509Certificate(pem).raw);
    return Object.freeze({ address, certificate: der, ...(chain.length > 0 && { chain }), ...(uris.length > 0 && { uris }), privateKey: key, spki, fingerprint, notAfter });
  } catch (cause) {
    throw new BalconyError("store-corrupt", "The stored certificate and key cannot be read.", { phase: "store", cause });
  }
}

function generate(keyType: Exclude<KeyType, "RSA">): KeyObject {
  return keyType === "Ed25519" ? generateKeyPairSync("ed25519").privateKey : generateKeyPairSync("ec", { namedCurve: keyType }).privateKey;
}

const wholeSeconds = (time: number): Date => new Date(Math.floor(time / 1000) * 1000);
