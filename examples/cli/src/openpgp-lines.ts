import type { PeerRecord } from "@balcony/trust";

/** A fingerprint as GnuPG writes it. */
export const spaced = (fingerprint: string): string => fingerprint.replace(/(.{4})(?=.)/gu, "$1 ");

/** What `trust show` says of the OpenPGP keys of an address. */
export const describeOpenPgp = ({ openpgp = [] }: PeerRecord): readonly string[] =>
  openpgp.flatMap(({ at, fingerprint }) => ["", `  OpenPGP key that you trust, since ${at.slice(0, 10)}`, `  ${spaced(fingerprint)}`]);
