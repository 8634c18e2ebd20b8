import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { BalconyError } from "@balcony/channel";
import type { Device, SignedStatement, Statement } from "@balcony/trust";
import { bare } from "@balcony/xml";
import { exportStatement, importStatement, readStatementUri } from "balcony";
import { paint } from "./colours.js";
import { assure, type InTrust, read, type SureOptions, TOLD, withTrust } from "./commands-trust.js";
import { address } from "./connect.js";
import { UsageError } from "./exit-codes.js";
import { onLines } from "./fingerprint-lines.js";
import { ownFingerprint } from "./keys.js";
import type { CommonOptions } from "./options.js";
import { folded, printable } from "./printable.js";
import { qrCode } from "./qr-code.js";
import { askText } from "./secrets.js";

const WIDTH = 80;

export interface VouchOptions extends CommonOptions {
  readonly label?: string;
}

export interface ExportOptions extends CommonOptions {
  readonly for?: string;
}

/** `balcony trust vouch FINGERPRINT`: this device says of another one's key that it is ours, too. */
export async function trustVouchCommand(fingerprint: string, { label, ...options }: VouchOptions): Promise<void> {
  await withTrust(options, async (inside) => {
    const { account, output, store } = inside;
    const given = read(fingerprint);
    if (given.address !== undefined && given.address !== account)
      throw new BalconyError("address-mismatch", `That is the fingerprint of ${given.address}, and not of another device of ${account}.`, { phase: "trust", peer: given.address });
    if (given.spki === (await ownFingerprint(store, account))) throw new UsageError("That is the fingerprint of this very device.");
    const device = await store.setVerified(account, account, given.spki, given.how);
    if (label !== undefined) await store.label(account, account, given.spki, label);
    output.tell({ event: "vouched", account, ...device }, "it counts as yours", "done");
    output.tell({ event: "note", code: "contacts-will-be-told" }, `${TOLD} To tell somebody sooner, hand them this:`);
    await show(inside, { kind: "vouch", owner: account, subject: given.spki });
  });
}

/** `balcony trust export JID [FINGERPRINT]`: for another device of ours. */
export async function trustExportCommand(typed: string, fingerprint: string | undefined, { for: reader, ...options }: ExportOptions): Promise<void> {
  await withTrust(options, async (inside) => {
    const { account, output, store } = inside;
    const owner = bare(address(typed));
    const audience = reader === undefined ? undefined : bare(address(reader));
    const spki = fingerprint === undefined ? undefined : read(fingerprint).spki;
    const devices = (store.show(account, owner)?.devices ?? []).filter((device) => (spki === undefined ? isVerified(device) : device.spki === spki));
    if (devices.length === 0) throw new UsageError(spki === undefined ? `No key of ${owner} was verified by you.` : `That key of ${owner} is not known.`);
    for (const device of devices) {
      if (device.status !== "revoked" && !isVerified(device))
        throw new BalconyError("not-trusted", `You have not verified this key of ${owner} yourself.`, { phase: "trust", peer: owner });
      await show(inside, { kind: device.status === "revoked" ? "revoke" : "vouch", owner, subject: device.spki, ...(audience !== undefined && { audience }) });
    }
    output.tell({ event: "note", code: "statements-are-not-secret" }, "It is not secret, and good for a week. On your other device: balcony trust import");
  });
}

/** `balcony trust import [STATEMENT]`: what another device of ours, or of a contact, has said over its signature. */
export async function trustImportCommand(given: string | undefined, options: SureOptions): Promise<void> {
  const texts = split(await fetched(given));
  await withTrust(options, async ({ account, output, store }) => {
    const all = texts.map(readStatementUri); // all are read before any is taken
    for (const signed of all) {
      await assure(options, output, question(signed, account), "about-to-import");
      const device = await importStatement(store, account, signed);
      const { by, kind, owner, signer, subject } = signed.statement;
      const done =
        device?.status === "revoked"
          ? "it is refused from now on"
          : device
            ? `${printable(owner)}: this key counts as verified`
            : "that key is not known here, and would be refused";
      output.tell({ event: "imported", account, kind, peer: owner, spki: subject, signer, by, ...(device && { device }) }, done, "done");
    }
  });
}

const isVerified = ({ status, verified }: Device): boolean => status === "verified" && verified?.how !== "vouched";

async function show({ account, output, store }: InTrust, said: Pick<Statement, "kind" | "owner" | "subject" | "audience">): Promise<void> {
  const uri = await exportStatement(store, account, said);
  output.payload({ event: "statement", account, ...said, uri }, process.stdout.isTTY ? picture(uri, said) : uri);
}

/** For a person: what it says, as text to copy, whose line breaks do no harm, and as a code to scan. */
function picture(uri: string, { kind, owner, subject }: Pick<Statement, "kind" | "owner" | "subject">): string {
  const code = qrCode(uri) ?? ["  (Too long for a code that fits this screen: use the text.)"];
  return [
    "",
    `${paint.bold(printable(owner))}  ${kind === "revoke" ? paint.red("refused") : paint.green("verified")}`,
    ...onLines(subject).map((line) => `  ${line}`),
    "",
    folded(uri, { columns: WIDTH, first: "  ", rest: "  " }),
    "",
    ...code,
  ].join("\n");
}

function question({ statement: { at, by, kind, owner, signer, subject } }: SignedStatement, account: string): string {
  const whose = signer === account ? "Another device of yours" : `A device of ${printable(signer)}`;
  const says = kind === "revoke" ? "is to be refused for good" : kind === "rotate" ? "takes the place of its own" : `is a key of ${printable(owner)}`;
  return `${whose} (${by.slice(0, 8)}) said on ${printable(at.slice(0, 10))} that ${subject.slice(0, 8)} … ${subject.slice(-8)} ${says}.`;
}

async function fetched(given: string | undefined): Promise<string> {
  const said = given ?? (process.stdin.isTTY ? await askText("The xmpp: code that was exported, or a file", "Give it as the last argument.") : "-");
  if (/^\s*xmpp:/iu.test(said)) return said;
  if (said === "-") return await readAll(process.stdin);
  return await readFile(said, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${said} is no xmpp: code, and no file that can be read (${error.code ?? error.message}).`, { cause: error });
  });
}

/** A file may hold several, one behind the other; line breaks stand anywhere. The colon of `urn:xmpp:…` begins none. */
function split(text: string): readonly string[] {
  const parts = text.replace(/\s/gu, "").split(/(?=xmpp:[^:;?]*\?trust-message;)/iu);
  if (parts.join("") === "") throw new UsageError("There is nothing in it.");
  return parts;
}
