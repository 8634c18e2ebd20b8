import type { Alert, Device } from "@balcony/trust";

/** What every session has to say of itself. Of one that stands, only `trust`, `verified` and `alerts` ever change: by verification, and by what a verified device says. */
interface Common {
  /** `TLS_AES_256_GCM_SHA384`; of an ESession `aes256-ctr, HMAC-SHA-256, MODP 14`. */
  readonly cipher: string;
  /** Where the bytes go: "ibb via capulet.lit and montague.lit". */
  readonly path: string;
  /** A third, a changed key, never comes to a session: `open()` fails with `key-changed`, whose `key` has what a dialog needs, and a session whose key is refused while it stands ends with such an error. */
  readonly trust: "unverified" | "verified";
  /** How and when (ISO 8601) the peer's key was verified, where it is. */
  readonly verified?: NonNullable<Device["verified"]>;
  /** What this person calls the key (`store.label()`): their own name for whoever has it, to be shown above the address, which is others' to choose. */
  readonly petname?: string;
  /** Is this the first time that this key was seen for this address? */
  readonly firstUse: boolean;
  readonly alerts: readonly SecurityAlert[];
  /**
   * What both sides say, inside TLS, of the negotiation before: the same; the same but for paths and candidates; or `unknown`, as the peer knows no comparison. An ESession's is part of what
   * its keys are proved with: `same`.
   */
  readonly signalling: "same" | "path-altered" | "unknown";
  readonly own: Keys;
}

/** An end-to-end stream. */
export interface StreamSecurity extends Common {
  readonly protocol: "TLSv1.3";
  /** Namespace of the Jingle transport that carries the bytes. */
  readonly transport: string;
  readonly peer: Keys;
}

/**
 * A session that fell back to stanzas encrypted one by one through the servers (XEP-0116), with a client that has never had streams: docs/esessions.md says what that gives and
 * what it does not.
 */
export interface SealedSecurity extends Common {
  readonly protocol: "ESession";
  /** The key of the peer's device, if it is a Balcony; else the RSA key by which it was identified, if it was. Undefined where there is none that could ever be verified: then `trust` stays `unverified`. */
  readonly peer: Pick<Keys, "fingerprint"> | undefined;
  readonly esession: {
    readonly setting: "deployed" | "strict";
    /** What can be sent: everything between two Balconies, with other clients what was agreed on, messages always. */
    readonly stanzas: readonly ("message" | "presence" | "iq")[];
    /** The five characters of XEP-0116, only toward clients that have nothing else. They verify nobody: whoever sits in between makes them equal in seconds. */
    readonly sas: string | undefined;
    /** RSA keys by which the two were identified, as other clients show them: SHA-256 of the normalised `<KeyValue/>` (XEP-0116), 64 lower-case hex digits. Left out where neither was. */
    readonly keyValues?: { readonly own: string | undefined; readonly peer: string | undefined };
    /** `matched`: the other side has the secret that the last session left. It says "same as last time", and no more. */
    readonly retained: "matched" | "missing" | "none";
    readonly logging: "may" | "mustnot" | undefined;
  };
}

/** All that a client needs to draw a shield and an information dialog. */
export type Security = StreamSecurity | SealedSecurity;

/** What must be shown to the person. */
export type SecurityAlert =
  | Alert
  /** The certificate comes from an authority, and the trust anchors do not bear it out: `code` and words say why. It counts as any other key would. */
  | { readonly kind: "certificate"; readonly code: string; readonly why: string }
  /** What the peer's OpenPGP key is said to say of this device cannot be taken: `code` and words say why. The key counts as any other would. */
  | { readonly kind: "openpgp"; readonly code: string; readonly why: string }
  /** Somebody changed on the way by which transports and addresses the two may connect; `what`, in words, is not more than that. */
  | { readonly kind: "path-altered"; readonly what: readonly string[] }
  /** There is a secret from earlier sessions with this address, and the other side of the ESession has none of it: another client of theirs, or somebody else. */
  | { readonly kind: "secret-missing" }
  /** This address has shown keys before, and now, in an ESession, shows none. */
  | { readonly kind: "key-missing" };

export interface Keys {
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits: what trust hangs on, and what people compare. */
  readonly fingerprint: string;
  /** SHA-256 of the certificate, 64 lower-case hex digits; changes when the certificate is renewed. */
  readonly certificate: string;
}
