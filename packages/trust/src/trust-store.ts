import { Buffer } from "node:buffer";
import { BalconyError } from "@balcony/channel";
import { type Code, spentHash } from "./code/code.js";
import { type Acceptance, type BlockCode, decide, type Owner } from "./decide.js";
import { isOpenPgpFingerprint, MAX_OPENPGP_KEY, MAX_STATEMENT } from "./openpgp.js";
import {
  attested,
  type BareJid,
  charged,
  codeConfirmed,
  codeSpent,
  type Device,
  type DirectHow,
  deviceOf,
  differed,
  disowned,
  givenBack,
  isAttestation,
  isDirectlyVerified,
  isSpki,
  labelled,
  openPgpDistrusted,
  openPgpTrusted,
  type PeerRecord,
  type Requirement,
  removed,
  required,
  reset,
  revoked,
  rotated,
  seen,
  verified,
  vouched,
} from "./record.js";
import {
  type Contents,
  type FileStoreOptions,
  memoryStorage,
  type RetainedSecret,
  type SealingKeys,
  type StoredIdentity,
  type StoreOptions,
  type TrustStorage,
  withRecord,
  withSecrets,
} from "./storage.js";

/** What is known of one peer at one moment. */
export interface PeerView {
  /** Undefined if the peer was never met. */
  readonly record: PeerRecord | undefined;
  /** Who else has this key, under any of our accounts. */
  otherOwners(spki: string): readonly Owner[];
}

export interface Contact {
  readonly peer: BareJid;
  readonly record: PeerRecord;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;

const blocked: Readonly<Record<BlockCode, string>> = {
  "key-changed": "This address was verified with another key.",
  "key-revoked": "This key was revoked.",
  "not-trusted": "This key is not verified any more.",
  "too-many-devices": "This address has shown more unverified keys than are kept.",
};

/**
 * Remembers who is at the other end: own identities, and each peer's keys. Everything is kept per own account and peer, both bare addresses in normal form.
 * A change is durable, and seen by other processes, once its promise resolves. Every method throws `closed` after `close()`, `invalid-jid` for what is no
 * bare address, `invalid-argument` for what is no SPKI hash, and what its storage throws: `store-corrupt`, `store-tampered`, `store-locked`, `store-inaccessible`.
 */
export class TrustStore {
  readonly #storage: TrustStorage;
  readonly #clock: () => number;
  #contents: Contents;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(storage: TrustStorage, contents: Contents, { clock = Date.now }: StoreOptions) {
    this.#storage = storage;
    this.#contents = contents;
    this.#clock = clock;
  }

  /**
   * Opens the store in a folder, and makes it if there is none.
   * @throws `store-passphrase`, `store-corrupt`, `store-tampered`, `store-version`, `store-locked`, `store-inaccessible`, `aborted`
   */
  static async open(options: FileStoreOptions): Promise<TrustStore> {
    const { fileStorage } = await import("./file/file-storage.js"); // only here, so that all the rest runs where there are no files
    return await TrustStore.over(await fileStorage(options), options);
  }

  /** A store that ends with the process: for tests, and where there are no files. */
  static async inMemory(options: StoreOptions = {}): Promise<TrustStore> {
    return await TrustStore.over(memoryStorage(), options);
  }

  /** A store whose contents lie wherever `storage` puts them. */
  static async over(storage: TrustStorage, options: StoreOptions = {}): Promise<TrustStore> {
    return new TrustStore(storage, await storage.load(), options);
  }

  /** What protects the private keys at rest. Tell the person plainly when it is `file`: whoever can read it is them. */
  get protection(): TrustStorage["protection"] {
    return this.#storage.protection;
  }

  /** Takes in what other processes have written since. Cheap if that is nothing. */
  async refresh(): Promise<void> {
    await this.#inTurn(async () => {
      this.#contents = await this.#storage.load();
    });
  }

  /**
   * The account's own certificate and key. The first call, in whichever process, makes them.
   * @param make is called at most once, while other processes wait
   */
  async identity(account: BareJid, make: () => Promise<StoredIdentity>): Promise<StoredIdentity> {
    checkAddress(account);
    return await this.#inTurn(async () => {
      this.#contents = await this.#storage.load();
      const known = this.#contents.identities.get(account);
      if (known) return known;
      this.#contents = await this.#storage.update(async (contents) => {
        if (contents.identities.has(account)) return contents;
        return { ...contents, identities: new Map(contents.identities).set(account, checkIdentity(await make())) };
      });
      return ownIdentity(this.#contents, account);
    });
  }

  /** Renews the account's certificate; its key stays, and so does the trust that others have in it. */
  async replaceCertificate(account: BareJid, certificate: string): Promise<StoredIdentity> {
    return await this.changeIdentity(account, (identity) => ({ ...identity, certificate }));
  }

  /** Puts another identity in the place of the account's own: another certificate, or another key as well. No other process comes in between. */
  async changeIdentity(account: BareJid, change: (identity: StoredIdentity) => StoredIdentity): Promise<StoredIdentity> {
    checkAddress(account);
    return await this.#inTurn(async () => {
      this.#contents = await this.#storage.update((contents) => {
        const identity = checkIdentity(change(ownIdentity(contents, account)));
        return { ...contents, identities: new Map(contents.identities).set(account, identity) };
      });
      return ownIdentity(this.#contents, account);
    });
  }

  /** What our own OpenPGP key says of the account's key, in base64; shown to every peer from the next stream on. Undefined takes it away. Throws `invalid-argument` for what is none. */
  async setOpenPgpStatement(account: BareJid, statement: string | undefined): Promise<void> {
    checkAddress(account);
    if (statement !== undefined && (!BASE64.test(statement) || Buffer.from(statement, "base64").length > MAX_STATEMENT))
      throw new BalconyError("invalid-argument", "The statement is too long, or not in base64.");
    await this.changeIdentity(account, ({ openpgp: _, ...identity }) => ({ ...identity, ...(statement !== undefined && { openpgp: statement }) }));
  }

  /** The statement that is shown to peers, as of the last `refresh()` or change. */
  openPgpStatement(account: BareJid): string | undefined {
    this.#checkOpen();
    checkAddress(account);
    return this.#contents.identities.get(account)?.openpgp;
  }

  /**
   * The person takes an OpenPGP key for a peer's, or has a newer copy of it: devices that it has signed are verified by it from their next stream on.
   * @param key `fingerprint`: upper-case hex; `key`: the transferable public key, binary
   * @throws `invalid-argument` for what is no fingerprint, or a key of more than 32 KiB; `too-many-devices` beyond 8 keys of one address
   */
  async trustOpenPgp(account: BareJid, peer: BareJid, { fingerprint, key }: { readonly fingerprint: string; readonly key: Uint8Array }): Promise<void> {
    if (!isOpenPgpFingerprint(fingerprint) || key.length === 0 || key.length > MAX_OPENPGP_KEY) {
      throw new BalconyError("invalid-argument", `An OpenPGP key has a fingerprint of 40 or 64 upper-case hex digits, and at most ${MAX_OPENPGP_KEY} bytes.`);
    }
    await this.#change(account, { peer }, (record) => openPgpTrusted(record, { fingerprint, key: Buffer.from(key).toString("base64"), at: this.#now() }));
  }

  /** The person takes it for theirs no more: devices that it alone has verified are unverified. Throws `invalid-argument` for one that is not known. */
  async distrustOpenPgp(account: BareJid, peer: BareJid, fingerprint: string): Promise<void> {
    await this.#change(account, { peer }, (record) => openPgpDistrusted(record, fingerprint));
  }

  /** What is known of a peer, as of the last `refresh()` or change: synchronous, for the inside of a TLS callback. */
  view(account: BareJid, peer: BareJid): PeerView {
    this.#checkOpen();
    checkAddress(account, peer);
    const contents = this.#contents;
    return { record: contents.peers.get(account)?.get(peer), otherOwners: (spki) => otherOwners(contents, { account, peer, spki }) };
  }

  /** What is remembered of a peer. */
  show(account: BareJid, peer: BareJid): PeerRecord | undefined {
    return this.view(account, peer).record;
  }

  /** Everybody that the account knows, by address. */
  list(account: BareJid): readonly Contact[] {
    this.#checkOpen();
    checkAddress(account);
    const ofAccount = [...(this.#contents.peers.get(account) ?? [])];
    return ofAccount.map(([peer, record]) => ({ peer, record })).sort((a, b) => (a.peer < b.peer ? -1 : 1));
  }

  /**
   * Records that a stream stands with this key: first use, last use. Decides once more by what other processes have written meanwhile.
   * @param use `decision` is what `decide()` said and policy took; `streamed` whether it is an e2e stream, which this address then is held to; `key` the SubjectPublicKeyInfo itself, DER, where the peer
   *   may name it by its hash alone the next time
   * @throws the code with which the key is blocked by now
   */
  async accepted(
    account: BareJid,
    peer: BareJid,
    use: { readonly spki: string; readonly decision: Acceptance; readonly streamed: boolean; readonly key?: Uint8Array },
  ): Promise<Device> {
    const { spki, decision, streamed } = use;
    const key = use.key && Buffer.from(use.key).toString("base64");
    const shown = isAttestation(decision.verification?.how) ? decision.verification : undefined;
    const record = await this.#change(account, { peer, spki }, (before, owners) => {
      const again = decide({
        record: before,
        spki,
        otherOwners: owners,
        attested: shown,
        replaces: decision.replaces,
        policy: { require: decision.trust === "verified" ? "verified" : "encrypted" },
      });
      const code = again.action === "block" ? again.code : again.trust === "unverified" && decision.trust === "verified" ? "not-trusted" : undefined;
      if (code) throw new BalconyError(code, blocked[code], { phase: "trust", peer });
      const heir = decision.replaces !== undefined && !deviceOf(before, spki) ? rotated(before, { from: decision.replaces, to: spki, at: this.#now() }) : before;
      const used = seen(heir, { spki, at: this.#now(), key, streamed });
      return shown ? attested(used, { spki, verification: { ...shown, at: this.#now() } }) : used;
    });
    return known(record, spki);
  }

  /** The person has compared the whole fingerprint, and it is right. The key need not have been seen before. Throws `key-revoked`. */
  async setVerified(account: BareJid, peer: BareJid, spki: string, how: DirectHow): Promise<Device> {
    return known(await this.#change(account, { peer, spki }, (record) => verified(record, { spki, how, at: this.#now() })), spki);
  }

  /**
   * Charges the beginning of a verification by short string, before anything of it leaves: durably, under the lock, whichever session or process asks.
   * Throws `guesses-spent`.
   */
  async chargeGuess(account: BareJid, peer: BareJid): Promise<void> {
    await this.#change(account, { peer }, (record) => charged(record, this.#now()));
  }

  /**
   * Uses a code up, before anything that is made of it leaves: durably, under the lock, for all sessions, peers and processes of the account. One that can be guessed costs a guess, too.
   * Throws `code-spent`, `guesses-spent`.
   */
  async spendCode(account: BareJid, peer: BareJid, code: Code): Promise<void> {
    const hash = spentHash(code);
    await this.#change(account, { peer }, (record, _, others) => codeSpent(record, { hash, at: this.#now(), entropy: code.entropy, others: others.values() }));
  }

  /** The peer has proved that they know the code: keeps the key as verified and gives the guess back, in one write. Throws `key-revoked`. */
  async confirmCode(account: BareJid, peer: BareJid, spki: string, code: Code): Promise<Device> {
    return known(await this.#change(account, { peer, spki }, (record) => codeConfirmed(record, { spki, at: this.#now(), entropy: code.entropy })), spki);
  }

  /** The person here has said that the strings match: keeps the key as verified and gives the guess back, in one write. Throws `key-revoked`. */
  async confirmSymbols(account: BareJid, peer: BareJid, spki: string, how: "symbols" | "read-aloud"): Promise<Device> {
    return known(await this.#change(account, { peer, spki }, (record) => givenBack(verified(record, { spki, how, at: this.#now() }))), spki);
  }

  /** Somebody may be between the two: the strings differed while this key was at the other end. The key stays usable, and marked until it is verified. */
  async recordDifference(account: BareJid, peer: BareJid, spki: string): Promise<Device> {
    return known(await this.#change(account, { peer, spki }, (record) => differed(record, { spki, at: this.#now() })), spki);
  }

  /**
   * A directly verified key of the peer's has vouched for another of it, and said so where it was authenticated: in a stream of its own, or over its signature.
   * Throws `not-trusted` where it is not directly verified, `key-revoked` where the other was revoked, `statement-invalid` where that is known as somebody else's,
   * `too-many-devices` where it has vouched for 32 already.
   */
  async vouch(account: BareJid, peer: BareJid, { by, spki }: { readonly by: string; readonly spki: string }): Promise<Device> {
    const change = await this.#change(account, { peer, spki }, (record, owners) => {
      refuseForeign(owners, peer);
      return vouched(record, { spki, by, at: this.#now() });
    });
    return known(change, spki);
  }

  /**
   * A verified key has signed another, which takes its place; the old one is revoked.
   * Throws `not-trusted` where the old key is not verified, `key-revoked` where the new one was revoked, `statement-invalid` where that is known as somebody else's,
   * `invalid-argument` where it is known for this address.
   */
  async rotate(account: BareJid, peer: BareJid, { from, to }: { readonly from: string; readonly to: string }): Promise<Device> {
    const change = await this.#change(account, { peer, spki: to }, (record, owners) => {
      refuseForeign(owners, peer);
      return rotated(record, { from, to, at: this.#now() });
    });
    return known(change, to);
  }

  /**
   * A verified key of the peer's has one of its keys refused for good: any that is known, or, where it was itself vouched for, itself. Of a key that is not known nothing is kept.
   * Throws `not-trusted` where the signer is not verified so, `statement-invalid` where the key is known as somebody else's.
   * @returns the key, undefined if it is not known
   */
  async disown(account: BareJid, peer: BareJid, { by, spki }: { readonly by: string; readonly spki: string }): Promise<Device | undefined> {
    const change = await this.#change(account, { peer, spki }, (record, owners) => {
      if (deviceOf(record, spki)) refuseForeign(owners, peer);
      return disowned(record, { spki, by, at: this.#now() });
    });
    return deviceOf(change, spki);
  }

  /**
   * Another device of our own account, directly verified here, says over its signature that the person has verified this key of a contact's there.
   * Throws `not-trusted` where our device is not verified so, `key-revoked` where the contact's key was revoked.
   */
  async importVerified(account: BareJid, peer: BareJid, { by, spki }: { readonly by: string; readonly spki: string }): Promise<Device> {
    const change = await this.#change(account, { peer, spki }, (record, _, ofAccount) => {
      demandOwnDevice(ofAccount.get(account), account, by);
      if (isDirectlyVerified(deviceOf(record, spki))) return record;
      return verified(record, { spki, how: "imported", at: this.#now() });
    });
    return known(change, spki);
  }

  /** Another device of our own account, directly verified here, refuses a key of a contact's. Throws `not-trusted`. */
  async importRevoked(account: BareJid, peer: BareJid, { by, spki }: { readonly by: string; readonly spki: string }): Promise<Device> {
    const change = await this.#change(account, { peer, spki }, (record, _, ofAccount) => {
      demandOwnDevice(ofAccount.get(account), account, by);
      return revoked(record, { spki, at: this.#now() });
    });
    return known(change, spki);
  }

  /** What the person wants of this peer, whatever policy says for all; undefined leaves it to policy again. */
  async require(account: BareJid, peer: BareJid, requirement: Requirement | undefined): Promise<void> {
    await this.#change(account, { peer }, (record) => required(record, requirement));
  }

  /** This key is blocked from now on, for good and under every address; it need not have been seen before. */
  async revoke(account: BareJid, peer: BareJid, spki: string): Promise<Device> {
    return known(await this.#change(account, { peer, spki }, (record) => revoked(record, { spki, at: this.#now() })), spki);
  }

  /** Names a key; undefined takes its name away. Throws `invalid-argument` for a key that is not known, and for a label over 100 characters or with characters that control the screen. */
  async label(account: BareJid, peer: BareJid, spki: string, label: string | undefined): Promise<Device> {
    if (label !== undefined && !/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,100}$/u.test(label)) {
      throw new BalconyError("invalid-argument", "A label has 1 to 100 characters, none of which controls the screen.");
    }
    return known(await this.#change(account, { peer, spki }, (record) => labelled(record, { spki, label })), spki);
  }

  /**
   * Forgets one key of a peer, or without `spki` all of them. Revoked ones stay; an address once verified stays blocked for unknown keys, and one that has
   * spoken e2e streams is still held to it. Throws `invalid-argument` for a key that is not known, `key-revoked` for a revoked one.
   */
  async remove(account: BareJid, peer: BareJid, spki?: string): Promise<void> {
    await this.#change(account, { peer, spki }, (record) => removed(record, { spki, at: this.#now() }));
  }

  /** Forgets all of a peer but its revoked keys: the next key is taken on first use. Warn the person: this is what a man in the middle wants. */
  async reset(account: BareJid, peer: BareJid): Promise<void> {
    await this.#change(account, { peer }, reset);
    await this.changeSecrets(account, peer, () => []);
  }

  /** The secrets that ESessions with a peer have left, as of the last `refresh()` or change. */
  secrets(account: BareJid, peer: BareJid): readonly RetainedSecret[] {
    this.#checkOpen();
    checkAddress(account, peer);
    return this.#contents.secrets?.get(account)?.get(peer) ?? [];
  }

  /** Changes them, with no other process in between. They lie with the private keys: encrypted where there is a passphrase. */
  async changeSecrets(account: BareJid, peer: BareJid, change: (secrets: readonly RetainedSecret[]) => readonly RetainedSecret[]): Promise<void> {
    checkAddress(account, peer);
    const next = (contents: Contents): Contents => {
      const before = contents.secrets?.get(account)?.get(peer) ?? [];
      const secrets = change(before);
      return secrets === before || (secrets.length === 0 && before.length === 0) ? contents : withSecrets(contents, { account, peer, secrets });
    };
    await this.#inTurn(async () => {
      this.#contents = await this.#storage.load();
      if (next(this.#contents) !== this.#contents) this.#contents = await this.#storage.update(next);
    });
  }

  /** What an own account has for ESessions alone, as of the last `refresh()` or change. */
  sealing(account: BareJid): SealingKeys {
    this.#checkOpen();
    checkAddress(account);
    return this.#contents.sealing?.get(account) ?? {};
  }

  /** Changes it, with no other process in between. It lies with the private keys: encrypted where there is a passphrase. Nothing is written where `change` gives back what it was given. */
  async changeSealing(account: BareJid, change: (keys: SealingKeys) => SealingKeys): Promise<SealingKeys> {
    checkAddress(account);
    return await this.#inTurn(async () => {
      this.#contents = await this.#storage.update((contents) => {
        const before = contents.sealing?.get(account) ?? {};
        const keys = change(before);
        return keys === before ? contents : { ...contents, sealing: new Map(contents.sealing).set(account, keys) };
      });
      return this.#contents.sealing?.get(account) ?? {};
    });
  }

  /** Waits for changes that are under way, then lets go of everything. Calling it twice does no harm. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await this.#storage.close();
  }

  async #change(
    account: BareJid,
    { peer, spki }: { readonly peer: BareJid; readonly spki?: string | undefined },
    next: (record: PeerRecord | undefined, otherOwners: readonly Owner[], ofAccount: ReadonlyMap<BareJid, PeerRecord>) => PeerRecord | undefined,
  ): Promise<PeerRecord | undefined> {
    checkAddress(account, peer);
    if (spki !== undefined && !isSpki(spki)) throw new BalconyError("invalid-argument", "A key is named by the SHA-256 of its SubjectPublicKeyInfo, 64 lower-case hex digits.");
    const change = (contents: Contents): Contents => {
      const before = contents.peers.get(account)?.get(peer);
      const owners = spki === undefined ? [] : otherOwners(contents, { account, peer, spki });
      const record = next(before, owners, contents.peers.get(account) ?? new Map());
      return record === before ? contents : withRecord(contents, { account, peer, record });
    };
    return await this.#inTurn(async () => {
      this.#contents = await this.#storage.load();
      // Most uses of a known key change nothing, and then no lock is taken.
      if (change(this.#contents) !== this.#contents) this.#contents = await this.#storage.update(change);
      return this.#contents.peers.get(account)?.get(peer);
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const result = this.#turn.then(work);
    const over = () => undefined; // whoever asked hears how it ended; the next in turn need not
    this.#turn = result.then(over, over);
    return result;
  }

  #now(): string {
    return new Date(this.#clock()).toISOString();
  }

  #checkOpen(): void {
    if (this.#closed) throw new BalconyError("closed", "The trust store is closed.", { phase: "store" });
  }
}

/** Other addresses with this key; and this one, where another account of ours has revoked the key. */
function otherOwners(contents: Contents, { account, peer, spki }: { readonly account: BareJid; readonly peer: BareJid; readonly spki: string }): readonly Owner[] {
  const owners = new Map<BareJid, Owner>();
  for (const [ours, ofAccount] of contents.peers) {
    for (const [address, record] of ofAccount) {
      const status = deviceOf(record, spki)?.status;
      const other = address !== peer || (ours !== account && status === "revoked");
      if (status && other && owners.get(address)?.status !== "revoked") owners.set(address, { peer: address, status });
    }
  }
  return [...owners.values()];
}

/** A key that somebody else has shown is not this peer's to introduce: one of the two is lying. */
function refuseForeign(owners: readonly Owner[], peer: BareJid): void {
  const other = owners[0];
  if (other) throw new BalconyError("statement-invalid", `A key that ${peer} introduces is known as that of ${other.peer}.`, { phase: "trust", peer });
}

function demandOwnDevice(own: PeerRecord | undefined, account: BareJid, spki: string): void {
  if (isDirectlyVerified(deviceOf(own, spki))) return;
  throw new BalconyError("not-trusted", `The key that has signed this is not verified as one of your own devices' (${account}).`, {
    phase: "trust",
    hint: "Compare that device's fingerprint first: `balcony identity` shows it there.",
  });
}

function known(record: PeerRecord | undefined, spki: string): Device {
  const device = deviceOf(record, spki);
  if (!device) throw new BalconyError("internal", "A key is missing from the record that was just written.", { phase: "store" });
  return device;
}

function ownIdentity(contents: Contents, account: BareJid): StoredIdentity {
  const identity = contents.identities.get(account);
  if (!identity) throw new BalconyError("invalid-argument", `${account} has no certificate yet.`, { phase: "store" });
  return identity;
}

function checkIdentity(identity: StoredIdentity): StoredIdentity {
  const { certificate, openpgp, privateKey } = identity;
  if (!certificate.startsWith("-----BEGIN CERTIFICATE-----")) throw new BalconyError("invalid-argument", "The certificate is not PEM.");
  if (!privateKey.startsWith("-----BEGIN PRIVATE KEY-----")) throw new BalconyError("invalid-argument", "The private key is not PKCS #8 in PEM.");
  return { certificate, privateKey, ...(openpgp !== undefined && { openpgp }) };
}

/** Normalising is done by whoever hands addresses in; this catches those who forgot. */
function checkAddress(...addresses: readonly BareJid[]): void {
  for (const address of addresses) {
    if (address.length > 2047 || !/^[^\s/\p{Cc}A-Z]+$/u.test(address)) throw new BalconyError("invalid-jid", `${JSON.stringify(address)} is no bare address in normal form.`);
  }
}
