import { X509Certificate } from "node:crypto";
import { BalconyError, type ErrorCode } from "@balcony/channel";
import { content, decode, isUniversal, items, oids, readOid } from "./asn1.js";
import { acceptableKey, sha256 } from "./public-key.js";
import { invalid, type PeerCertificate, readFields } from "./read-certificate.js";

/** For authorities whose clocks are before ours. */
const CLOCK_SLACK = 5 * 60 * 1000;
/** Certificates between the peer's and an anchor. */
const LONGEST = 8;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/gu;

/** How a certificate may be signed: SHA-256 and better (RFC 5758 §3.2, RFC 4055 §5, RFC 8410 §3). */
const strongSignatures: ReadonlySet<string> = new Set([
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.3.101.112",
]);

/** An authority whose word the person takes for whose a key is. */
export interface Anchor {
  readonly certificate: X509Certificate;
  /** SHA-256 of the certificate: 64 lower-case hex digits. */
  readonly fingerprint: string;
}

/**
 * Reads trust anchors.
 * @param pem one certificate after another
 * @throws `invalid-argument` where there is none, or one that cannot be an authority
 */
export function readAnchors(pem: string): readonly Anchor[] {
  const blocks = pem.match(PEM) ?? [];
  if (blocks.length === 0) throw new BalconyError("invalid-argument", "There is no certificate in PEM among the trust anchors.");
  return blocks.map((block) => {
    try {
      const certificate = new X509Certificate(block);
      acceptableKey(certificate.publicKey.export({ format: "der", type: "spki" }));
      if (!certificate.ca) throw new Error("it says that it is no authority");
      return { certificate, fingerprint: sha256(certificate.raw) };
    } catch (cause) {
      throw new BalconyError("invalid-argument", `A trust anchor cannot be one: ${(cause as Error).message}.`, { cause });
    }
  });
}

export interface ChainExpectation {
  /** Bare. */
  readonly address: string;
  readonly anchors: readonly Anchor[];
  /** What the peer is in TLS. */
  readonly role: "client" | "server";
  /** ms since 1970. */
  readonly now: number;
}

/**
 * Does an authority that the person trusts vouch for this certificate and its address? (RFC 5280 §6.1, for chains that end in given anchors; RFC 6120 §13.7.2.) Signatures, names and key identifiers are
 * compared by OpenSSL; constraints that are not understood refuse the chain. Revocation is not looked up: that would tell the authority whom we talk to.
 * @returns the anchor that the chain ends in
 * @throws `certificate-no-address`, `address-mismatch`, `certificate-authority-unknown`, `certificate-expired`, `certificate-not-yet-valid`, `certificate-usage`, `certificate-weak`, `certificate-chain`
 */
export function checkChain(peer: PeerCertificate, expected: ChainExpectation): Anchor {
  const { address, anchors, now, role } = expected;
  if (peer.xmppAddresses.length === 0) throw refusal("certificate-no-address", "The certificate names no XMPP address: nobody vouches for whose it is.");
  if (peer.xmppAddresses.some((named) => named !== address)) throw refusal("address-mismatch", `The certificate is for ${peer.xmppAddresses.join(", ")}, and not for ${address}.`);
  checkTime(peer, "The certificate", now);
  const shown = peer.chain.map((der) => readOrRefuse(() => new X509Certificate(der)));
  let current = new X509Certificate(peer.der);
  for (let below = 0; below <= LONGEST; below++) {
    checkStrength(current);
    const anchor = anchors.find(({ certificate }) => isIssuedBy(current, certificate));
    if (anchor) {
      checkAuthority(anchor.certificate, { below, now, role, what: "The trust anchor" });
      return anchor;
    }
    const next = shown.find((certificate) => certificate.fingerprint256 !== current.fingerprint256 && isIssuedBy(current, certificate));
    if (!next) throw refusal("certificate-authority-unknown", "The certificate comes from an authority that is not among those you trust.");
    checkAuthority(next, { below, now, role, what: "An authority's certificate" });
    current = next;
  }
  throw refusal("certificate-chain", `The chain is longer than ${LONGEST} certificates.`);
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false; // a signature of another kind than the key
  }
}

/** RFC 5280 §4.2.1.9, §4.2.1.12, §6.1.4. */
function checkAuthority(
  certificate: X509Certificate,
  { below, now, role, what }: { readonly below: number; readonly now: number; readonly role: "client" | "server"; readonly what: string },
): void {
  const { extensions, notAfter, notBefore, spki } = readOrRefuse(() => readFields(certificate.raw));
  checkTime({ notAfter, notBefore }, what, now);
  if (!certificate.ca) throw refusal("certificate-chain", `${what} says that it is no authority.`);
  try {
    acceptableKey(spki);
  } catch (cause) {
    throw refusal("certificate-weak", `${what} has a key of a kind or size that is not accepted.`, cause);
  }
  if (extensions.has(oids.nameConstraints)) throw refusal("certificate-chain", `${what} constrains names, which is not understood here.`);
  const most = readOrRefuse(() => pathLength(extensions.get(oids.basicConstraints)));
  if (most !== undefined && below > most) throw refusal("certificate-chain", `${what} allows ${most} authorities below it, and there are ${below}.`);
  const usages = extensions.get(oids.extendedKeyUsage);
  if (!usages) return;
  const allowed = readOrRefuse(() => items(decode(usages)).map(readOid));
  if (!allowed.includes(oids.anyExtendedKeyUsage) && !allowed.includes(role === "client" ? oids.clientAuth : oids.serverAuth)) {
    throw refusal("certificate-usage", `${what} may not issue certificates of a TLS ${role}.`);
  }
}

function checkStrength(certificate: X509Certificate): void {
  const algorithm = readOrRefuse(() => readOid(items(items(decode(certificate.raw))[1])[0]));
  if (!strongSignatures.has(algorithm)) throw refusal("certificate-weak", `A certificate of the chain is signed by ${algorithm}, which is not accepted: SHA-256 and better is.`);
}

/** pathLenConstraint. */
function pathLength(extension: Buffer | undefined): number | undefined {
  const length = extension && items(decode(extension)).find((value) => isUniversal(value, "INTEGER"));
  if (!length) return undefined;
  const bytes = content(length);
  if (bytes.length > 2 || ((bytes[0] ?? 0) & 0x80) !== 0) throw new Error("a path length is no small number");
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

export function checkTime({ notAfter, notBefore }: { readonly notAfter: Date; readonly notBefore: Date }, what: string, now: number): void {
  if (now < notBefore.getTime() - CLOCK_SLACK) throw refusal("certificate-not-yet-valid", `${what} is valid only from ${notBefore.toISOString()} on.`);
  if (now > notAfter.getTime() + CLOCK_SLACK) throw refusal("certificate-expired", `${what} was valid until ${notAfter.toISOString()}.`);
}

function readOrRefuse<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof BalconyError ? cause : invalid("a certificate of its chain cannot be read", cause);
  }
}

const refusal = (code: ErrorCode, text: string, cause?: unknown): BalconyError => new BalconyError(code, text, { cause });
