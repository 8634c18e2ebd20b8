import type { AddressPolicy, IceServer, Transport } from "@balcony/jingle";
import { type Anchor, readAnchors } from "@balcony/tls";
import type { OpenPgpVerifier, TrustStore } from "@balcony/trust";
import type { Limits } from "@balcony/xml";
import type { KeepaliveTimes } from "@balcony/xml-stream";
import { defaultTimeouts, type Policy, type Timeouts } from "./context.js";
import { checkSettings, type ESessionSettings } from "./esessions/settings.js";
import type { OnProgress } from "./progress.js";
import { defaultTransports, type TransportName, transportsOf } from "./transports.js";
import type { Secure } from "./xtls.js";

export interface BalconyOptions {
  /** Keys and trust: a store already opened, or where to keep one. Default: `balcony` under the platform's data folder, without a passphrase. */
  readonly store?: TrustStore | { readonly folder?: string; readonly passphrase?: string | (() => Promise<string>) };
  readonly policy?: Partial<Policy>;
  /**
   * `anchors`: certificates of authorities in PEM, one after another, whose word you take for whose a key is: a peer whose certificate they have issued for its address is `verified` by `ca`. Nobody by
   * default; neither the system's list nor Node's is ever used.
   */
  readonly trust?: {
    readonly anchors?: string;
    /**
     * What checks statements of OpenPGP keys: `openPgp` of @balcony/trust-openpgp. A peer whose device was signed by an OpenPGP key that the store trusts for it (`store.trustOpenPgp()`) is `verified` by
     * `openpgp`. Left out, such statements say nothing. docs/xep-e2e-openpgp.md
     */
    readonly openpgp?: OpenPgpVerifier;
  };
  /**
   * In order of preference, ours by name. Default: `["s5b", "ice-tcp", "webrtc", "ibb"]`. Neighbours that can each lead directly are tried side by side with another Balcony (docs/xep-side-by-side.md), one
   * after another with everybody else. With none there are no streams, and nothing but ESessions where policy allows them.
   */
  readonly transports?: readonly (TransportName | Transport)[];
  /** Has the router lead others to us by UPnP or NAT-PMP while a SOCKS5 bytestream is looked for, with peers that may learn our address. For those transports that are named. Default false. */
  readonly mapPorts?: boolean;
  /** STUN and TURN servers for ICE-TCP and WebRTC, or what finds them, asked as each attempt to connect begins. Default: those that our own server names (XEP-0215). */
  readonly servers?: readonly IceServer[] | (() => Promise<readonly IceServer[]>);
  /**
   * `any`: direct before relayed, to peers that are known; others get relays of our own server alone, so that nobody learns where we are by sending a stanza. `relayed`: so for everybody.
   * `direct`: nothing that a server carries, and whoever gets a stream learns our address. Default `any`.
   */
  readonly paths?: AddressPolicy["paths"];
  /** Lets transports use addresses of this very machine: for tests, where both ends are on it. */
  readonly dangerouslyUseLoopback?: boolean;
  readonly timeouts?: Partial<Timeouts>;
  /** How TLS is begun, in our offers and in our answers: `xtls` at once where the peer knows it, else STARTTLS; `starttls` always; `auto`, the default: XTLS with peers whose key is known, STARTTLS at first contact. */
  readonly secure?: Secure;
  readonly limits?: Partial<Limits>;
  /** What ESessions are, where policy falls back to them. */
  readonly esessions?: ESessionSettings;
  /** Milliseconds of silence in a stream after which the peer is asked whether it is still there, and for its answer. Default 60,000 and 30,000. */
  readonly keepalive?: KeepaliveTimes | "off";
}

export interface OpenOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  readonly timeouts?: Partial<Timeouts>;
  /** For this stream. Default: what `balcony()` was told. */
  readonly paths?: AddressPolicy["paths"];
  /** The code of the peer's invitation, as it was typed or scanned: the session is handed over once both sides are verified by it, and closed where they are not. */
  readonly code?: string;
}

/** What an application wants, with our defaults where it said nothing. */
export interface Settings {
  readonly policy: Policy;
  readonly anchors: readonly Anchor[];
  readonly openpgp: OpenPgpVerifier | undefined;
  readonly transports: readonly Transport[];
  readonly servers: BalconyOptions["servers"];
  readonly paths: AddressPolicy["paths"];
  readonly loopback: boolean;
  readonly timeouts: Timeouts;
  readonly secure: Secure;
  readonly limits: Partial<Limits>;
  readonly sealing: ESessionSettings;
  readonly keepalive: KeepaliveTimes | "off" | undefined;
}

const defaultPolicy = Object.freeze<Policy>({
  require: "encrypted",
  signalling: "where-known",
  allow: () => false,
  accept: () => true,
  fallback: "never",
  firstUse: () => true,
  logging: "may",
  loggingDiffers: () => true,
  showAddress: ({ known }) => known,
});

/** Throws `invalid-argument`. */
export function settingsOf(options: BalconyOptions): Settings {
  const policy: Policy = { ...defaultPolicy, ...options.policy };
  const none = options.transports?.length === 0 && policy.fallback !== "never";
  return {
    policy,
    anchors: options.trust?.anchors === undefined ? [] : readAnchors(options.trust.anchors),
    openpgp: options.trust?.openpgp,
    transports: none ? [] : transportsOf(options.transports ?? defaultTransports, { mapPorts: options.mapPorts ?? false }),
    servers: options.servers,
    paths: options.paths ?? "any",
    loopback: options.dangerouslyUseLoopback ?? false,
    timeouts: { ...defaultTimeouts, ...options.timeouts },
    secure: options.secure ?? "auto",
    limits: options.limits ?? {},
    sealing: checkSettings(options.esessions ?? {}),
    keepalive: options.keepalive,
  };
}
