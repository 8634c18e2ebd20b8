import { BalconyError } from "@balcony/channel";

const VERSION = /UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|VERSION_TOO_LOW|VERSION_TOO_HIGH|WRONG_SSL_VERSION|NO_PROTOCOLS_AVAILABLE/;
/**
 * The alerts (RFC 8446 §6.2) by which a peer says that it does not want us: our certificate, our key, or what we offer. All others tell of broken bytes.
 * OpenSSL 3.0 names them `ERR_SSL_SSLV3_ALERT_…`, `ERR_SSL_TLSV1_ALERT_…` and so on, later ones some `ERR_SSL_SSL/TLS_ALERT_…`.
 */
const REJECTION =
  /_ALERT_(HANDSHAKE_FAILURE|NO_CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR|INSUFFICIENT_SECURITY|CERTIFICATE_REQUIRED)$/;

const codeOf = (error: unknown): string => String((error as { readonly code?: unknown } | undefined)?.code ?? "");

/** What went wrong in or under TLS, by our codes; what has one already is passed on. */
export function tlsError(error: unknown): BalconyError {
  if (error instanceof BalconyError) return error;
  const reason = codeOf(error);
  const failure = (code: BalconyError["code"], text: string) => new BalconyError(code, text, { cause: error });
  if (!/^ERR_(SSL|TLS|OSSL)_/.test(reason)) return failure("connection-lost", `The connection under TLS broke${reason && `: ${reason}`}.`);
  if (VERSION.test(reason)) return failure("tls-version", "The two sides have no version of TLS in common; ours is 1.3.");
  if (reason.includes("NO_APPLICATION_PROTOCOL")) return failure("alpn-mismatch", "The two sides have no application protocol in common; ours is xmpp-client.");
  if (reason.includes("PEER_DID_NOT_RETURN_A_CERTIFICATE")) return failure("no-certificate", "The peer showed no certificate.");
  if (REJECTION.test(reason)) return failure("tls-rejected", `The peer rejected us: ${reason}.`);
  return failure("tls-failed", `TLS failed: ${reason}.`);
}

/** Is this an error of OpenSSL's or the system's? Any other that a stream is destroyed with is its owner's, and stays as it is. */
export const isForeign = (error: Error): boolean => /^(ERR_(SSL|TLS|OSSL)_|ECONNRESET$)/.test(codeOf(error)) || "syscall" in error;
