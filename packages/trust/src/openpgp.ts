import type { BareJid } from "./record.js";

/** What a statement of an OpenPGP key is held against. */
export interface OpenPgpExpectation {
  /** Whose device it is: the peer. */
  readonly owner: BareJid;
  /** The key that the peer has proved to hold: SHA-256 of its SubjectPublicKeyInfo, 64 lower-case hex digits. */
  readonly spki: string;
  /** The OpenPGP keys that the person takes for the peer's: transferable public keys (RFC 9580 §10.1), binary. */
  readonly keys: readonly Uint8Array[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Checks what OpenPGP keys say of devices: @balcony/trust-openpgp. A contract, so that whoever does not use it does not load it. */
export interface OpenPgpVerifier {
  /**
   * Is this a statement that one of the keys has made, and that holds now, about this very device of this very address?
   * @param statement an OpenPGP message in the form of XEP-0373's `<sign/>`: docs/xep-e2e-openpgp.md
   * @returns the fingerprint of the OpenPGP key: upper-case hex
   * @throws `openpgp-statement`, `openpgp-other-device`, `openpgp-expired`, `openpgp-key-unknown`, `openpgp-key-revoked`, `openpgp-key-expired`, `openpgp-key-address`, `openpgp-weak`
   */
  check(statement: Uint8Array, expected: OpenPgpExpectation): Promise<string>;
}

/** Bytes of a statement: it stands in an attribute of a stream's header, in base64. */
export const MAX_STATEMENT = 4_096;
/** Bytes of an OpenPGP key that is kept. */
export const MAX_OPENPGP_KEY = 32_768;

/** Fingerprint of an OpenPGP key: 40 (version 4) or 64 (version 6) upper-case hex digits. */
export const isOpenPgpFingerprint = (text: string): boolean => /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/u.test(text);
