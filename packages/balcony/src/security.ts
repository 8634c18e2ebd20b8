import type { Alert, Device } from "@balcony/trust";

/** All that a client needs to draw a shield and an information dialog. Of a session that stands, only `trust`, `verified` and `alerts` ever change: by verification, and by what a verified device says. */
export interface Security {
  readonly protocol: "TLSv1.3";
  /** `TLS_AES_256_GCM_SHA384` */
  readonly cipher: string;
  /** Where the bytes go: "ibb via capulet.lit and montague.lit". */
  readonly path: string;
  /** Namespace of the Jingle transport that carries them. */
  readonly transport: string;
  /** A third, a changed key, never comes to a session: `open()` fails with `key-changed`, whose `key` has what a dialog needs, and a session whose key is refused while it stands ends with such an error. */
  readonly trust: "unverified" | "verified";
  /** How and when (ISO 8601) the peer's key was verified, where it is. */
  readonly verified?: NonNullable<Device["verified"]>;
  /** Is this the first time that this key was seen for this address? */
  readonly firstUse: boolean;
  readonly alerts: readonly SecurityAlert[];
  /** What both sides say, inside TLS, of the negotiation before: the same; the same but for paths and candidates; or `unknown`, as the peer knows no comparison. */
  readonly signalling: "same" | "path-altered" | "unknown";
  readonly own: Keys;
  readonly peer: Keys;
}

/** What must be shown to the person. `path-altered`: somebody changed on the way by which transports and addresses the two may connect; `what`, in words, is not more than that. */
export type SecurityAlert = Alert | { readonly kind: "path-altered"; readonly what: readonly string[] };

export interface Keys {
  /** SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits: what trust hangs on, and what people compare. */
  readonly fingerprint: string;
  /** SHA-256 of the certificate, 64 lower-case hex digits; changes when the certificate is renewed. */
  readonly certificate: string;
}
