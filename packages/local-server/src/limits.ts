/** What one client may make the server hold. */
export interface ServerLimits {
  /** Bytes of one stanza of a client that is logged in. Default 256 KiB. */
  readonly stanzaBytes: number;
  /** Bytes of one element before login. Default 10,000 (RFC 6120 §13.12 asks for at least that). */
  readonly preAuthBytes: number;
  /** Connections at a time, of any kind, those of the proxy apart. Default 1,000. */
  readonly connections: number;
  /** Milliseconds from connecting to a bound resource. Default 30 s. */
  readonly loginTimeout: number;
  /** Failed logins on one connection (RFC 6120 §6.4.5). Default 3. */
  readonly loginAttempts: number;
  /** Bytes waiting for one client to read, above which whoever sends it more is not read from. Default 1 MiB. */
  readonly queuedBytes: number;
  /** Milliseconds that others wait for a client to read before it is cut off. Default 15 s. */
  readonly stallTimeout: number;
  /** Addresses that one client has sent its presence to. Default 1,000. */
  readonly directedPresences: number;
}

export const defaultServerLimits: ServerLimits = Object.freeze({
  stanzaBytes: 256 * 1024,
  preAuthBytes: 10_000,
  connections: 1_000,
  loginTimeout: 30_000,
  loginAttempts: 3,
  queuedBytes: 1024 * 1024,
  stallTimeout: 15_000,
  directedPresences: 1_000,
});
