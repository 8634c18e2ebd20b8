import { readFile } from "node:fs/promises";
import { BalconyError } from "@balcony/channel";
import { certificateRequest, importIdentity, installCertificate } from "@balcony/tls";
import { rotateKey } from "balcony";
import { assure, type SureOptions, withTrust } from "./commands-trust.js";
import { UsageError } from "./exit-codes.js";
import { ownFingerprint } from "./keys.js";
import type { CommonOptions } from "./options.js";

export interface InstallOptions extends SureOptions {
  readonly key?: string;
}

/** `balcony trust rotate`: a new key for this device, which the old one signs. */
export async function trustRotateCommand(options: SureOptions): Promise<void> {
  await withTrust(options, async ({ account, output, store }) => {
    await assure(
      options,
      output,
      "This device gets a new key, and the old one retires. Who has verified it follows by themselves, and everybody else sees a new key. If somebody else may have the old one, that is not enough: have your contacts revoke it.",
    );
    const openpgp = store.openPgpStatement(account) !== undefined;
    const { from, to } = await rotateKey(store, account);
    output.tell(
      { event: "rotated", account, from, to },
      "a new key is in place; contacts who have verified the old one follow at the next stream with them; those that stand keep the old one to their end",
      "done",
    );
    if (openpgp) output.tell({ event: "note", code: "openpgp-withdrawn" }, "Your OpenPGP key has signed the old one: `balcony trust openpgp sign` it anew.", "warning");
  });
}

/** `balcony certificate request`: for an authority to sign. */
export async function certificateRequestCommand(options: CommonOptions): Promise<void> {
  await withTrust(options, async ({ account, output, store }) => {
    await ownFingerprint(store, account);
    const request = certificateRequest(importIdentity(await store.identity(account, noIdentity)));
    output.payload({ event: "certificate-request", account, pem: request }, request.trimEnd());
  });
}

/** `balcony certificate install FILE`: what the authority has issued, and its own certificates behind it. */
export async function certificateInstallCommand(file: string, { key, ...options }: InstallOptions): Promise<void> {
  const [certificate, privateKey] = [await textOf(file), key === undefined ? undefined : await textOf(key)];
  await withTrust(options, async ({ account, output, store }) => {
    await ownFingerprint(store, account);
    const before = importIdentity(await store.identity(account, noIdentity));
    const installed = installCertificate({ certificate, ...(privateKey !== undefined && { privateKey }) }, { identity: before, now: Date.now() });
    const identity = importIdentity(installed);
    if (identity.spki !== before.spki) {
      await assure(
        options,
        output,
        "This certificate is of another key than this device has now: whoever has verified the old one, and does not trust the authority, is going to refuse it.",
      );
    }
    await store.changeIdentity(account, (old) => ({ ...installed, ...(identity.spki === before.spki && old.openpgp !== undefined && { openpgp: old.openpgp }) }));
    const { chain = [], notAfter, spki } = identity;
    const words = `installed: good until ${notAfter.toISOString().slice(0, 10)}, with ${chain.length} certificate${chain.length === 1 ? "" : "s"} of authorities behind it`;
    output.tell({ event: "certificate-installed", account, fingerprint: spki, authorities: chain.length, until: notAfter.toISOString() }, words, "done");
  });
}

const noIdentity = (): Promise<never> => Promise.reject(new BalconyError("internal", "The account's key is gone."));

async function textOf(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read (${error.code ?? error.message}).`, { cause: error });
  });
}
