import { type BareJid, type Device, isSpki, type PeerRecord, statuses, ways } from "../record.js";
import type { Contents } from "../storage.js";
import { corrupt, count, date, entries, fields, flag, list, oneOf, parseJson, text } from "./shape.js";
import { checkHeader, checkMac, renderSigned } from "./signed-json.js";

type Peers = Contents["peers"];

/** trust.json as it was read. */
export interface TrustFile {
  /** Counts up with every change. */
  readonly generation: number;
  readonly peers: Peers;
}

/** Version 1. A change of format counts it up, and reads the one before. */
const header = { format: "balcony-trust", version: 1 } as const;

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
  const { devices, everStreamed, tombstone, guesses } = fields(value, where, ["devices", "everStreamed", "tombstone", "guesses?"]);
  const record = {
    devices: list(devices, `${where} devices`).map((device) => readDevice(device, `a device of ${where}`)),
    everStreamed: flag(everStreamed, `${where} everStreamed`),
    tombstone: flag(tombstone, `${where} tombstone`),
    ...(guesses === undefined ? {} : { guesses: list(guesses, `${where} guesses`).map((guess) => date(guess, `a guess of ${where}`)) }),
  };
  if (new Set(record.devices.map((device) => device.spki)).size < record.devices.length) throw corrupt(`${where} has a device twice`);
  if (!record.tombstone && record.devices.some((device) => device.status === "verified")) throw corrupt(`${where} is verified without a tombstone`);
  return record;
}

function readDevice(value: unknown, where: string): Device {
  const found = fields(value, where, ["spki", "label?", "firstSeen", "lastSeen", "status", "verified?", "differed?", "revoked?"]);
  const device: Device = {
    spki: text(found.spki, `${where}: spki`),
    ...(found.label === undefined ? {} : { label: text(found.label, `${where}: label`) }),
    firstSeen: date(found.firstSeen, `${where}: firstSeen`),
    lastSeen: date(found.lastSeen, `${where}: lastSeen`),
    status: oneOf(found.status, `${where}: status`, statuses),
    ...(found.verified === undefined ? {} : { verified: readVerified(found.verified, `${where}: verified`) }),
    ...(found.differed === undefined ? {} : { differed: date(found.differed, `${where}: differed`) }),
    ...(found.revoked === undefined ? {} : { revoked: date(found.revoked, `${where}: revoked`) }),
  };
  const consistent =
    device.status === "revoked" ? device.revoked !== undefined : device.revoked === undefined && (device.status === "verified") === (device.verified !== undefined);
  if (!isSpki(device.spki) || !consistent) throw corrupt(`${where} contradicts itself`);
  return device;
}

function readVerified(value: unknown, where: string): { how: (typeof ways)[number]; at: string } {
  const { how, at } = fields(value, where, ["how", "at"]);
  return { how: oneOf(how, where, ways), at: date(at, where) };
}

function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
