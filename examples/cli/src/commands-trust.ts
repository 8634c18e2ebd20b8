import { BalconyError } from "@balcony/channel";
import { compareFingerprint, type Device, type GivenFingerprint, MAX_GUESSES, type PeerRecord, parseFingerprint, type TrustStore } from "@balcony/trust";
import { bare, normalize } from "@balcony/xml";
import { accountOf } from "./accounts.js";
import { paint } from "./colours.js";
import { address } from "./connect.js";
import { UsageError } from "./exit-codes.js";
import { onLines } from "./fingerprint-lines.js";
import { withKeys } from "./keys.js";
import { describeOpenPgp } from "./openpgp-lines.js";
import type { CommonOptions } from "./options.js";
import { makeOutput, type Output } from "./output.js";
import { printable, shortened } from "./printable.js";
import { askConsent, askText } from "./secrets.js";

const STILL_REFUSED = "An unknown key of this address is still refused: one was verified or revoked once.";
export const TOLD = "Each contact whose key you have verified is told of it in your next stream with them.";
const NAME = 44;

export interface VerifyOptions extends CommonOptions {
  readonly newKey: boolean;
}

export interface SureOptions extends CommonOptions {
  readonly yes: boolean;
}

/** `balcony trust ls` */
export async function trustListCommand(options: CommonOptions): Promise<void> {
  await withTrust(options, ({ output, store, account }) => {
    const contacts = store.list(account);
    for (const { peer, record } of contacts) output.payload({ event: "peer", account, peer, ...record }, `${shortened(peer, NAME).padEnd(NAME)}  ${summary(record)}`);
    if (contacts.length === 0) output.tell({ event: "empty", account }, `${account} knows nobody's key yet.`);
  });
}

/** `balcony trust show JID` */
export async function trustShowCommand(typed: string, options: CommonOptions): Promise<void> {
  await withTrust(options, ({ output, store, account }) => {
    const peer = bare(address(typed));
    const record = store.show(account, peer);
    if (!record) throw new UsageError(`No key of ${peer} is known.`);
    const { otherOwners } = store.view(account, peer);
    const others = new Map(record.devices.map(({ spki }) => [spki, otherOwners(spki).filter((owner) => owner.peer !== peer)]));
    const devices = record.devices.map((device) => ({ ...device, alsoKnownFor: (others.get(device.spki) ?? []).map((owner) => owner.peer) }));
    const parts = [paint.bold(printable(peer)), ...devices.flatMap(describeDevice), ...describeOpenPgp(record), ...about(record)];
    output.payload({ event: "peer", account, peer, ...record, devices }, parts.join("\n"));
  });
}

/** `balcony trust verify JID [FINGERPRINT]`: what its owner says is its fingerprint, by voice or in person, against the keys that came over the wire. */
export async function trustVerifyCommand(typed: string, fingerprint: string | undefined, options: VerifyOptions): Promise<void> {
  await withTrust(options, async ({ output, store, account }) => {
    const peer = bare(address(typed));
    const given = read(fingerprint ?? (await askText(`What is the fingerprint of ${peer}? Digits, words or xmpp: code`, "Give it as the last argument.")));
    if (!matches(store.show(account, peer), peer, given) && !options.newKey) throw mismatch(store.show(account, peer), peer);
    const device = await store.setVerified(account, peer, given.spki, given.how);
    output.tell({ event: "verified", account, peer, ...device }, `this key of ${printable(peer)} is verified: every other that is not known is refused from now on`, "done");
  });
}

/** `balcony trust require JID WHAT` */
export async function trustRequireCommand(typed: string, what: string, options: CommonOptions): Promise<void> {
  await withTrust(options, async ({ output, store, account }) => {
    const peer = bare(address(typed));
    const requirement = what === "verified" || what === "encrypted" ? what : undefined;
    if (requirement === undefined && what !== "default") throw new UsageError("It is `verified`, `encrypted` or `default`.");
    await store.require(account, peer, requirement);
    const words = {
      verified: `only a verified key of ${printable(peer)} is taken from now on`,
      encrypted: `any key of ${printable(peer)} that is not refused is taken from now on`,
      default: `for ${printable(peer)} holds what holds for all`,
    };
    output.tell({ event: "required", account, peer, require: what }, words[requirement ?? "default"], "done");
  });
}

/** `balcony trust rm JID [FINGERPRINT]` */
export async function trustRemoveCommand(typed: string, fingerprint: string | undefined, options: CommonOptions): Promise<void> {
  await withTrust(options, async ({ output, store, account }) => {
    const peer = bare(address(typed));
    if (!store.show(account, peer)) throw new UsageError(`No key of ${peer} is known.`);
    const spki = fingerprint === undefined ? undefined : read(fingerprint).spki;
    await store.remove(account, peer, spki);
    output.tell({ event: "removed", account, peer, ...(spki !== undefined && { spki }) }, `forgotten.${store.show(account, peer)?.tombstone ? ` ${STILL_REFUSED}` : ""}`, "done");
  });
}

/** `balcony trust label JID FINGERPRINT LABEL` */
export async function trustLabelCommand(typed: string, fingerprint: string, label: string, options: CommonOptions): Promise<void> {
  await withTrust(options, async ({ output, store, account }) => {
    const peer = bare(address(typed));
    const device = await store.label(account, peer, read(fingerprint).spki, label === "" ? undefined : label);
    output.tell({ event: "labelled", account, peer, ...device }, label === "" ? "it has no name any more" : `it is called ${printable(label)}`, "done");
  });
}

/** `balcony trust revoke JID FINGERPRINT` */
export async function trustRevokeCommand(typed: string, fingerprint: string, options: SureOptions): Promise<void> {
  await withTrust(options, async ({ output, store, account }) => {
    const peer = bare(address(typed));
    await assure(options, output, "This key will be refused for good, under every address.");
    const device = await store.revoke(account, peer, read(fingerprint).spki);
    output.tell({ event: "revoked", account, peer, ...device }, "it is refused from now on", "done");
    if (peer === account) output.tell({ event: "note", code: "contacts-will-be-told" }, TOLD);
  });
}

/** `balcony trust reset JID` */
export async function trustResetCommand(typed: string, options: SureOptions): Promise<void> {
  await withTrust(options, async ({ output, store, account }) => {
    const peer = bare(address(typed));
    if (!store.show(account, peer)) throw new UsageError(`No key of ${peer} is known.`);
    await assure(
      options,
      output,
      `Whatever key comes next for ${printable(peer)} will be taken. That is what somebody who sits between you wants: do it only if they have told you, by voice or in person, that their keys are new.`,
    );
    await store.reset(account, peer);
    output.tell({ event: "reset", account, peer }, "all but revoked keys is forgotten; the next key is taken on first use", "done");
  });
}

export interface InTrust {
  readonly output: Output;
  readonly store: TrustStore;
  readonly account: string;
}

export async function withTrust(options: CommonOptions, work: (inside: InTrust) => Promise<void> | void): Promise<void> {
  const output = makeOutput(options);
  const { jid } = await accountOf(options.data, options.account === undefined ? undefined : bare(address(options.account)));
  await withKeys(options, output, async (store) => await work({ output, store, account: jid }));
}

export async function assure({ yes }: SureOptions, output: Output, warning: string, code = "cannot-be-undone"): Promise<void> {
  output.tell({ event: "warning", code }, warning, "warning");
  if (yes || (await askConsent("Are you sure?", "Give --yes."))) return;
  throw new BalconyError("aborted", "Nothing was changed.");
}

export const read = (fingerprint: string): GivenFingerprint => parseFingerprint(fingerprint, { normalize });

/** Where nothing is known of an address, a fingerprint that came beforehand is what the first stream will be held to. */
function matches(record: PeerRecord | undefined, peer: string, given: GivenFingerprint): boolean {
  const results = (record?.devices ?? []).map(({ spki }) => compareFingerprint(given, { peer, spki }));
  if (compareFingerprint(given, { peer, spki: given.spki }) === "other-address")
    throw new BalconyError("address-mismatch", `That is the fingerprint of ${given.address}, and not of ${peer}.`, { phase: "trust", peer });
  return results.length === 0 || results.includes("same");
}

const mismatch = (record: PeerRecord | undefined, peer: string) =>
  new BalconyError("fingerprint-mismatch", `That is none of the ${record?.devices.length ?? 0} keys that came for ${peer}: somebody may be between you.`, {
    phase: "trust",
    peer,
    hint: "Nothing was changed. If they have a new device and gave you its fingerprint themselves, by voice or in person, say --new-key.",
  });

/** What holds for every key of the address. */
function about({ everStreamed, guesses = [], require, tombstone }: PeerRecord): string[] {
  const left = MAX_GUESSES - guesses.length;
  const lines = [
    ...(tombstone ? ["  An unknown key of this address is refused."] : []),
    ...(require ? [`  You require ${require} for this address.`] : []),
    ...(everStreamed ? ["  It has spoken encrypted streams: an offer of anything less is refused."] : []),
    ...(guesses.length > 0 ? [`  Comparisons begun and not confirmed within a day: ${guesses.length}; ${left} left.`] : []),
  ];
  return lines.length > 0 ? ["", ...lines] : [];
}

function summary({ devices }: PeerRecord): string {
  const count = (status: Device["status"]): number => devices.filter((device) => device.status === status).length;
  const parts = (["verified", "unverified", "revoked"] as const).flatMap((status) => (count(status) > 0 ? [`${count(status)} ${status}`] : []));
  return parts.join(", ") || "no keys";
}

function describeDevice(device: Device & { readonly alsoKnownFor: readonly string[] }): string[] {
  const { alsoKnownFor, differed, firstSeen, label, lastSeen, replaces, revoked, spki, status } = device;
  const colour = { verified: paint.green, unverified: paint.bold, revoked: paint.red }[status];
  return [
    "",
    `  ${colour(status)}${origin(device)}${label ? `, called ${paint.bold(printable(label))}` : ""}`,
    ...onLines(spki).map((line) => `  ${line}`),
    `  first seen ${firstSeen.slice(0, 10)}, last seen ${lastSeen.slice(0, 10)}${revoked ? `, refused since ${revoked.slice(0, 10)}` : ""}`,
    ...(replaces ? [`  in place of ${replaces.slice(0, 8)}, which signed it`] : []),
    ...(differed ? [paint.red(`  you saw other symbols than they did on ${differed.slice(0, 10)}: somebody may be between you`)] : []),
    ...(alsoKnownFor.length > 0 ? [paint.red("  the same key is known for other addresses, and one of them is not who it says:")] : []),
    ...alsoKnownFor.map((other) => `    ${shortened(other, 76)}`),
  ];
}

/** Where its status comes from. */
function origin({ verified, orphaned, replacedBy, status }: Device): string {
  if (replacedBy !== undefined) return `, replaced by ${replacedBy.slice(0, 8)}`;
  if (orphaned) return `, and refused: ${orphaned.by.slice(0, 8)}, which vouched for it, is gone`;
  if (!verified) return "";
  const was = status === "revoked" ? ", verified before" : "";
  const how =
    verified.openpgp !== undefined
      ? ` by their OpenPGP key ${verified.openpgp.slice(-8)}`
      : verified.by === undefined
        ? ` by ${verified.how}`
        : `, vouched for by ${verified.by.slice(0, 8)},`;
  return `${was}${how} on ${verified.at.slice(0, 10)}`;
}
