import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Alert, type Decision, type Device, decide, MAX_UNVERIFIED, type Owner, type PeerRecord } from "../src/index.js";

const spki = "ab".repeat(32);
const at = "2026-01-01T00:00:00.000Z";
const key = (index: number): string => index.toString(16).padStart(64, "0");
const unverified = (of = spki): Device => ({ spki: of, firstSeen: at, lastSeen: at, status: "unverified" });
const verified = (of = spki): Device => ({ ...unverified(of), status: "verified", verified: { how: "fingerprint", at } });
const differing = (of = spki): Device => ({ ...unverified(of), differed: at });
const revoked = (of = spki): Device => ({ ...unverified(of), status: "revoked", revoked: at });
const crowd = (count: number): Device[] => Array.from({ length: count }, (_, index) => unverified(key(index)));
const byVoucher = (by: string, of = spki): Device => ({ ...unverified(of), status: "verified", verified: { how: "vouched", at, by } });
const attestation = { how: "ca", at: "2026-02-02T00:00:00.000Z" } as const;
const bySignature = { how: "openpgp", at: "2026-02-02T00:00:00.000Z", openpgp: "A".repeat(40) } as const;
const byOpenPgp = (of = spki): Device => ({ ...unverified(of), status: "verified", verified: bySignature });
const byCa = (of = spki): Device => ({ ...unverified(of), status: "verified", verified: { how: "ca", at } });
const orphan = (by: string): Device => ({ ...unverified(), orphaned: { by, at } });
const record = (devices: readonly Device[], { tombstone = false, require }: { tombstone?: boolean; require?: Require } = {}): PeerRecord => ({
  devices,
  everStreamed: true,
  tombstone,
  ...(require && { require }),
});
const elsewhere = (status: Device["status"]): Owner[] => [{ peer: "mercutio@verona.lit", status }];

const accept = (trust: "unverified" | "verified", firstUse: boolean, ...alerts: Alert["kind"][]) => ({
  action: "accept",
  trust,
  ...(trust === "verified" && { verification: { how: "fingerprint", at } }),
  firstUse,
  alerts,
});
const heir = (of: string) => ({ action: "accept", trust: "verified", verification: verified(of).verified, firstUse: false, replaces: of, alerts: [] });
const signed = (firstUse: boolean, ...alerts: Alert["kind"][]) => ({ action: "accept", trust: "verified", verification: bySignature, firstUse, alerts });
const byAuthority = (firstUse: boolean, ...alerts: Alert["kind"][]) => ({ action: "accept", trust: "verified", verification: attestation, firstUse, alerts });
const block = (code: string, ...alerts: Alert["kind"][]) => ({ action: "block", code, alerts });
const kinds = (decision: Decision) => ({ ...decision, alerts: decision.alerts.map(({ kind }) => kind) });

type Require = "encrypted" | "verified";
interface Row {
  readonly row: number;
  readonly name: string;
  readonly record: PeerRecord | undefined;
  readonly spki?: string;
  readonly owners?: readonly Owner[];
  readonly require?: Require;
  /** The key that has signed that this one takes its place. */
  readonly replaces?: string;
  /** By an authority, or by an OpenPGP key. */
  readonly attested?: boolean | typeof bySignature;
  readonly gives: object;
}

const rows: readonly Row[] = [
  { row: 0, name: "an upper-case hash, though it is a revoked key's", record: record([revoked()], { tombstone: true }), spki: spki.toUpperCase(), gives: block("not-trusted") },
  { row: 0, name: "a prefix of a verified key's hash", record: record([verified()], { tombstone: true }), spki: spki.slice(0, 32), gives: block("not-trusted") },
  { row: 0, name: "nothing at all", record: undefined, spki: "", gives: block("not-trusted") },
  { row: 1, name: "revoked", record: record([revoked()], { tombstone: true }), gives: block("key-revoked") },
  { row: 1, name: "revoked, and the address was reset since", record: record([revoked()]), gives: block("key-revoked") },
  { row: 1, name: "revoked after it had been verified", record: record([{ ...revoked(), verified: { how: "qr", at } }], { tombstone: true }), gives: block("key-revoked") },
  { row: 1, name: "revoked here, verified elsewhere", record: record([revoked()], { tombstone: true }), owners: elsewhere("verified"), gives: block("key-revoked", "same-key") },
  { row: 2, name: "verified", record: record([verified()], { tombstone: true }), gives: accept("verified", false) },
  { row: 2, name: "verified, as policy requires", record: record([verified()], { tombstone: true }), require: "verified", gives: accept("verified", false) },
  { row: 2, name: "verified beside a revoked one", record: record([revoked(key(1)), verified()], { tombstone: true }), gives: accept("verified", false) },
  {
    row: 2,
    name: "verified here, revoked elsewhere",
    record: record([verified()], { tombstone: true }),
    owners: elsewhere("revoked"),
    gives: accept("verified", false, "same-key"),
  },
  { row: 2, name: "verified among 32 unverified ones", record: record([...crowd(MAX_UNVERIFIED), verified()], { tombstone: true }), gives: accept("verified", false) },
  { row: 1, name: "replaced by another", record: record([{ ...revoked(), verified: { how: "qr", at }, replacedBy: key(1) }], { tombstone: true }), gives: block("key-revoked") },
  {
    row: 2,
    name: "vouched for by a directly verified one",
    record: record([verified(key(1)), byVoucher(key(1))], { tombstone: true }),
    require: "verified",
    gives: { ...accept("verified", false), verification: { how: "vouched", at, by: key(1) } },
  },
  { row: 2, name: "verified, though the person requires nothing", record: record([verified()], { tombstone: true, require: "encrypted" }), gives: accept("verified", false) },
  { row: 4, name: "orphaned", record: record([revoked(key(1)), orphan(key(1))], { tombstone: true }), gives: block("key-changed") },
  { row: 4, name: "orphaned, and verified is required: the louder alarm", record: record([orphan(key(1))], { tombstone: true }), require: "verified", gives: block("key-changed") },
  { row: 4, name: "orphaned, known elsewhere", record: record([orphan(key(1))], { tombstone: true }), owners: elsewhere("verified"), gives: block("key-changed", "same-key") },
  {
    row: 4,
    name: "vouched for by a revoked key",
    record: record([{ ...revoked(key(1)), verified: { how: "qr", at } }, byVoucher(key(1))], { tombstone: true }),
    gives: block("key-changed"),
  },
  { row: 4, name: "vouched for by an unverified key", record: record([unverified(key(1)), byVoucher(key(1))], { tombstone: true }), gives: block("key-changed") },
  {
    row: 4,
    name: "vouched for by a key that is vouched for",
    record: record([verified(key(2)), byVoucher(key(2), key(1)), byVoucher(key(1))], { tombstone: true }),
    gives: block("key-changed"),
  },
  { row: 4, name: "vouched for by nobody that is known", record: record([byVoucher(key(1))], { tombstone: true }), gives: block("key-changed") },
  { row: 4, name: "vouched for by itself", record: record([byVoucher(spki)], { tombstone: true }), gives: block("key-changed") },
  {
    row: 5,
    name: "unverified, symbols differed with it, another is verified",
    record: record([verified(key(1)), differing()], { tombstone: true }),
    gives: block("key-changed", "differed"),
  },
  {
    row: 5,
    name: "unverified, symbols differed with it, the last verified one was removed",
    record: record([differing()], { tombstone: true }),
    gives: block("key-changed", "differed"),
  },
  {
    row: 5,
    name: "the same, and verified is required: the louder alarm",
    record: record([differing()], { tombstone: true }),
    require: "verified",
    gives: block("key-changed", "differed"),
  },
  {
    row: 6,
    name: "unverified, symbols differed with it, and policy requires verified",
    record: record([differing()]),
    require: "verified",
    gives: block("not-trusted", "differed"),
  },
  { row: 8, name: "unverified, symbols differed with it, nothing was ever verified", record: record([differing()]), gives: accept("unverified", false, "differed") },
  {
    row: 8,
    name: "the same, known elsewhere: both are told",
    record: record([differing()]),
    owners: elsewhere("verified"),
    gives: accept("unverified", false, "same-key", "differed"),
  },
  { row: 1, name: "revoked after symbols had differed with it", record: record([{ ...revoked(), differed: at }], { tombstone: true }), gives: block("key-revoked", "differed") },
  { row: 4, name: "orphaned, and symbols differed with it", record: record([{ ...orphan(key(1)), differed: at }], { tombstone: true }), gives: block("key-changed", "differed") },
  {
    row: 2,
    name: "verified, and symbols differed with it later",
    record: record([{ ...verified(), differed: at }], { tombstone: true }),
    gives: accept("verified", false, "differed"),
  },
  { row: 6, name: "unverified, and the person requires verified of this peer", record: record([unverified()], { require: "verified" }), gives: block("not-trusted") },
  {
    row: 8,
    name: "unverified, policy requires verified, and the person does not",
    record: record([unverified()], { require: "encrypted" }),
    require: "verified",
    gives: accept("unverified", false),
  },
  { row: 10, name: "unknown, and the person requires verified of this peer", record: record([], { require: "verified" }), gives: block("not-trusted") },
  {
    row: 13,
    name: "unknown, policy requires verified, and the person does not",
    record: record([], { require: "encrypted" }),
    require: "verified",
    gives: accept("unverified", true),
  },
  { row: 3, name: "unverified here, revoked elsewhere", record: record([unverified()]), owners: elsewhere("revoked"), gives: block("key-revoked", "same-key") },
  { row: 3, name: "unknown here, revoked elsewhere", record: undefined, owners: [...elsewhere("verified"), ...elsewhere("revoked")], gives: block("key-revoked", "same-key") },
  { row: 6, name: "unverified, and policy requires verified", record: record([unverified()]), require: "verified", gives: block("not-trusted") },
  {
    row: 7,
    name: "unverified, another is verified",
    record: record([verified(key(1)), unverified()], { tombstone: true }),
    gives: accept("unverified", false, "unverified-beside-verified"),
  },
  {
    row: 7,
    name: "unverified, another is verified, known elsewhere",
    record: record([verified(key(1)), unverified()], { tombstone: true }),
    owners: elsewhere("unverified"),
    gives: accept("unverified", false, "same-key", "unverified-beside-verified"),
  },
  // Rows 3a and 3b: an authority vouches for the key in this handshake, or did once.
  { row: 3, name: "never met, attested", record: undefined, attested: true, gives: byAuthority(true) },
  { row: 3, name: "never met, attested, as policy requires", record: undefined, attested: true, require: "verified", gives: byAuthority(true) },
  { row: 3, name: "unverified, attested by now", record: record([unverified()]), attested: true, gives: byAuthority(false) },
  { row: 3, name: "attested before and now", record: record([byCa()], { tombstone: true }), attested: true, require: "verified", gives: byAuthority(false) },
  { row: 3, name: "unknown, attested, beside one that was attested", record: record([byCa(key(1))], { tombstone: true }), attested: true, gives: byAuthority(true) },
  {
    row: 3,
    name: "unknown, attested, beside one that was attested and one that was not",
    record: record([byCa(key(1)), unverified(key(2))], { tombstone: true }),
    attested: true,
    gives: byAuthority(true),
  },
  {
    row: 3,
    name: "unknown, attested, the 32nd that is unverified: revoked keys are not counted",
    record: record([...crowd(MAX_UNVERIFIED - 1), revoked(key(99))]),
    attested: true,
    gives: byAuthority(true),
  },
  { row: 3, name: "attested, known elsewhere", record: undefined, owners: elsewhere("verified"), attested: true, gives: byAuthority(true, "same-key") },
  { row: 3, name: "attested, revoked elsewhere", record: undefined, owners: elsewhere("revoked"), attested: true, gives: block("key-revoked", "same-key") },
  { row: 1, name: "revoked, attested", record: record([revoked()], { tombstone: true }), attested: true, gives: block("key-revoked") },
  {
    row: 2,
    name: "verified by a person, attested too: the person's word stands",
    record: record([verified()], { tombstone: true }),
    attested: true,
    gives: accept("verified", false),
  },
  { row: 9, name: "unknown, attested, another was verified by a person", record: record([verified(key(1))], { tombstone: true }), attested: true, gives: block("key-changed") },
  {
    row: 9,
    name: "unknown, attested, another was verified by both",
    record: record([verified(key(1)), byCa(key(2))], { tombstone: true }),
    attested: true,
    gives: block("key-changed"),
  },
  { row: 9, name: "unknown, attested, one was revoked", record: record([byCa(key(1)), revoked(key(2))], { tombstone: true }), attested: true, gives: block("key-changed") },
  { row: 9, name: "unknown, attested, a tombstone alone", record: record([], { tombstone: true }), attested: true, gives: block("key-changed") },
  { row: 9, name: "unknown, not attested, another was", record: record([byCa(key(1))], { tombstone: true }), gives: block("key-changed") },
  { row: 4, name: "orphaned, attested", record: record([orphan(key(1))], { tombstone: true }), attested: true, gives: block("key-changed") },
  {
    row: 4,
    name: "vouched for by a key that an authority alone has verified",
    record: record([byCa(key(1)), byVoucher(key(1))], { tombstone: true }),
    gives: block("key-changed"),
  },
  {
    row: 5,
    name: "symbols differed with it, attested",
    record: record([{ ...byCa(), differed: at }], { tombstone: true }),
    attested: true,
    gives: block("key-changed", "differed"),
  },
  // Row 3b: an OpenPGP key that the person trusts for this address has signed it.
  { row: 3, name: "never met, signed", record: undefined, attested: bySignature, gives: signed(true) },
  { row: 3, name: "never met, signed, as policy requires", record: undefined, attested: bySignature, require: "verified", gives: signed(true) },
  { row: 3, name: "unverified, signed by now", record: record([unverified()]), attested: bySignature, gives: signed(false) },
  { row: 3, name: "signed before and now", record: record([byOpenPgp()], { tombstone: true }), attested: bySignature, require: "verified", gives: signed(false) },
  { row: 3, name: "unknown, signed, another was verified by a person", record: record([verified(key(1))], { tombstone: true }), attested: bySignature, gives: signed(true) },
  { row: 3, name: "unknown, signed, one was revoked", record: record([revoked(key(1))], { tombstone: true }), attested: bySignature, gives: signed(true) },
  { row: 3, name: "unknown, signed, a tombstone alone", record: record([], { tombstone: true }), attested: bySignature, gives: signed(true) },
  { row: 3, name: "orphaned, signed", record: record([orphan(key(1))], { tombstone: true }), attested: bySignature, gives: signed(false) },
  { row: 3, name: "unknown, the 33rd, signed: verified keys are not counted", record: record(crowd(MAX_UNVERIFIED)), attested: bySignature, gives: signed(true) },
  { row: 3, name: "signed, known elsewhere", record: undefined, owners: elsewhere("verified"), attested: bySignature, gives: signed(true, "same-key") },
  { row: 3, name: "signed, revoked elsewhere", record: undefined, owners: elsewhere("revoked"), attested: bySignature, gives: block("key-revoked", "same-key") },
  { row: 1, name: "revoked, signed", record: record([revoked()], { tombstone: true }), attested: bySignature, gives: block("key-revoked") },
  { row: 2, name: "verified by a person, signed too", record: record([verified()], { tombstone: true }), attested: bySignature, gives: accept("verified", false) },
  {
    row: 5,
    name: "symbols differed with it, signed",
    record: record([{ ...byOpenPgp(), differed: at }], { tombstone: true }),
    attested: bySignature,
    gives: block("key-changed", "differed"),
  },
  {
    row: 8,
    name: "symbols differed at first contact, signed",
    record: record([{ ...unverified(), differed: at }]),
    attested: bySignature,
    gives: accept("unverified", false, "differed"),
  },
  // Row 3c: a verified key has signed that this one takes its place.
  {
    row: 3,
    name: "unknown, in place of one that a person has verified",
    record: record([verified(key(1))], { tombstone: true }),
    replaces: key(1),
    require: "verified",
    gives: heir(key(1)),
  },
  {
    row: 3,
    name: "unknown, in place of one that was vouched for",
    record: record([verified(key(2)), byVoucher(key(2), key(1))], { tombstone: true }),
    replaces: key(1),
    gives: { ...heir(key(1)), verification: byVoucher(key(2)).verified },
  },
  {
    row: 9,
    name: "unknown, in place of one whose voucher is gone",
    record: record([byVoucher(key(2), key(1))], { tombstone: true }),
    replaces: key(1),
    gives: block("key-changed"),
  },
  { row: 9, name: "unknown, in place of one that was revoked", record: record([revoked(key(1))], { tombstone: true }), replaces: key(1), gives: block("key-changed") },
  { row: 9, name: "unknown, in place of one that an authority has verified", record: record([byCa(key(1))], { tombstone: true }), replaces: key(1), gives: block("key-changed") },
  {
    row: 9,
    name: "unknown, in place of one that an OpenPGP key has verified",
    record: record([byOpenPgp(key(1))], { tombstone: true }),
    replaces: key(1),
    gives: block("key-changed"),
  },
  { row: 9, name: "unknown, in place of one that is not known", record: record([verified(key(1))], { tombstone: true }), replaces: key(2), gives: block("key-changed") },
  {
    row: 9,
    name: "unknown here, somebody else's, in place of a verified one",
    record: record([verified(key(1))], { tombstone: true }),
    owners: elsewhere("unverified"),
    replaces: key(1),
    gives: block("key-changed", "same-key"),
  },
  { row: 12, name: "unknown, in place of an unverified one", record: record([unverified(key(1))]), replaces: key(1), gives: accept("unverified", true, "new-key") },
  {
    row: 7,
    name: "unverified, in place of a verified one: it was there before",
    record: record([verified(key(1)), unverified()], { tombstone: true }),
    replaces: key(1),
    gives: accept("unverified", false, "unverified-beside-verified"),
  },
  { row: 1, name: "revoked, in place of a verified one", record: record([verified(key(1)), revoked()], { tombstone: true }), replaces: key(1), gives: block("key-revoked") },
  { row: 8, name: "signed once and not now", record: record([byOpenPgp()], { tombstone: true }), gives: accept("unverified", false, "attestation-lost") },
  { row: 6, name: "signed once and not now, and policy requires verified", record: record([byOpenPgp()], { tombstone: true }), require: "verified", gives: block("not-trusted") },
  {
    row: 8,
    name: "signed once and not now, and an authority vouches for it",
    record: record([byOpenPgp()], { tombstone: true }),
    attested: true,
    gives: accept("unverified", false, "attestation-lost"),
  },
  {
    row: 4,
    name: "vouched for by a key that is verified by a signature alone",
    record: record([byOpenPgp(key(1)), byVoucher(key(1))], { tombstone: true }),
    gives: block("key-changed"),
  },
  { row: 8, name: "attested once and not now", record: record([byCa()], { tombstone: true }), gives: accept("unverified", false, "attestation-lost") },
  { row: 6, name: "attested once and not now, and policy requires verified", record: record([byCa()], { tombstone: true }), require: "verified", gives: block("not-trusted") },
  { row: 11, name: "unknown, the 33rd, attested", record: record(crowd(MAX_UNVERIFIED)), attested: true, gives: block("too-many-devices") },
  { row: 8, name: "unverified, alone", record: record([unverified()]), gives: accept("unverified", false) },
  { row: 8, name: "unverified, known elsewhere", record: record([unverified()]), owners: elsewhere("unverified"), gives: accept("unverified", false, "same-key") },
  { row: 8, name: "unverified, another was revoked", record: record([revoked(key(1)), unverified()], { tombstone: true }), gives: accept("unverified", false) },
  { row: 8, name: "unverified, one of 32", record: record(crowd(MAX_UNVERIFIED)), spki: key(3), gives: accept("unverified", false) },
  { row: 9, name: "unknown, another is verified", record: record([verified(key(1))], { tombstone: true }), gives: block("key-changed") },
  { row: 9, name: "unknown, the last verified one was removed", record: record([], { tombstone: true }), gives: block("key-changed") },
  { row: 9, name: "unknown, one was revoked", record: record([revoked(key(1)), unverified(key(2))], { tombstone: true }), gives: block("key-changed") },
  { row: 9, name: "unknown, tombstone, and policy requires verified: the louder alarm", record: record([], { tombstone: true }), require: "verified", gives: block("key-changed") },
  { row: 9, name: "unknown, verified for somebody else", record: record([], { tombstone: true }), owners: elsewhere("verified"), gives: block("key-changed", "same-key") },
  { row: 10, name: "unknown, and policy requires verified", record: undefined, require: "verified", gives: block("not-trusted") },
  {
    row: 10,
    name: "unknown, verified for somebody else, and policy requires verified",
    record: undefined,
    owners: elsewhere("verified"),
    require: "verified",
    gives: block("not-trusted", "same-key"),
  },
  { row: 11, name: "unknown, the 33rd", record: record(crowd(MAX_UNVERIFIED)), gives: block("too-many-devices") },
  { row: 12, name: "unknown, the 32nd", record: record(crowd(MAX_UNVERIFIED - 1)), gives: accept("unverified", true, "new-key") },
  {
    row: 12,
    name: "unknown, another unverified, known elsewhere",
    record: record([unverified(key(1))]),
    owners: elsewhere("verified"),
    gives: accept("unverified", true, "same-key", "new-key"),
  },
  {
    row: 12,
    name: "unknown, the 32nd that is unverified: revoked keys are not counted",
    record: record([...crowd(MAX_UNVERIFIED - 1), revoked(key(99))]),
    gives: accept("unverified", true, "new-key"),
  },
  { row: 12, name: "unknown, after a reset that kept a revoked one", record: record([revoked(key(1))]), gives: accept("unverified", true, "new-key") },
  { row: 13, name: "never met", record: undefined, gives: accept("unverified", true) },
  { row: 13, name: "met, no device left, never verified", record: record([]), gives: accept("unverified", true) },
  { row: 13, name: "never met, known elsewhere", record: undefined, owners: elsewhere("unverified"), gives: accept("unverified", true, "same-key") },
];

describe("decide", () => {
  for (const { row, name, record: known, spki: shown = spki, owners = [], require = "encrypted", attested = false, replaces, gives } of rows) {
    it(`row ${row}: ${name}`, () => {
      expect(
        kinds(decide({ record: known, spki: shown, otherOwners: owners, policy: { require }, attested: attested === true ? attestation : attested || undefined, replaces })),
      ).toEqual(gives);
    });
  }

  it("has every row of its table tested", () => {
    expect([...new Set(rows.map(({ row }) => row))].sort((a, b) => a - b)).toEqual(Array.from({ length: 14 }, (_, row) => row));
  });

  const devices = fc.uniqueArray(
    fc.integer({ min: 0, max: 40 }).chain((index) => fc.constantFrom(unverified(key(index)), verified(key(index)), revoked(key(index)))),
    { selector: (device) => device.spki, maxLength: 40 },
  );
  const inputs = fc.record({
    record: fc.option(
      devices.chain((list) => fc.boolean().map((set) => record(list, { tombstone: set || list.some(({ status }) => status === "verified") }))),
      { nil: undefined },
    ),
    spki: fc.integer({ min: 0, max: 41 }).map(key),
    otherOwners: fc.subarray([...elsewhere("unverified"), ...elsewhere("verified"), ...elsewhere("revoked")]),
    policy: fc.record({ require: fc.constantFrom<Require>("encrypted", "verified") }),
  });

  it("says verified of a key that the person verified for this very address, and of no other", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const decision = decide(input);
        const own = input.record?.devices.find((device) => device.spki === input.spki);
        expect(decision.action === "accept" && decision.trust === "verified").toBe(own?.status === "verified");
      }),
    );
  });

  it("takes no unverified key where policy requires verified, no revoked one ever, and no unknown one after a verification", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const decision = decide(input);
        if (decision.action === "block") return;
        const own = input.record?.devices.find((device) => device.spki === input.spki);
        expect(own?.status).not.toBe("revoked");
        expect(decision.firstUse).toBe(own === undefined);
        if (input.policy.require === "verified") expect(decision.trust).toBe("verified");
        if (own === undefined) expect(input.record?.tombstone ?? false).toBe(false);
        if (own?.status !== "verified") expect(input.otherOwners.every(({ status }) => status !== "revoked")).toBe(true);
      }),
    );
  });

  it("tells of every other owner, whatever it decides", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const [first] = decide(input).alerts;
        if (input.otherOwners.length > 0) expect(first).toEqual({ kind: "same-key", owners: input.otherOwners });
        else expect(first?.kind).not.toBe("same-key");
      }),
    );
  });
});
