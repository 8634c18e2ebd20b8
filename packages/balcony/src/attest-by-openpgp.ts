import { BalconyError } from "@balcony/channel";
import { type Decision, decide, MAX_STATEMENT, type Verification } from "@balcony/trust";
import { bare } from "@balcony/xml";
import { blocked, describe } from "./blocked-key.js";
import type { Context } from "./context.js";
import { askFirstUse } from "./decide-trust.js";
import type { Streamed } from "./open-stream.js";
import { mayBeSettledByOpenPgp, statementIn } from "./openpgp-statement.js";
import { inPhase } from "./progress.js";
import { canBeVerified } from "./verification/restriction.js";

/** A stream whose peer was decided on with all that it has to show. */
export interface Attested extends Streamed {
  /** What is wrong with what the peer's OpenPGP key is said to say. */
  readonly openPgpFailure: BalconyError | undefined;
}

/**
 * The peer's header may hold what its OpenPGP key says of its device. It costs no time, and is looked at only where the person trusts OpenPGP keys of this peer: then the decision on the peer's key, which TLS
 * could not make final, is made here, before anything of the peer's is delivered.
 * @throws `key-changed`, `not-trusted`, and where the peer shows a statement that cannot be taken, what is wrong with it
 */
export async function attestByOpenPgp(context: Context, previous: Streamed): Promise<Attested> {
  const { decision, peer, self, stream, tls } = previous;
  if (!mayBeSettledByOpenPgp(context, previous)) return { ...previous, openPgpFailure: undefined };
  if (decision.action === "accept" && decision.trust === "verified") {
    await askFirstUse(context, previous); // an authority may have verified what was never seen before
    return { ...previous, openPgpFailure: undefined };
  }
  const { onProgress, policy, store, verifying } = context;
  return await inPhase("trust", { text: `reading what the OpenPGP key of ${bare(peer)} says`, peer, onProgress }, async () => {
    const { spki } = tls.peerCertificate;
    const { attested, failure } = await checked(context, previous, statementIn(stream.remoteHeader.extra));
    const { record, otherOwners } = store.view(bare(self), bare(peer));
    const final: Decision = decide({ record, spki, otherOwners: otherOwners(spki), policy, attested });
    if (final.action === "block" && !(verifying && canBeVerified(final.code))) {
      if (failure && canBeVerified(final.code)) throw failure;
      throw blocked(final.code, bare(peer), { shown: spki, known: (record?.devices ?? []).map(describe) });
    }
    await askFirstUse(context, { ...previous, decision: final });
    return { ...previous, decision: final, openPgpFailure: failure };
  });
}

async function checked(
  { openpgp, store }: Context,
  { peer, self, tls }: Streamed,
  statement: string | undefined,
): Promise<{ readonly attested?: Verification; readonly failure?: BalconyError }> {
  if (openpgp === undefined || statement === undefined) return {};
  const now = Date.now();
  const keys = (store.show(bare(self), bare(peer))?.openpgp ?? []).map(({ key }) => Buffer.from(key, "base64"));
  try {
    const bytes = Buffer.from(statement, "base64");
    if (bytes.length > MAX_STATEMENT || bytes.toString("base64") !== statement)
      throw new BalconyError("openpgp-statement", "The statement of their OpenPGP key is not in base64, or too long.");
    const fingerprint = await openpgp.check(bytes, { owner: bare(peer), spki: tls.peerCertificate.spki, keys, now });
    return { attested: { how: "openpgp", at: new Date(now).toISOString(), openpgp: fingerprint } };
  } catch (error) {
    if (error instanceof BalconyError) return { failure: error.with({ phase: "trust", peer }) };
    throw error;
  }
}
