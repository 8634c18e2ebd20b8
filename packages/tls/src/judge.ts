import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { BalconyError, type ErrorCode, readAddress } from "@balcony/channel";
import { oids } from "./asn1.js";
import { checkTime } from "./chain.js";
import type { Identity } from "./identity.js";
import { type PeerCertificate, readCertificate } from "./read-certificate.js";

/** Certificates that are kept of those that a peer sends behind its own. */
const MOST_BEHIND = 16;

/** Who is expected at the other end. */
export interface Expectation {
  /** Its address: whatever the certificate names as id-on-xmppAddr must be this one's bare form. A certificate that names none is for the layer above to judge. */
  readonly peerAddress?: string | undefined;
  /** The certificate that signalling announced, as SHA-256 of its DER in 64 lower-case hex digits. */
  readonly expectedFingerprint?: string | undefined;
  /** The time, in ms since 1970. Default `Date.now`. */
  readonly clock?: (() => number) | undefined;
}

interface Judging extends Expectation {
  readonly role: "client" | "server";
  readonly identity: Identity;
}

/**
 * All that Node leaves open when its handshake is done: its `authorized` is not looked at, as it depends on lists of authorities and not on the peer.
 * @throws `resumption`, `tls-version`, `alpn-mismatch`, `no-certificate`, `certificate-invalid`, `certificate-expired`, `certificate-not-yet-valid`, `certificate-usage`, `key-unacceptable`, `reflection`, `address-mismatch`, `fingerprint-mismatch`
 */
export function judge(socket: TLSSocket, expected: Judging): PeerCertificate {
  // Before the certificate is read: of a resumed session it would be the old peer's.
  if (socket.isSessionReused()) throw refusal("resumption", "The peer resumed an earlier TLS session.");
  if (socket.getProtocol() !== "TLSv1.3") throw refusal("tls-version", `The peer speaks ${socket.getProtocol()}.`);
  const { alpnProtocol } = socket;
  if (alpnProtocol && alpnProtocol !== "xmpp-client") throw refusal("alpn-mismatch", `The peer chose the application protocol ${JSON.stringify(alpnProtocol)}.`);
  const shown = socket.getPeerX509Certificate();
  if (!shown) throw refusal("no-certificate", "The peer showed no certificate.");
  const peer = readCertificate(shown.raw, chainBehind(shown));
  if (peer.spki === expected.identity.spki) throw refusal("reflection", "The peer showed our own key.");
  checkTime(peer, "The certificate", (expected.clock ?? Date.now)());
  checkUsage(peer, expected.role === "client" ? "server" : "client");
  checkAddress(peer, expected.peerAddress);
  if (expected.expectedFingerprint !== undefined && peer.fingerprint !== expected.expectedFingerprint) {
    throw refusal("fingerprint-mismatch", "The certificate is not the one that signalling announced.");
  }
  return peer;
}

/** In the order in which they came. Asked of what Node gave once: a second call gives another object, without them. */
function chainBehind(shown: X509Certificate): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  for (let next = shown.issuerCertificate; next && chain.length < MOST_BEHIND; next = next.issuerCertificate) chain.push(next.raw);
  return chain;
}

/** RFC 5280 §4.2.1.12. */
function checkUsage({ usages }: PeerCertificate, role: "client" | "server"): void {
  const needed = role === "client" ? oids.clientAuth : oids.serverAuth;
  if (usages && !usages.includes(needed) && !usages.includes(oids.anyExtendedKeyUsage)) throw refusal("certificate-usage", `The certificate is not for use as a TLS ${role}.`);
}

function checkAddress({ xmppAddresses }: PeerCertificate, peerAddress: string | undefined): void {
  if (peerAddress === undefined) return;
  const [expected] = readAddress(peerAddress).split("/");
  const other = xmppAddresses.find((address) => address !== expected);
  if (other !== undefined) throw refusal("address-mismatch", `The certificate is for ${other}, and not for ${expected}.`);
}

const refusal = (code: ErrorCode, text: string): BalconyError => new BalconyError(code, text);
