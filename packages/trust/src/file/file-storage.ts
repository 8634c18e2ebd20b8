import { createPrivateKey, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { BalconyError } from "@balcony/channel";
import type { Contents, FileStoreOptions, TrustStorage } from "../storage.js";
import { makeFolder, readPrivate, replaceFiles, stampOf, sweep } from "./files.js";
import { type LockOptions, type StillHeld, withFolderLock } from "./folder-lock.js";
import { type KeyFile, newKeys, type Protection, readKeys, readProtection, renderKeys } from "./key-file.js";
import { newPassphraseKeys, passphraseKeys } from "./passphrase.js";
import { tampered } from "./signed-json.js";
import { readTrust, renderTrust, type TrustFile } from "./trust-file.js";

/** Both files as they were read together. */
interface State {
  readonly keys: KeyFile;
  readonly trust: TrustFile;
  readonly contents: Contents;
}

interface Paths {
  readonly folder: string;
  readonly keys: string;
  readonly trust: string;
}

/**
 * Two files in one folder. keys.json holds the private keys, the key of trust.json's MAC and the generation of trust.json that was last written;
 * trust.json holds everything else. A change writes trust.json first, with the next generation, then keys.json. So beside keys.json of generation n
 * stands trust.json of n, or of n+1 after a crash between the two, or none for n = 0. Whatever else is found there is `store-tampered`.
 */
export async function fileStorage({ folder, passphrase, lockTimeout = 15_000, signal }: FileStoreOptions): Promise<TrustStorage> {
  const paths = { folder, keys: join(folder, "keys.json"), trust: join(folder, "trust.json") };
  const lock = { timeout: lockTimeout, signal };
  await makeFolder(folder);
  // The passphrase is asked for, and made into keys, before the lock is taken: both take long.
  const found = await readPrivate(paths.keys);
  const given = await askIfNeeded(found, passphrase);
  const fresh = found === undefined ? await create(paths, lock, given) : undefined;
  const protection = fresh ?? (await unlock((await readPrivate(paths.keys)) ?? "", given));
  const storage = new FileStorage(paths, protection, lock);
  await storage.load();
  return storage;
}

async function askIfNeeded(keysFile: string | undefined, passphrase: FileStoreOptions["passphrase"]): Promise<string | undefined> {
  if (typeof passphrase !== "function") return passphrase;
  return keysFile === undefined || readProtection(keysFile) !== "file" ? await passphrase() : undefined;
}

/** Makes keys.json. Gives undefined if another process was faster. */
async function create(paths: Paths, lock: LockOptions, passphrase: string | undefined): Promise<Protection | undefined> {
  const protection = passphrase === undefined ? "file" : await newPassphraseKeys(passphrase);
  return await withFolderLock(paths.folder, lock, async (stillHeld) => {
    if ((await readPrivate(paths.keys)) !== undefined) return undefined;
    if ((await readPrivate(paths.trust)) !== undefined) throw tampered("keys.json is missing");
    await replaceFiles([{ path: paths.keys, text: renderKeys(newKeys(), protection) }], stillHeld);
    return protection;
  });
}

async function unlock(keysFile: string, passphrase: string | undefined): Promise<Protection> {
  const named = readProtection(keysFile);
  if (named === "file") {
    if (passphrase === undefined) return "file";
    // A store of somebody else's making, put in place of the one with a passphrase, must not pass for it.
    throw new BalconyError("store-passphrase", "The trust store has no passphrase, and one was given.", {
      phase: "store",
      hint: "Open it without one, or begin anew in another folder.",
    });
  }
  if (passphrase === undefined) throw new BalconyError("store-passphrase", "The trust store has a passphrase, and none was given.", { phase: "store" });
  return await passphraseKeys(passphrase, named);
}

class FileStorage implements TrustStorage {
  #state: State | undefined;
  #stamp: string | undefined;

  constructor(
    private readonly paths: Paths,
    private readonly kept: Protection,
    private readonly lock: LockOptions,
  ) {}

  get protection(): "passphrase" | "file" {
    return this.kept === "file" ? "file" : "passphrase";
  }

  async load(): Promise<Contents> {
    if (this.#state && this.#stamp === (await this.#stampNow())) return this.#state.contents;
    return await this.#locked(async (stillHeld) => {
      if (!this.#state) await sweep(this.paths.folder);
      return await this.#read(stillHeld);
    });
  }

  async update(change: (contents: Contents) => Contents | Promise<Contents>): Promise<Contents> {
    return await this.#locked(async (stillHeld) => {
      const state = await this.#read(stillHeld);
      const before = state.contents;
      const after = await change(before);
      if (after === before) return state;
      checkIdentities(before, after);
      const generation = state.trust.generation + 1;
      return await this.#write(
        { ...state.keys, generation, identities: after.identities, secrets: after.secrets ?? new Map(), sealing: after.sealing ?? new Map() },
        { generation, peers: after.peers },
        stillHeld,
      );
    });
  }

  close(): Promise<void> {
    this.#state = undefined;
    return Promise.resolve();
  }

  async #locked(work: (stillHeld: StillHeld) => Promise<State>): Promise<Contents> {
    const { contents } = await withFolderLock(this.paths.folder, this.lock, work);
    return contents;
  }

  /** Reads both files, which agree afterwards: what a crash has left half done is finished here. */
  async #read(stillHeld: StillHeld): Promise<State> {
    const keysFile = await readPrivate(this.paths.keys);
    const trustFile = await readPrivate(this.paths.trust);
    if (keysFile === undefined) throw tampered("keys.json is missing");
    const keys = readKeys(keysFile, this.kept);
    if (trustFile === undefined && keys.generation > 0) throw tampered("trust.json is missing");
    const trust = trustFile === undefined ? { generation: 0, peers: new Map() } : readTrust(trustFile, keys.macKey);
    if (trust.generation < keys.generation) throw tampered(`trust.json is older than what was last written (generation ${trust.generation}, not ${keys.generation})`);
    if (trust.generation > keys.generation + 1) throw tampered(`keys.json is older than what was last written (generation ${keys.generation}, not ${trust.generation})`);
    if (trust.generation < (this.#state?.trust.generation ?? 0)) throw tampered("both files are older than what this process has seen");
    if (trust.generation > keys.generation) return await this.#write({ ...keys, generation: trust.generation }, trust, stillHeld);
    return await this.#remember(keys, trust);
  }

  async #write(keys: KeyFile, trust: TrustFile, stillHeld: StillHeld): Promise<State> {
    this.#stamp = undefined; // should this fail half way, the next look reads everything again
    const files = [
      { path: this.paths.trust, text: renderTrust(trust, keys.macKey) },
      { path: this.paths.keys, text: renderKeys(keys, this.kept) },
    ];
    await replaceFiles(files, stillHeld);
    return await this.#remember(keys, trust);
  }

  async #remember(keys: KeyFile, trust: TrustFile): Promise<State> {
    this.#stamp = await this.#stampNow();
    this.#state = { keys, trust, contents: { identities: keys.identities, peers: trust.peers, secrets: keys.secrets, sealing: keys.sealing } };
    return this.#state;
  }

  async #stampNow(): Promise<string> {
    return `${await stampOf(this.paths.keys)} ${await stampOf(this.paths.trust)}`;
  }
}

/** A certificate that is not for its key would lock the account out. */
function checkIdentities(before: Contents, after: Contents): void {
  for (const [account, identity] of after.identities) {
    if (before.identities.get(account) === identity) continue;
    try {
      if (new X509Certificate(identity.certificate).checkPrivateKey(createPrivateKey(identity.privateKey))) continue;
    } catch (error) {
      throw new BalconyError("invalid-argument", `The certificate or key for ${account} cannot be read.`, { phase: "store", cause: error });
    }
    throw new BalconyError("invalid-argument", `The certificate for ${account} belongs to another key.`, { phase: "store" });
  }
}
