import { type BareJid, type Device, deviceOf, isAttestation, isDirectlyVerified, isSpki, MAX_UNVERIFIED, type PeerRecord, type Requirement, type Verification } from "./record.js";

/** Another address that the same key is known for, under any account of our own; or the same address, where another account has revoked the key. */
export interface Owner {
  readonly peer: BareJid;
  readonly status: Device["status"];
}

/** What must be shown to the person, beside the decision. */
export type Alert =
  /** The same key is known for other addresses: one of them may be somebody else (XEP-0116, Security Considerations). */
  | { readonly kind: "same-key"; readonly owners: readonly Owner[] }
  /** A key never seen before, while this address has shown others. */
  | { readonly kind: "new-key" }
  /** The key is known but not verified, while another of this address is. */
  | { readonly kind: "unverified-beside-verified" }
  /** An authority, or their OpenPGP key, vouched for this key, and does not now: it was renewed elsewhere, has expired, or is trusted no more. */
  | { readonly kind: "attestation-lost" }
  /** With this very key at the other end somebody saw other symbols (`at`: ISO 8601), and nobody has verified it since: somebody may be in between. */
  | { readonly kind: "differed"; readonly at: string };

export type BlockCode = "key-changed" | "key-revoked" | "not-trusted" | "too-many-devices";

/** What becomes of a peer that has shown a key. `firstUse`: was this key never seen for this address? */
export type Decision =
  | {
      readonly action: "accept";
      readonly trust: "unverified" | "verified";
      /** How and when, where it is verified. */
      readonly verification?: Verification;
      readonly firstUse: boolean;
      /** The verified key that this one takes the place of. */
      readonly replaces?: string;
      readonly alerts: readonly Alert[];
    }
  | { readonly action: "block"; readonly code: BlockCode; readonly alerts: readonly Alert[] };

export type Acceptance = Extract<Decision, { action: "accept" }>;

export interface DecisionInput {
  /** What is remembered of the peer; undefined if it was never met. */
  readonly record: PeerRecord | undefined;
  /** SHA-256 of the SubjectPublicKeyInfo that the peer has proved to hold: 64 lower-case hex digits. */
  readonly spki: string;
  readonly otherOwners: readonly Owner[];
  /** `verified` refuses every key that is not. What the record says of this peer goes before it. */
  readonly policy: { readonly require: Requirement };
  /** An authority, or an OpenPGP key, that the person trusts vouches in this very stream that the key is this address's. */
  readonly attested?: Verification | undefined;
  /** A key that has signed that this one takes its place: `predecessorOf()`. */
  readonly replaces?: string | undefined;
}

/**
 * Who is at the other end, and may we go on? Pure and total. The first row that fits wins:
 *
 * | row | this key, for this address | and                                 | result                                             |
 * |-----|----------------------------|-------------------------------------|----------------------------------------------------|
 * | 0   | no 64 lower-case hex       |                                     | block `not-trusted`                                |
 * | 1   | revoked or replaced        |                                     | block `key-revoked`                                |
 * | 2   | verified                   | directly, or vouched for by one     | accept, verified, how and when                     |
 * |     |                            | that is directly verified           |                                                    |
 * | 3   | unverified or unknown      | it is revoked under another owner   | block `key-revoked`                                |
 * | 3a  | not verified by a person   | an authority vouches for it now,    | accept, verified by `ca`                           |
 * |     |                            | and no person has said otherwise    |                                                    |
 * | 3b  | not verified by a person   | an OpenPGP key that the person      | accept, verified by `openpgp`                      |
 * |     |                            | trusts for this address has signed  |                                                    |
 * |     |                            | it, and symbols never differed      |                                                    |
 * | 3c  | unknown, and nobody else's | a key that a person has verified,   | accept, verified as that one was, in its place     |
 * |     |                            | or vouched for by one, signed that  |                                                    |
 * |     |                            | this one takes its place            |                                                    |
 * | 3d  | verified by `ca` or        | neither vouches for it now          | as unverified; accepted with `attestation-lost`    |
 * |     | `openpgp` before           |                                     |                                                    |
 * | 4   | unverified                 | its voucher stands no more          | block `key-changed`                                |
 * | 5   | unverified                 | symbols differed with it, tombstone | block `key-changed`                                |
 * | 6   | unverified                 | verified is required                | block `not-trusted`                                |
 * | 7   | unverified                 | another key of it is verified       | accept, unverified, `unverified-beside-verified`   |
 * | 8   | unverified                 |                                     | accept, unverified                                 |
 * | 9   | unknown                    | tombstone: once verified, revoked   | block `key-changed`                                |
 * | 10  | unknown                    | verified is required                | block `not-trusted`                                |
 * | 11  | unknown                    | 32 unverified keys are known        | block `too-many-devices`                           |
 * | 12  | unknown                    | some key is known                   | accept, unverified, first use, `new-key`           |
 * | 13  | unknown                    |                                     | accept, unverified, first use                      |
 *
 * What is required is what the person wants of this peer (`record.require`), else what policy says for all.
 * In every row: known for another address, too → `same-key` stands first among the alerts; symbols differed with this key → `differed` stands next.
 * Row 3b: the person has said whose the OpenPGP key is, as they have of a device that vouches for others: so it introduces keys also where others were verified or revoked, and makes good one whose voucher
 * is gone. Row 5: a key that was met only to verify it, and failed, is on record for that; it must not be taken for one that had been accepted.
 */
export function decide({ record, spki, otherOwners, policy, attested, replaces }: DecisionInput): Decision {
  const devices = record?.devices ?? [];
  const device = deviceOf(record, spki);
  const alerts: readonly Alert[] = [
    ...(otherOwners.length > 0 ? [{ kind: "same-key", owners: otherOwners } as const] : []),
    ...(device?.differed !== undefined ? [{ kind: "differed", at: device.differed } as const] : []),
  ];
  const block = (code: BlockCode): Decision => ({ action: "block", code, alerts });
  const accept = (firstUse: boolean, alert?: Alert): Decision => ({ action: "accept", trust: "unverified", firstUse, alerts: alert ? [...alerts, alert] : alerts });

  if (!isSpki(spki)) return block("not-trusted");
  const required = record?.require ?? policy.require;
  if (device?.status === "revoked") return block("key-revoked");
  const lost = device?.status === "verified" && isAttestation(device.verified?.how);
  if (device && !lost && stands(device, record)) return { action: "accept", trust: "verified", verification: device.verified, firstUse: false, alerts };
  if (otherOwners.some((owner) => owner.status === "revoked")) return block("key-revoked");
  if (attested && (attested.how === "openpgp" ? device?.differed === undefined : mayBeAttested(record, device)))
    return { action: "accept", trust: "verified", verification: attested, firstUse: device === undefined, alerts };
  const predecessor = device || replaces === undefined || otherOwners.length > 0 ? undefined : deviceOf(record, replaces);
  if (predecessor && stands(predecessor, record) && !isAttestation(predecessor.verified.how))
    return { action: "accept", trust: "verified", verification: predecessor.verified, firstUse: false, replaces: predecessor.spki, alerts };
  if (device) {
    if (device.orphaned || (device.status === "verified" && !lost)) return block("key-changed");
    if (device.differed !== undefined && record?.tombstone) return block("key-changed");
    if (required === "verified") return block("not-trusted");
    if (lost) return accept(false, { kind: "attestation-lost" });
    return accept(false, devices.some(({ status }) => status === "verified") ? { kind: "unverified-beside-verified" } : undefined);
  }
  if (record?.tombstone) return block("key-changed");
  if (required === "verified") return block("not-trusted");
  if (devices.filter(({ status }) => status === "unverified").length >= MAX_UNVERIFIED) return block("too-many-devices");
  return accept(true, devices.length > 0 ? { kind: "new-key" } : undefined);
}

/**
 * Does an authority's word count for this key? Not against what people have said: once one of them has verified a key of this address, revoked one, or seen other symbols, no authority introduces
 * another. Where all that was verified was so by authorities, a new key that one vouches for is taken.
 */
function mayBeAttested(record: PeerRecord | undefined, device: Device | undefined): boolean {
  const devices = record?.devices ?? [];
  if (device?.orphaned || device?.differed !== undefined) return false;
  if (!device && devices.filter(({ status }) => status === "unverified").length >= MAX_UNVERIFIED) return false;
  if (!record?.tombstone) return true;
  const verified = devices.filter((one) => one.verified !== undefined);
  return verified.length > 0 && devices.every(({ status }) => status !== "revoked") && verified.every((one) => one.verified?.how === "ca");
}

/** Is it verified, and where another vouched for it, is that one still directly verified? The transitions see to it; nothing hangs on them alone. */
function stands(device: Device, record: PeerRecord | undefined): device is Device & { readonly verified: Verification } {
  if (device.status !== "verified" || !device.verified) return false;
  const { by, how } = device.verified;
  return how !== "vouched" || (by !== undefined && isDirectlyVerified(deviceOf(record, by)));
}
