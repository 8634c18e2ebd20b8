import { access } from "node:fs/promises";
import { join } from "node:path";
import { createIdentity, exportIdentity, importIdentity } from "@balcony/tls";
import { TrustStore } from "@balcony/trust";
import type { CommonOptions } from "./options.js";
import type { Output } from "./output.js";
import { askNewPassphrase, askSecret, canAsk, secretFrom } from "./secrets.js";

/** Keys and trust, opened. */
export interface OpenKeys {
  readonly store: TrustStore;
  /** What they were opened with; undefined where they have no passphrase. */
  readonly passphrase: string | undefined;
}

/**
 * Opens keys and trust. The passphrase comes from --passphrase-file, or from the person, who is asked only where the keys have one, and for new keys.
 * New keys without a terminal and without a file have none, which is told plainly.
 */
export async function openKeys({ data, passphraseFile }: CommonOptions, output: Output): Promise<OpenKeys> {
  let passphrase = passphraseFile === undefined ? undefined : await secretFrom(passphraseFile);
  const fresh = !(await exists(join(data, "keys.json")));
  if (fresh && passphrase === undefined && canAsk()) passphrase = await askNewPassphrase();
  const ask = async (): Promise<string> => {
    passphrase = await askSecret("Passphrase of your keys", "Use --passphrase-file.");
    return passphrase;
  };
  const store = await TrustStore.open({ folder: data, ...(passphrase !== undefined ? { passphrase } : !fresh && { passphrase: ask }) });
  if (store.protection === "file") {
    const words = `your keys have no passphrase: whoever can read ${data} can be you`;
    output.tell({ event: "warning", code: "keys-unprotected", folder: data }, fresh || output.json ? words : undefined, "warning");
  }
  return { store, passphrase: store.protection === "passphrase" ? passphrase : undefined };
}

/** Opens keys and trust for the time of `work`. */
export async function withKeys<T>(options: CommonOptions, output: Output, work: (store: TrustStore) => Promise<T>): Promise<T> {
  const { store } = await openKeys(options, output);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Fingerprint of the account's own key, which is made if there is none yet: SHA-256 of the SPKI, 64 hex digits. */
export async function ownFingerprint(store: TrustStore, account: string): Promise<string> {
  return importIdentity(await store.identity(account, async () => exportIdentity(createIdentity(account)))).spki;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    return true; // whatever else is wrong with it, opening it will say
  }
}
