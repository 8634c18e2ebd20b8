import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { BalconyError } from "@balcony/channel";
import { mergeOpenPgpKeys, type OpenPgpKey, readOpenPgpKey, signStatement, statementText, takeStatement } from "@balcony/trust-openpgp";
import { bare } from "@balcony/xml";
import { paint } from "./colours.js";
import { assure, type InTrust, type SureOptions, withTrust } from "./commands-trust.js";
import { address, goOnline, noStreams, type Online } from "./connect.js";
import { UsageError } from "./exit-codes.js";
import { onInterrupt } from "./interrupt.js";
import { ownFingerprint } from "./keys.js";
import { spaced } from "./openpgp-lines.js";
import type { CommonOptions, OnlineOptions } from "./options.js";
import { makeOutput, type Output } from "./output.js";
import { printable } from "./printable.js";
import { tellClosing } from "./run.js";
import { askSecret, secretFrom } from "./secrets.js";

export interface SignOptions extends CommonOptions {
  readonly days: number;
  readonly keyPassphraseFile?: string;
}

export type FetchOptions = OnlineOptions & SureOptions;

/** `balcony trust openpgp add JID FILE`: a person says that an OpenPGP key is somebody's. */
export async function openPgpAddCommand(typed: string, file: string, options: SureOptions): Promise<void> {
  const key = await readOpenPgpKey(await bytesOf(file));
  await withTrust(options, async (inside) => await add(inside, bare(address(typed)), key, options));
}

/** `balcony trust openpgp fetch JID`: the same, of a key that they have published; and whether those that are trusted already were revoked, or made to live longer. */
export async function openPgpFetchCommand(typed: string, options: FetchOptions): Promise<void> {
  const output = makeOutput(options);
  const peer = bare(address(typed));
  await withOnline(options, output, async ({ e2e, self }, signal) => {
    const inside = { output, store: e2e.store, account: bare(self) };
    for (const { fingerprint, key } of await e2e.openPgpKeys(peer, { signal })) {
      const read = await readOpenPgpKey(key);
      if (read.fingerprint !== fingerprint)
        throw new BalconyError("openpgp-statement", `What is published as ${fingerprint} is another key: ${read.fingerprint}.`, { phase: "trust", peer });
      await add(inside, peer, read, options);
    }
  });
}

/** `balcony trust openpgp rm JID FINGERPRINT` */
export async function openPgpRemoveCommand(typed: string, fingerprint: string, options: CommonOptions): Promise<void> {
  await withTrust(options, async ({ account, output, store }) => {
    const peer = bare(address(typed));
    const meant = fingerprint.replace(/[\s:]|^0x/giu, "").toUpperCase();
    await store.distrustOpenPgp(account, peer, meant);
    output.tell({ event: "openpgp-removed", account, peer, fingerprint: meant }, `what it says of devices of ${printable(peer)} counts no more`, "done");
  });
}

/** `balcony trust openpgp sign KEYFILE`: our own OpenPGP key signs that this device is ours. */
export async function openPgpSignCommand(file: string, { days, keyPassphraseFile, ...options }: SignOptions): Promise<void> {
  const privateKey = await bytesOf(file);
  const passphrase = async (): Promise<string> =>
    keyPassphraseFile === undefined ? await askSecret("Passphrase of your OpenPGP key", "Use --key-passphrase-file.") : await secretFrom(keyPassphraseFile);
  await withTrust(options, async (inside) => {
    const spki = await ownFingerprint(inside.store, inside.account);
    await keep(inside, await signStatement({ owner: inside.account, spki, days }, { privateKey, passphrase }), spki);
  });
}

/** `balcony trust openpgp text`: what is to be signed by another program. */
export async function openPgpTextCommand({ days, ...options }: SignOptions): Promise<void> {
  await withTrust(options, async ({ account, output, store }) => {
    const spki = await ownFingerprint(store, account);
    const said = statementText({ owner: account, spki, days });
    output.payload({ event: "openpgp-text", account, fingerprint: spki, text: said }, said);
    if (process.stdout.isTTY) output.tell({ event: "note" }, "balcony trust openpgp text | gpg --sign | balcony trust openpgp use PUBLIC-KEY-FILE");
  });
}

/** `balcony trust openpgp use KEYFILE [FILE]`: shows peers what another program has signed. */
export async function openPgpUseCommand(keyFile: string, file: string | undefined, options: CommonOptions): Promise<void> {
  const [publicKey, signed] = [await bytesOf(keyFile), file === undefined || file === "-" ? await buffer(process.stdin) : await bytesOf(file)];
  await withTrust(options, async (inside) => {
    const spki = await ownFingerprint(inside.store, inside.account);
    await keep(inside, await takeStatement(signed, { owner: inside.account, spki, publicKey }), spki);
  });
}

/** `balcony trust openpgp withdraw` */
export async function openPgpWithdrawCommand(options: CommonOptions): Promise<void> {
  await withTrust(options, async ({ account, output, store }) => {
    await ownFingerprint(store, account);
    await store.setOpenPgpStatement(account, undefined);
    output.tell({ event: "openpgp-withdrawn", account }, "nobody is shown it any more; whoever has seen it has it until it ends", "done");
  });
}

/** `balcony trust openpgp publish KEYFILE` */
export async function openPgpPublishCommand(file: string, options: OnlineOptions): Promise<void> {
  const key = await readOpenPgpKey(await bytesOf(file));
  const output = makeOutput(options);
  await withOnline(options, output, async ({ e2e, self }, signal) => {
    await e2e.publishOpenPgpKey(key, { signal });
    output.tell({ event: "openpgp-published", account: bare(self), fingerprint: key.fingerprint }, `published: ${spaced(key.fingerprint)}`, "done");
  });
}

async function add({ account, output, store }: InTrust, peer: string, given: OpenPgpKey, options: SureOptions): Promise<void> {
  const known = store.show(account, peer)?.openpgp?.find(({ fingerprint }) => fingerprint === given.fingerprint);
  const key = known ? await mergeOpenPgpKeys(Buffer.from(known.key, "base64"), given.key) : given;
  if (!known) {
    if (!key.addresses.includes(peer)) {
      throw new BalconyError("openpgp-key-address", `This OpenPGP key has no User ID xmpp:${peer}, so nothing that it signs counts for them.`, { phase: "trust", peer });
    }
    for (const line of described(key)) output.tell({ event: "openpgp-key" }, line);
    const warning = `Whatever this key signs counts as ${printable(peer)} from now on: compare its fingerprint with what they tell you, by voice or in person.`;
    await assure(options, output, warning, "openpgp-key-trusted");
  }
  await store.trustOpenPgp(account, peer, key);
  const { addresses, expires, fingerprint, revoked } = key;
  const until = expires === undefined ? undefined : new Date(expires).toISOString();
  const words = revoked ? "it was revoked: nothing that it says counts any more" : `devices of ${printable(peer)} that it has signed are verified from now on`;
  output.tell({ event: "openpgp-trusted", account, peer, fingerprint, addresses, revoked, ...(until !== undefined && { expires: until }) }, words, revoked ? "warning" : "done");
}

async function keep({ account, output, store }: InTrust, statement: Uint8Array, spki: string): Promise<void> {
  await store.setOpenPgpStatement(account, Buffer.from(statement).toString("base64"));
  output.tell({ event: "openpgp-signed", account, fingerprint: spki }, "shown to everybody you open a stream with; who trusts your OpenPGP key has this device verified", "done");
}

const described = ({ expires, fingerprint, userIds }: OpenPgpKey): readonly string[] => [
  paint.bold(spaced(fingerprint)),
  ...userIds.map((name) => `  ${printable(name)}`),
  `  ${expires === undefined ? "does not expire" : `good until ${new Date(expires).toISOString().slice(0, 10)}`}`,
];

async function bytesOf(file: string): Promise<Uint8Array> {
  return await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read (${error.code ?? error.message}).`, { cause: error });
  });
}

/** Goes online for something that needs no stream. */
async function withOnline(options: OnlineOptions, output: Output, work: (online: Online, signal: AbortSignal) => Promise<void>): Promise<void> {
  const interrupt = onInterrupt(() => tellClosing(output));
  try {
    const online = await goOnline({ ...options, ...noStreams }, output, { signal: interrupt.signal, e2e: {} });
    try {
      await work(online, interrupt.signal);
    } finally {
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}
