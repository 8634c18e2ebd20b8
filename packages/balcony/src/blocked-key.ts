import { BalconyError, type RefusedKey } from "@balcony/channel";
import type { BlockCode, Device } from "@balcony/trust";

export const describe = ({ spki, status, label, verified, lastSeen }: Device): RefusedKey["known"][number] => ({
  fingerprint: spki,
  status,
  label,
  how: verified?.how,
  at: verified?.at,
  lastSeen,
});

/** A key that `decide()` blocks. */
export function blocked(code: BlockCode, peer: string, key: RefusedKey): BalconyError {
  const said: Record<BlockCode, string> = {
    "key-changed": `${peer} shows a key that is not among those you know, and you have verified another: somebody may be between you.`,
    "key-revoked": `${peer} shows a key that was revoked.`,
    "not-trusted": `The key of ${peer} is not verified, and policy asks for a verified one.`,
    "too-many-devices": `${peer} has shown more unverified keys than are kept.`,
  };
  return new BalconyError(code, said[code], {
    phase: "trust",
    peer,
    key,
    hint: "Ask them by another way, by voice for example, whether they have a new device, and compare fingerprints.",
  });
}
