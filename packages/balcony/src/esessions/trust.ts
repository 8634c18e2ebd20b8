import { BalconyError, withDeadline } from "@balcony/channel";
import { type Acceptance, decide, type PeerRecord } from "@balcony/trust";
import { bare, type Jid } from "@balcony/xml";
import { blocked, describe } from "../blocked-key.js";
import type { Context } from "../context.js";

/**
 * May a session go on with the key that the peer has proved? As for a stream, and stricter where any key of the peer is verified: then only such a one will do.
 * @throws `key-changed`, `key-revoked`, `not-trusted`, `too-many-devices`, `timeout`, `aborted`
 */
export async function trustKey({ channel, policy, signal, store, timeouts }: Context, peer: Jid, spki: string): Promise<Acceptance> {
  await store.refresh();
  const { record, otherOwners } = store.view(bare(channel.self), bare(peer));
  const decision = decide({ record, spki, otherOwners: otherOwners(spki), policy });
  if (decision.action === "block") throw blocked(decision.code, bare(peer), { shown: spki, known: (record?.devices ?? []).map(describe) });
  if (decision.trust !== "verified" && anyVerified(record)) throw blocked("key-changed", bare(peer), { shown: spki, known: (record?.devices ?? []).map(describe) });
  if (decision.firstUse) {
    const asked = Promise.resolve(policy.firstUse({ peer, fingerprint: spki, certificate: undefined, decision, signal }));
    const yes = await withDeadline(asked, { timeout: timeouts.person, signal, waitingFor: "your decision on a key that was never seen before" });
    if (!yes) throw new BalconyError("not-trusted", `The key of ${peer} was not accepted.`, { peer });
  }
  return decision;
}

/**
 * May a session go on with a client that has no key at all?
 * @returns whether keys of this address are known, so that the person must be told
 * @throws `key-changed` where one of them was ever verified, `not-trusted` where a verified one is asked for
 */
export async function trustKeyless({ channel, policy, store }: Context, peer: Jid): Promise<boolean> {
  await store.refresh();
  const { record } = store.view(bare(channel.self), bare(peer));
  const refusal = (code: "key-changed" | "not-trusted", why: string): BalconyError =>
    new BalconyError(code, `An ESession with ${peer} was refused: ${why}.`, {
      phase: "trust",
      peer,
      hint: "Ask them, by another way, to use a client that has end-to-end streams.",
    });
  if (record?.tombstone || anyVerified(record)) throw refusal("key-changed", "its client shows no key, and you have verified one of this address");
  if ((record?.require ?? policy.require) === "verified") throw refusal("not-trusted", "its client has no key, and a verified one is asked for");
  return (record?.devices.length ?? 0) > 0;
}

const anyVerified = (record: PeerRecord | undefined): boolean => record?.devices.some(({ status }) => status === "verified") ?? false;
