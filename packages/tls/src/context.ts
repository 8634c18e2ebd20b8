import { constants } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { exportIdentity, type Identity } from "./identity.js";
import { type PeerCertificate, readCertificate } from "./read-certificate.js";

const SIGNATURES = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:ed25519:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512";
const CIPHERS = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
const CLASSIC_GROUPS = "X25519:P-256:P-384:P-521";
/** Where Node's OpenSSL is 3.5 or later. An older one refuses a list with a group that it does not know. */
const HYBRID_GROUPS = `X25519MLKEM768:${CLASSIC_GROUPS}`;

/** What all streams of an identity share: a context of its own costs each some 40 KiB. */
export interface IdentityContext {
  readonly secureContext: SecureContext;
  readonly certificate: PeerCertificate;
}

const contexts = new WeakMap<Identity, IdentityContext>();
let groups: string | undefined;

export function contextOf(identity: Identity): IdentityContext {
  const known = contexts.get(identity);
  if (known) return known;
  const context = { secureContext: secureContextFor(identity), certificate: readCertificate(identity.certificate) };
  contexts.set(identity, context);
  return context;
}

function secureContextFor(identity: Identity): SecureContext {
  groups ??= isGroupListKnown(HYBRID_GROUPS) ? HYBRID_GROUPS : CLASSIC_GROUPS;
  const { certificate, privateKey } = exportIdentity(identity);
  return createSecureContext({
    cert: certificate,
    key: privateKey,
    ca: [], // nobody: neither Node's own list nor NODE_EXTRA_CA_CERTS
    minVersion: "TLSv1.3",
    maxVersion: "TLSv1.3",
    ciphers: CIPHERS,
    sigalgs: SIGNATURES,
    ecdhCurve: groups,
    // And no sessionIdContext, without which OpenSSL resumes nobody who has a certificate to show.
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}

function isGroupListKnown(list: string): boolean {
  try {
    createSecureContext({ ca: [], ecdhCurve: list });
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}
