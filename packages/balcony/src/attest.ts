import { BalconyError } from "@balcony/channel";
import { type Anchor, checkChain, type PeerCertificate } from "@balcony/tls";
import type { Verification } from "@balcony/trust";

/** What authorities say of a certificate: that the key is this address's, why they do not, or nothing at all. */
export interface Attestation {
  readonly attested?: Verification;
  readonly failure?: BalconyError;
}

/** Asks the trust anchors. Synchronous, for the inside of a TLS callback. Of a certificate that signed itself no authority has anything to say. */
export function attest(
  certificate: PeerCertificate,
  options: { readonly anchors: readonly Anchor[]; readonly address: string; readonly role: "client" | "server"; readonly now: number },
): Attestation {
  if (options.anchors.length === 0 || certificate.selfIssued) return {};
  try {
    checkChain(certificate, options);
    return { attested: { how: "ca", at: new Date(options.now).toISOString() } };
  } catch (error) {
    if (error instanceof BalconyError) return { failure: error };
    throw error;
  }
}
