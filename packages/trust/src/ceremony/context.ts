import { sha256 } from "@noble/hashes/sha2.js";
import type { BareJid } from "../record.js";
import { hashFields } from "./fields.js";

/** Label of the TLS exporter (RFC 8446 §7.5) whose 32 bytes, with `tlsContext()` as its context, key a ceremony. */
export const EXPORTER_LABEL = "EXPERIMENTAL-balcony-sas-1";

/** One end of a TLS channel: bare address, and the certificate in DER as it was seen in this handshake. */
export interface End {
  readonly address: BareJid;
  readonly certificate: Uint8Array;
}

/** What a ceremony over TLS is bound to. Certificates are bound explicitly, because the exporter ends before the client's certificate. */
export function tlsContext({ initiator, responder }: { readonly initiator: End; readonly responder: End }): Uint8Array {
  return hashFields("balcony-ctx-tls-1", initiator.address, sha256(initiator.certificate), responder.address, sha256(responder.certificate));
}
