import {
  type BareJid,
  type Device,
  deviceOf,
  isDirectlyVerified,
  type PeerRecord,
  requirements,
  type SpentCode,
  statuses,
  type TrustedOpenPgpKey,
  type Verification,
  ways,
} from "../record.js";
import type { Contents } from "../storage.js";
import { corrupt, count, date, entries, fields, flag, list, oneOf, parseJson, text } from "./shape.js";
import { checkHeader, checkMac, renderSigned } from "./signed-json.js";

type Peers = Contents["peers"];

const SPKI = /^[0-9a-f]{64}$/u;
const OPENPGP = /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/u;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u;

/** trust.json as it was read. */
export interface TrustFile {
  /** Counts up with every change. */
  readonly generation: number;
  readonly peers: Peers;
}

/**
 * A change of format counts the version up, and reads the one before. Version 2 has more in each device and record, all of which may be missing, so that what version 1 wrote
 * is read as it is; the next change writes version 2.
 */
const header = { format: "balcony-trust", version: 2, oldest: 1 } as const;

export function renderTrust({ generation, peers }: TrustFile, macKey: Uint8Array): string {
  const accounts = sorted(peers).map(([account, ofAccount]) => [account, Object.fromEntries(sorted(ofAccount))]);
  return renderSigned(header, { generation, accounts: Object.fromEntries(accounts) }, macKey);
}

/** @throws `store-corrupt`, `store-version`, `store-tampered` */
export function readTrust(file: string, macKey: Uint8Array): TrustFile {
  checkHeader(file, header);
  checkMac(file, macKey);
  const { generation, accounts } = fields(parseJson(file, "trust.json"), "trust.json", ["format", "version", "generation", "accounts", "mac"]);
  const peers = new Map<BareJid, ReadonlyMap<BareJid, PeerRecord>>();
  for (const [account, ofAccount] of entries(accounts, "accounts")) {
    peers.set(account, new Map([...entries(ofAccount, account)].map(([peer, record]) => [peer, readRecord(record, peer)])));
  }
  return { generation: count(generation, "generation"), peers };
}

function readRecord(value: unknown, where: string): PeerRecord {
  const found = fields(value, where, ["devices", "everStreamed", "tombstone", "guesses?", "codes?", "require?", "openpgp?"]);
  const { codes, devices, everStreamed, guesses, openpgp, require, tombstone } = found;
  const record: PeerRecord = {
    devices: list(devices, `${where} devices`).map((device) => readDevice(device, `a device of ${where}`)),
    everStreamed: flag(everStreamed, `${where} everStreamed`),
    tombstone: flag(tombstone, `${where} tombstone`),
    ...(guesses !== undefined && { guesses: list(guesses, `${where} guesses`).map((guess) => date(guess, `a guess of ${where}`)) }),
    ...(codes !== undefined && { codes: list(codes, `${where} codes`).map((code) => readCode(code, `a code of ${where}`)) }),
    ...(require !== undefined && { require: oneOf(require, `${where} require`, requirements) }),
    ...(openpgp !== undefined && { openpgp: list(openpgp, `${where} openpgp`).map((key) => readOpenPgp(key, `an OpenPGP key of ${where}`)) }),
  };
  if (new Set(record.devices.map((device) => device.spki)).size < record.devices.length) throw corrupt(`${where} has a device twice`);
  const verified = record.devices.filter((device) => device.status === "verified");
  if (!record.tombstone && verified.length > 0) throw corrupt(`${where} is verified without a tombstone`);
  const alone = verified.find(({ verified: by }) => by?.by !== undefined && !isDirectlyVerified(deviceOf(record, by.by)));
  if (alone) throw corrupt(`${where} is vouched for by nobody`);
  return record;
}

function readCode(value: unknown, where: string): SpentCode {
  const { at, hash } = fields(value, where, ["hash", "at"]);
  return { hash: text(hash, where, SPKI), at: date(at, where) };
}

function readOpenPgp(value: unknown, where: string): TrustedOpenPgpKey {
  const { at, fingerprint, key } = fields(value, where, ["fingerprint", "key", "at"]);
  return { fingerprint: text(fingerprint, where, OPENPGP), key: text(key, where, BASE64), at: date(at, where) };
}

function readDevice(value: unknown, where: string): Device {
  const found = fields(value, where, ["spki", "label?", "firstSeen", "lastSeen", "status", "verified?", "differed?", "orphaned?", "replaces?", "replacedBy?", "revoked?", "key?"]);
  const device: Device = {
    spki: text(found.spki, `${where}: spki`, SPKI),
    ...(found.label !== undefined && { label: text(found.label, `${where}: label`) }),
    firstSeen: date(found.firstSeen, `${where}: firstSeen`),
    lastSeen: date(found.lastSeen, `${where}: lastSeen`),
    status: oneOf(found.status, `${where}: status`, statuses),
    ...(found.verified !== undefined && { verified: readVerified(found.verified, `${where}: verified`) }),
    ...(found.differed !== undefined && { differed: date(found.differed, `${where}: differed`) }),
    ...(found.orphaned !== undefined && { orphaned: readOrphaned(found.orphaned, `${where}: orphaned`) }),
    ...(found.replaces !== undefined && { replaces: text(found.replaces, `${where}: replaces`, SPKI) }),
    ...(found.replacedBy !== undefined && { replacedBy: text(found.replacedBy, `${where}: replacedBy`, SPKI) }),
    ...(found.revoked !== undefined && { revoked: date(found.revoked, `${where}: revoked`) }),
    ...(found.key !== undefined && { key: text(found.key, `${where}: key`, BASE64) }),
  };
  if (!isConsistent(device)) throw corrupt(`${where} contradicts itself`);
  return device;
}

function isConsistent({ status, verified, orphaned, replacedBy, revoked }: Device): boolean {
  if (status === "revoked") return revoked !== undefined && orphaned === undefined;
  if (revoked !== undefined || replacedBy !== undefined) return false;
  return status === "verified" ? verified !== undefined && orphaned === undefined : verified === undefined;
}

function readVerified(value: unknown, where: string): Verification {
  const found = fields(value, where, ["how", "at", "by?", "openpgp?"]);
  const how = oneOf(found.how, where, ways);
  if ((how === "vouched") !== (found.by !== undefined) || (how === "openpgp") !== (found.openpgp !== undefined)) throw corrupt(`${where} contradicts itself`);
  return {
    how,
    at: date(found.at, where),
    ...(found.by !== undefined && { by: text(found.by, where, SPKI) }),
    ...(found.openpgp !== undefined && { openpgp: text(found.openpgp, where, OPENPGP) }),
  };
}

function readOrphaned(value: unknown, where: string): { readonly by: string; readonly at: string } {
  const { by, at } = fields(value, where, ["by", "at"]);
  return { by: text(by, where, SPKI), at: date(at, where) };
}

function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
