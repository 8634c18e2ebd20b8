import type { BareJid, PeerRecord } from "./record.js";

/** One's own certificate and its key, in PEM. The key is PKCS #8. */
export interface StoredIdentity {
  readonly certificate: string;
  readonly privateKey: string;
  /** What our own OpenPGP key says of this key, as peers are shown it: a message in the form of XEP-0373, in base64. */
  readonly openpgp?: string;
}

/** A secret that an ESession leaves for the next one (XEP-0116, "Secret Retention"), shared with one client of a peer. */
export interface RetainedSecret {
  readonly current: Uint8Array;
  /** The one before, for a peer that crashed before it had the last. */
  readonly previous?: Uint8Array;
}

/** The secret half of what was published for those who send while this account is away (XEP-0187). */
export interface AwaySecret {
  readonly nonce: Uint8Array;
  /** x, by MODP group. */
  readonly exponents: readonly (readonly [group: number, exponent: Uint8Array])[];
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** SHA-256 of each d that was used: none is opened twice. */
  readonly seen: readonly Uint8Array[];
}

/** What an own account has for ESessions alone. */
export interface SealingKeys {
  /** The RSA key by which it identifies itself (XEP-0116), PKCS #8 in PEM. */
  readonly rsa?: string;
  readonly away?: readonly AwaySecret[];
}

/** All that a store holds. Never changed in place. */
export interface Contents {
  /** By own account. */
  readonly identities: ReadonlyMap<BareJid, StoredIdentity>;
  /** By own account, then by peer. */
  readonly peers: ReadonlyMap<BareJid, ReadonlyMap<BareJid, PeerRecord>>;
  /** By own account, then by peer. They lie where the private keys lie. */
  readonly secrets?: ReadonlyMap<BareJid, ReadonlyMap<BareJid, readonly RetainedSecret[]>>;
  /** By own account. They lie where the private keys lie. */
  readonly sealing?: ReadonlyMap<BareJid, SealingKeys>;
}

export interface StoreOptions {
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly clock?: () => number;
}

export interface FileStoreOptions extends StoreOptions {
  /** Where the two files lie; made if it is not there. */
  readonly folder: string;
  /**
   * Encrypts the private keys. A function is called once, and only if it is needed: for a store that has a passphrase, and for a new one. A store
   * made without a passphrase does not open with one.
   */
  readonly passphrase?: string | (() => Promise<string>) | undefined;
  /** Milliseconds for which another process may hold the store. Default 15,000. */
  readonly lockTimeout?: number | undefined;
  /** Ends every wait for another process, now and later. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where a store's contents lie. Pass your own to `TrustStore.over()` to keep them elsewhere than in files.
 */
export interface TrustStorage {
  /** What protects the private keys at rest: a passphrase, the file's permissions alone, or nothing, as they are in memory only. */
  readonly protection: "passphrase" | "file" | "memory";
  /** What is there now, whoever wrote it. Cheap if nothing has changed. */
  load(): Promise<Contents>;
  /**
   * Reads what is there, changes it and writes it, with no other writer in between. Once it resolves the change outlasts a crash; if it
   * rejects, nothing was changed. Is never called again before it has settled. Writes nothing if `change` gives back what it was given.
   */
  update(change: (contents: Contents) => Contents | Promise<Contents>): Promise<Contents>;
  close(): Promise<void>;
}

/** Contents that end with the process. */
export function memoryStorage(): TrustStorage {
  let current: Contents = { identities: new Map(), peers: new Map() };
  return {
    protection: "memory",
    load: () => Promise.resolve(current),
    update: async (change) => {
      current = await change(current);
      return current;
    },
    close: () => Promise.resolve(),
  };
}

/** The same contents with one peer's record replaced, or without it if the new one is undefined. */
export function withRecord(
  contents: Contents,
  { account, peer, record }: { readonly account: BareJid; readonly peer: BareJid; readonly record: PeerRecord | undefined },
): Contents {
  const ofAccount = new Map(contents.peers.get(account));
  if (record === undefined) ofAccount.delete(peer);
  else ofAccount.set(peer, record);
  return { ...contents, peers: new Map(contents.peers).set(account, ofAccount) };
}

/** The same contents with other secrets shared with one peer. */
export function withSecrets(
  contents: Contents,
  { account, peer, secrets }: { readonly account: BareJid; readonly peer: BareJid; readonly secrets: readonly RetainedSecret[] },
): Contents {
  const ofAccount = new Map(contents.secrets?.get(account));
  if (secrets.length === 0) ofAccount.delete(peer);
  else ofAccount.set(peer, secrets);
  return { ...contents, secrets: new Map(contents.secrets).set(account, ofAccount) };
}
