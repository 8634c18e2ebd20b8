import { BalconyError } from "@balcony/channel";

/** A bare XMPP address in normal form (RFC 7622): what `bare(normalize(…))` of @balcony/xml gives. */
export type BareJid = string;

/** How a key was verified, by name. */
export const ways = ["fingerprint", "qr", "symbols", "read-aloud", "code", "imported", "vouched", "ca", "openpgp"] as const;
export type How = (typeof ways)[number];
/** Those by which a person verifies a key themselves. */
export type DirectHow = Exclude<How, "vouched" | "ca" | "openpgp">;

/** Shown in the very handshake, and good for no longer than that: what an authority or an OpenPGP key says of a device. */
export const isAttestation = (how: How | undefined): how is "ca" | "openpgp" => how === "ca" || how === "openpgp";

/** How and when a key was verified. */
export interface Verification {
  readonly how: How;
  readonly at: string;
  /** The key that vouched for this one: set where, and only where, `how` is `vouched`. */
  readonly by?: string;
  /** Fingerprint of the OpenPGP key that has signed this one: set where, and only where, `how` is `openpgp`. */
  readonly openpgp?: string;
}

export const statuses = ["unverified", "verified", "revoked"] as const;

/** One key of a peer. Dates are ISO 8601. */
export interface Device {
  /** SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. */
  readonly spki: string;
  /** What the person calls it. */
  readonly label?: string;
  /** When it was taken on first use, or entered by hand. */
  readonly firstSeen: string;
  /** When it was last used, to within an hour. */
  readonly lastSeen: string;
  /** `revoked` is for good: nothing in here leads out of it. */
  readonly status: (typeof statuses)[number];
  /** Kept when the key is revoked later. A key that replaces a verified one inherits this from it. */
  readonly verified?: Verification;
  /** When a person last saw other symbols than the peer did, with this key at the other end, or the peer broke its commitment. Verifying the key takes it away. */
  readonly differed?: string;
  /** The key that vouched for this one stands no more: it is not taken, although it is known, until it is verified in another way. */
  readonly orphaned?: { readonly by: string; readonly at: string };
  /** The key that this one has taken the place of. */
  readonly replaces?: string;
  /** The key that has taken the place of this one, which is revoked since. */
  readonly replacedBy?: string;
  /** When it was revoked. */
  readonly revoked?: string;
  /** The key itself, a SubjectPublicKeyInfo in base64, where it was shown in an ESession: the next one may name it by its hash alone (XEP-0116). */
  readonly key?: string;
}

/** All that is remembered of one peer, under one account of our own. */
export interface PeerRecord {
  readonly devices: readonly Device[];
  /** Has this address spoken e2e streams? If so, it never cannot (security.md, "Downgrade"). */
  readonly everStreamed: boolean;
  /** Was a key of this address ever verified or revoked? Then an unknown one blocks, even when no device is left, until `reset`. */
  readonly tombstone: boolean;
  /** When each verification that was begun and not confirmed was charged: dates of the last day, or of a clock that was ahead. */
  readonly guesses?: readonly string[];
  /** Codes that were used with this peer, and are not used again with anybody. Of the last month, or of a clock that was ahead. */
  readonly codes?: readonly SpentCode[];
  /** What the person wants of this peer, whatever policy says for all. */
  readonly require?: Requirement;
  /** OpenPGP keys that the person takes for this peer's: what they say of devices counts. */
  readonly openpgp?: readonly TrustedOpenPgpKey[];
}

/** An OpenPGP key that a person takes for a peer's. */
export interface TrustedOpenPgpKey {
  /** 40 or 64 upper-case hex digits. */
  readonly fingerprint: string;
  /** The transferable public key (RFC 9580 §10.1), in base64. */
  readonly key: string;
  /** When the person said so, or last brought a newer copy. */
  readonly at: string;
}

/** A code that was used. What it was can be found out by trying all of them, and is worth nothing any more. */
export interface SpentCode {
  /** H("balcony-code-spent-1", code): 64 lower-case hex digits. */
  readonly hash: string;
  readonly at: string;
}

/** Verifications by short string that may be begun with one address within a day without being confirmed. */
export const MAX_GUESSES = 3;

/** What a key must be to be used: any that is not blocked, or a verified one. */
export const requirements = ["encrypted", "verified"] as const;
export type Requirement = (typeof requirements)[number];

/** Unverified keys kept for one peer. */
export const MAX_UNVERIFIED = 32;

/** OpenPGP keys that are kept for one peer. */
export const MAX_OPENPGP_KEYS = 8;

/** Keys that one key may vouch for at a time. */
export const MAX_VOUCHED = 32;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MONTH = 31 * DAY;
/** Bits of a code that nobody guesses. */
const UNGUESSABLE = 64;
const stranger: PeerRecord = Object.freeze({ devices: [], everStreamed: false, tombstone: false });

/** Is this the SHA-256 of a SubjectPublicKeyInfo as it is kept: 64 lower-case hex digits? */
export function isSpki(text: string): boolean {
  return /^[0-9a-f]{64}$/u.test(text);
}

export function deviceOf(record: PeerRecord | undefined, spki: string): Device | undefined {
  return record?.devices.find((device) => device.spki === spki);
}

/** Has a person verified this key themselves, or the one that it replaces? Only such a key vouches for others. */
export function isDirectlyVerified(device: Device | undefined): boolean {
  return device?.status === "verified" && device.verified !== undefined && device.verified.how !== "vouched" && !isAttestation(device.verified.how);
}

// The transitions. Each takes a record and gives the next; undefined stands for "never met". One that changes nothing gives back the very same record.

/** A key was used: kept as unverified if it is new. Whoever calls this has asked `decide()`. */
export function seen(record: PeerRecord | undefined, { spki, at, key, streamed }: Use): PeerRecord {
  const before = record ?? stranger;
  const everStreamed = before.everStreamed || streamed;
  const known = deviceOf(record, spki);
  const kept = key === undefined ? {} : { key };
  if (!known) return { ...before, everStreamed, devices: [...before.devices, { ...entered(spki, at), ...kept }] };
  const fresh = Date.parse(at) - Date.parse(known.lastSeen) < HOUR; // a clock that went back changes nothing
  if (fresh && everStreamed === before.everStreamed && (key === undefined || key === known.key)) return before;
  return { ...withDevice(before, { ...known, ...kept, lastSeen: fresh ? known.lastSeen : at }), everStreamed };
}

interface Use {
  readonly spki: string;
  readonly at: string;
  readonly streamed: boolean;
  /** The key itself, where it is to be kept. */
  readonly key?: string | undefined;
}

/** An authority, or an OpenPGP key, that the person trusts has vouched for a key in the very stream in which it was shown. What was verified stays as it was. */
export function attested(record: PeerRecord | undefined, { spki, verification }: { readonly spki: string; readonly verification: Verification }): PeerRecord {
  const known = deviceOf(record, spki);
  if (record && known?.status === "verified") return record;
  return withVerified(record, { spki, at: verification.at, verification });
}

/** The person takes an OpenPGP key for this peer's, or has a newer copy of it. Throws `too-many-devices`. */
export function openPgpTrusted(record: PeerRecord | undefined, key: TrustedOpenPgpKey): PeerRecord {
  const before = record ?? stranger;
  const others = (before.openpgp ?? []).filter(({ fingerprint }) => fingerprint !== key.fingerprint);
  if (others.length >= MAX_OPENPGP_KEYS) throw new BalconyError("too-many-devices", `At most ${MAX_OPENPGP_KEYS} OpenPGP keys are kept for one address.`, { phase: "trust" });
  return { ...before, openpgp: [...others, key] };
}

/** The person takes an OpenPGP key for this peer's no more: devices that it alone has verified are so no more. Throws `invalid-argument` for one that is not known. */
export function openPgpDistrusted(record: PeerRecord | undefined, fingerprint: string): PeerRecord | undefined {
  const { openpgp = [], ...rest } = record ?? stranger;
  const left = openpgp.filter((key) => key.fingerprint !== fingerprint);
  if (left.length === openpgp.length) throw new BalconyError("invalid-argument", `No OpenPGP key ${fingerprint} is known for this address.`, { phase: "trust" });
  const devices = rest.devices.map((device): Device => {
    if (device.status !== "verified" || device.verified?.openpgp !== fingerprint) return device;
    const { verified: _, ...known } = device;
    return { ...known, status: "unverified" };
  });
  return unlessEmpty({ ...rest, devices, ...(left.length > 0 && { openpgp: left }) });
}

/** The person has verified a key, known or not. */
export function verified(record: PeerRecord | undefined, { spki, how, at }: { readonly spki: string; readonly how: DirectHow; readonly at: string }): PeerRecord {
  return withVerified(record, { spki, at, verification: { how, at } });
}

/** The strings differed with this key at the other end. */
export function differed(record: PeerRecord | undefined, { spki, at }: { readonly spki: string; readonly at: string }): PeerRecord {
  return withDevice(record ?? stranger, { ...(deviceOf(record, spki) ?? entered(spki, at)), differed: at });
}

/**
 * A directly verified key of this address vouches for another one of it (XEP-0450). What was verified directly stays so.
 * Throws `not-trusted` where the voucher is not directly verified, `key-revoked` where the other was revoked, `too-many-devices` where the voucher has vouched for as many as it may.
 */
export function vouched(record: PeerRecord | undefined, { spki, by, at }: { readonly spki: string; readonly by: string; readonly at: string }): PeerRecord {
  if (by === spki || !isDirectlyVerified(deviceOf(record, by))) throw untrusted("Only a key that was verified directly vouches for another.");
  const known = deviceOf(record, spki);
  if (record && known?.status === "verified") return record;
  if ((record?.devices ?? []).filter(({ verified, status }) => status === "verified" && verified?.by === by).length >= MAX_VOUCHED) {
    throw new BalconyError("too-many-devices", `A key vouches for ${MAX_VOUCHED} others at most.`, { phase: "trust" });
  }
  return withVerified(record, { spki, at, verification: { how: "vouched", at, by } });
}

/**
 * A verified key is replaced by another, which it has signed: the new one inherits how it was verified, and those it has vouched for; the old one is revoked.
 * Throws `not-trusted` where the old key is not verified, `key-revoked` where the new one was revoked, `invalid-argument` where it is known already.
 */
export function rotated(record: PeerRecord | undefined, { from, to, at }: { readonly from: string; readonly to: string; readonly at: string }): PeerRecord {
  const old = deviceOf(record, from);
  if (!record || !old?.verified || old.status !== "verified") throw untrusted("Only a verified key is replaced by another without the person.");
  const known = deviceOf(record, to);
  if (known?.status === "revoked") throw new BalconyError("key-revoked", "This key was revoked and takes no other's place.", { phase: "trust" });
  if (known) throw new BalconyError("invalid-argument", "A key takes another's place that was not known before.", { phase: "trust" });
  const heir: Device = { ...entered(to, at), ...(old.label !== undefined && { label: old.label }), status: "verified", verified: old.verified, replaces: from };
  const devices = record.devices.map((device): Device => {
    if (device.spki === from) return { ...device, status: "revoked", revoked: at, replacedBy: to };
    return device.verified?.by === from ? { ...device, verified: { ...device.verified, by: to } } : device;
  });
  return { ...record, devices: [...devices, heir] };
}

/** The person, or a verified device of the peer's, never wants to see this key again, known or not. Those it has vouched for are unverified from now on. */
export function revoked(record: PeerRecord | undefined, { spki, at }: { readonly spki: string; readonly at: string }): PeerRecord {
  const known = deviceOf(record, spki);
  if (record?.tombstone && known?.status === "revoked") return record;
  const { orphaned: _, ...rest } = known ?? entered(spki, at);
  const next = withDevice({ ...(record ?? stranger), tombstone: true }, { ...rest, status: "revoked", revoked: known?.revoked ?? at });
  return withOrphans(next, (by) => by === spki, at);
}

/**
 * A device of the peer's refuses one of its keys: a directly verified one any that is known, a vouched one itself. A key that is not known is refused without it, as long as one is verified; so nothing
 * is kept of it, and nobody has somebody else's key refused before it is met. Throws `not-trusted`.
 */
export function disowned(record: PeerRecord | undefined, { spki, by, at }: { readonly spki: string; readonly by: string; readonly at: string }): PeerRecord | undefined {
  const signer = deviceOf(record, by);
  if (!isDirectlyVerified(signer) && !(by === spki && signer?.status === "verified")) throw untrusted("Only a key that was verified directly has another refused.");
  return deviceOf(record, spki) ? revoked(record, { spki, at }) : record;
}

/** Forgets a key, or all of them. Revoked keys, the tombstone and what the address could do are not forgotten. Those it has vouched for are unverified from now on. */
export function removed(record: PeerRecord | undefined, { spki, at }: { readonly spki?: string | undefined; readonly at: string }): PeerRecord | undefined {
  if (spki !== undefined && demand(record, spki).status === "revoked") {
    throw new BalconyError("key-revoked", "A revoked key stays on record, so that it cannot come back as a new one.", { phase: "trust" });
  }
  if (!record) return undefined;
  const devices = record.devices.filter((device) => device.status === "revoked" || (spki !== undefined && device.spki !== spki));
  return unlessEmpty(withOrphans({ ...record, devices }, (by) => by === spki, at));
}

/** What the person wants of this peer; undefined leaves it to policy again. */
export function required(record: PeerRecord | undefined, require: Requirement | undefined): PeerRecord | undefined {
  if (record?.require === require) return record;
  const { require: _, ...rest } = record ?? stranger;
  if (require !== undefined) return { ...rest, require };
  return unlessEmpty(rest);
}

/** Gives a known key a name, or takes it away. */
export function labelled(record: PeerRecord | undefined, { spki, label }: { readonly spki: string; readonly label: string | undefined }): PeerRecord {
  const { label: _, ...known } = demand(record, spki);
  return withDevice(record ?? stranger, label === undefined ? known : { ...known, label });
}

/**
 * A verification begins. Dated no earlier than any before it, so that a clock which goes back gives nothing back: only a day that passes does, and the person who confirms.
 * Throws `guesses-spent`.
 */
export function charged(record: PeerRecord | undefined, at: string): PeerRecord {
  const spent = (record?.guesses ?? []).filter((guess) => Date.parse(at) - Date.parse(guess) < DAY);
  if (spent.length >= MAX_GUESSES) {
    throw new BalconyError("guesses-spent", `${MAX_GUESSES} verifications with this address were begun within a day and not confirmed.`, {
      phase: "trust",
      hint: "Somebody may be between you, trying. Compare whole fingerprints, or scan the QR code; or wait a day.",
    });
  }
  return { ...(record ?? stranger), guesses: [...spent, [at, ...spent].sort().at(-1) ?? at] };
}

/** The person here has said that the strings match: this verification's guess was none. */
export function givenBack({ guesses = [], ...record }: PeerRecord): PeerRecord {
  const left = guesses.slice(0, -1);
  return left.length > 0 ? { ...record, guesses: left } : record;
}

/**
 * A code is used: once, whatever comes of it, and where it can be guessed at the cost of a guess. `others` are the account's records of all its peers.
 * Throws `code-spent`, `guesses-spent`.
 */
export function codeSpent(record: PeerRecord | undefined, { hash, at, entropy, others }: CodeUse & { readonly others: Iterable<PeerRecord> }): PeerRecord {
  const lately = ({ codes = [] }: PeerRecord): readonly SpentCode[] => codes.filter((code) => Date.parse(at) - Date.parse(code.at) < MONTH);
  for (const other of others) {
    if (!lately(other).some((code) => code.hash === hash)) continue;
    throw new BalconyError("code-spent", "This code was used before, and each has one try.", { phase: "trust", hint: "Ask them for a new one." });
  }
  const next = entropy < UNGUESSABLE ? charged(record, at) : (record ?? stranger);
  return { ...next, codes: [...lately(next), { hash, at }] };
}

interface CodeUse {
  readonly hash: string;
  readonly at: string;
  /** Bits. */
  readonly entropy: number;
}

/** The peer has proved that they know the code, too. */
export function codeConfirmed(record: PeerRecord | undefined, { spki, at, entropy }: { readonly spki: string; readonly at: string; readonly entropy: number }): PeerRecord {
  const next = verified(record, { spki, how: "code", at });
  return entropy < UNGUESSABLE ? givenBack(next) : next;
}

/** As if this address had never been met: the next key is taken on first use. Only revoked keys stay revoked, spent guesses and codes spent, and what the person wants of the peer stays. */
export function reset(record: PeerRecord | undefined): PeerRecord | undefined {
  const { codes, guesses, require } = record ?? stranger;
  const devices = record?.devices.filter((device) => device.status === "revoked") ?? [];
  if (devices.length === 0 && !guesses && !codes && require === undefined) return undefined;
  return { ...stranger, devices, ...(guesses && { guesses }), ...(codes && { codes }), ...(require !== undefined && { require }) };
}

/** Nothing is kept of somebody of whom there is nothing to keep. */
function unlessEmpty(record: PeerRecord): PeerRecord | undefined {
  const { codes, devices, everStreamed, guesses, openpgp, require, tombstone } = record;
  return devices.length > 0 || everStreamed || tombstone || guesses || codes || openpgp || require !== undefined ? record : undefined;
}

function entered(spki: string, at: string): Device {
  return { spki, firstSeen: at, lastSeen: at, status: "unverified" };
}

function demand(record: PeerRecord | undefined, spki: string): Device {
  const known = deviceOf(record, spki);
  if (!known) throw new BalconyError("invalid-argument", `No key ${spki} is known for this address.`, { phase: "trust" });
  return known;
}

function withDevice(record: PeerRecord, device: Device): PeerRecord {
  const index = record.devices.findIndex(({ spki }) => spki === device.spki);
  return { ...record, devices: index < 0 ? [...record.devices, device] : record.devices.with(index, device) };
}

function withVerified(record: PeerRecord | undefined, { spki, at, verification }: { readonly spki: string; readonly at: string; readonly verification: Verification }): PeerRecord {
  const known = deviceOf(record, spki);
  if (known?.status === "revoked") throw new BalconyError("key-revoked", "This key was revoked and cannot be verified again.", { phase: "trust" });
  const { orphaned: _, differed: __, ...rest } = known ?? entered(spki, at);
  return withDevice({ ...(record ?? stranger), tombstone: true }, { ...rest, status: "verified", verified: verification });
}

function withOrphans(record: PeerRecord, gone: (by: string) => boolean, at: string): PeerRecord {
  const devices = record.devices.map((device): Device => {
    const by = device.verified?.by;
    if (device.status !== "verified" || by === undefined || !gone(by)) return device;
    const { verified: _, ...rest } = device;
    return { ...rest, status: "unverified", orphaned: { by, at } };
  });
  return { ...record, devices };
}

const untrusted = (message: string): BalconyError => new BalconyError("not-trusted", message, { phase: "trust" });
