import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { BalconyError } from "@balcony/channel";
import { oids } from "./asn1.js";
import { checkTime } from "./chain.js";
import type { Identity, IdentityPem } from "./identity.js";
import { readCertificate } from "./read-certificate.js";

/** Certificates of authorities that are kept behind one's own. */
const MOST_BEHIND = 8;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu;

/**
 * Takes a certificate that an authority has issued for one's own address: for the key that one has, or for another that is given. Whether peers trust the authority is theirs to say.
 * @param files `certificate`: PEM, one's own and those of authorities, in any order; `privateKey`: PEM, in the clear
 * @param options `identity`: what one has now; `now`: ms since 1970
 * @returns what the store keeps: one's own first, each behind it the issuer of the one before, and what is no part of the chain left out
 * @throws `invalid-argument` for what is no certificate or key, or of another key; `address-mismatch` for somebody else's address, or one beside; `certificate-no-address`, `certificate-expired`,
 * `certificate-not-yet-valid`, `certificate-usage`, `certificate-invalid`, `key-unacceptable`
 */
export function installCertificate(
  files: { readonly certificate: string; readonly privateKey?: string },
  { identity, now }: { readonly identity: Identity; readonly now: number },
): IdentityPem {
  const all = (files.certificate.match(PEM) ?? []).map((pem) => readOrRefuse(() => new X509Certificate(pem)));
  const key: KeyObject = files.privateKey === undefined ? identity.privateKey : readKey(files.privateKey);
  const own = all.find((one) => one.checkPrivateKey(key));
  if (!own) throw unusable(all.length === 0 ? "there is none in PEM" : "it is of another key; give that one, too");
  const { notAfter, notBefore, usages, xmppAddresses } = readCertificate(own.raw);
  if (xmppAddresses.length === 0) throw new BalconyError("certificate-no-address", "The certificate names no XMPP address: nobody could tell whose it is.", { phase: "trust" });
  if (xmppAddresses.some((address) => address !== identity.address) || xmppAddresses.length > 1)
    throw new BalconyError("address-mismatch", `The certificate is for ${xmppAddresses.join(", ")}, and not for ${identity.address} alone.`, { phase: "trust" });
  checkTime({ notAfter, notBefore }, "The certificate", now);
  // Jingle's initiator is TLS client, and its responder TLS server: whoever has one certificate for both needs both uses.
  if (usages && !(usages.includes(oids.serverAuth) && usages.includes(oids.clientAuth)) && !usages.includes(oids.anyExtendedKeyUsage))
    throw new BalconyError("certificate-usage", "The certificate is not for use by TLS clients and servers, and you are both.", { phase: "trust" });
  const chain = [own];
  while (chain.length <= MOST_BEHIND) {
    const last = chain.at(-1) ?? own;
    const issuer = all.find((one) => !chain.includes(one) && last.checkIssued(one) && last.verify(one.publicKey));
    if (!issuer) break;
    chain.push(issuer);
  }
  return { certificate: chain.map(String).join(""), privateKey: key.export({ format: "pem", type: "pkcs8" }).toString() };
}

function readKey(pem: string): KeyObject {
  return readOrRefuse(() => createPrivateKey(pem));
}

function readOrRefuse<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unusable("it cannot be read", cause);
  }
}

const unusable = (why: string, cause?: unknown): BalconyError => new BalconyError("invalid-argument", `That certificate cannot be installed: ${why}.`, { phase: "trust", cause });
