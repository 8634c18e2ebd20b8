import type { Secured } from "@balcony/tls";
import { EXPORTER_LABEL, tlsContext } from "@balcony/trust";
import type { Jid } from "@balcony/xml";

/** What a ceremony is bound to: the channel that it runs in, and the keys at both ends. */
export interface ChannelBinding {
  /** Who opened the channel, whoever asks for the ceremony. */
  readonly role: "initiator" | "responder";
  /** SHA-256 of the peer's SubjectPublicKeyInfo: what is verified. */
  readonly spki: string;
  readonly ctx: Uint8Array;
  /** 32 bytes that only the two ends of this channel can know. */
  readonly ekm: Uint8Array;
}

/** Of a TLS channel: both certificates, both bare addresses, and the exporter. */
export function tlsBinding(
  tls: Pick<Secured, "ownCertificate" | "peerCertificate" | "exportKeyingMaterial">,
  { peer, role, self }: { readonly role: "initiator" | "responder"; readonly self: Jid; readonly peer: Jid },
): ChannelBinding {
  const own = { address: self, certificate: tls.ownCertificate.der };
  const other = { address: peer, certificate: tls.peerCertificate.der };
  const ctx = tlsContext(role === "initiator" ? { initiator: own, responder: other } : { initiator: other, responder: own });
  return { role, spki: tls.peerCertificate.spki, ctx, ekm: tls.exportKeyingMaterial(32, EXPORTER_LABEL, ctx) };
}
