import { BalconyError, withDeadline } from "@balcony/channel";
import { bare, canonical, type Element } from "@balcony/xml";
import type { Attested } from "./attest-by-openpgp.js";
import type { Context } from "./context.js";

import { inPhase } from "./progress.js";
import { compareStatements } from "./signalling/compare.js";
import { makeStatement, NS_SIGNALLING, readStatement, type Statement, writeStatement } from "./signalling/statement.js";

/** Milliseconds. */
const FAREWELL = 5_000;

/** Both sides have told each other, inside TLS, what they sent and received before: nobody on the way has made the stream another one. */
export interface Compared extends Attested {
  /** `unknown`: the peer knows no such comparison, and says so inside TLS. */
  readonly signalling: "same" | "path-altered" | "unknown";
  /** What was changed on the way without making a difference to what TLS protects, in words. */
  readonly altered: readonly string[];
  /** The peer takes nothing but a verification from us. */
  readonly peerRestricts: boolean;
}

/**
 * Compares signalling with the peer (docs/xep-e2e-signalling.md): the responder asks right behind its features, and the initiator answers ahead of its first stanza. So the initiator waits
 * for nothing, and the responder for what comes with the first stanza that could.
 * @throws `signalling-tampered`, `unsupported-peer` where policy demands a comparison of a peer that knows none
 */
export async function compareSignalling(context: Context, previous: Attested): Promise<Compared> {
  const { peer, stream } = previous;
  const { onProgress, policy, timeouts, transports, verifying } = context;
  return await inPhase("compare", { text: "comparing signalling inside TLS", deadline: timeouts.stream, peer, onProgress }, async () => {
    const own = statementOf(context, previous);
    const theirs = await exchange(context, previous, own);
    if (!theirs) {
      if (previous.decision.action === "block")
        throw new BalconyError("verification-unsupported", `The client of ${peer} knows no verification, and its key is not accepted without.`);
      if (policy.signalling === "compare") throw new BalconyError("unsupported-peer", `The client at ${peer} does not compare signalling, and policy demands it.`);
      return { ...previous, signalling: "unknown", altered: [], peerRestricts: false };
    }
    const findings = compareStatements(own, theirs, new Set(transports.flatMap(({ namespace, features = [] }) => [namespace, ...features])));
    const fatal = findings.filter(({ weight }) => weight === "closes");
    if (fatal.length > 0) {
      // Properly, so that what we have said arrives and the peer finds out for itself; whoever is between may keep it from coming.
      await withDeadline(stream.close(), { timeout: FAREWELL, waitingFor: "the stream to close" }).catch(() => undefined);
      throw new BalconyError("signalling-tampered", `Somebody on the way has changed what you and ${peer} agreed on: ${fatal.map(({ what }) => what).join("; ")}.`, {
        hint: "One of your two servers does this, or somebody who has broken into one. Tell each other by another way.",
      });
    }
    const peerRestricts = theirs.purpose === "verification";
    if (peerRestricts && !verifying) {
      await stream.close();
      throw new BalconyError("verification-required", `${bare(peer)} takes verified keys alone, and yours is not among them.`, {
        hint: `Verify each other first: \`balcony verify ${bare(peer)}\`, or a code from them.`,
      });
    }
    return { ...previous, peerRestricts, signalling: findings.length > 0 ? "path-altered" : "same", altered: findings.map(({ what }) => what) };
  });
}

function statementOf({ features }: Context, { decision, jingle, seenFeatures, starttls }: Attested): Statement {
  return makeStatement(jingle.takeTranscript(), {
    role: jingle.role,
    purpose: decision.action === "block" ? "verification" : "any",
    features,
    seen: seenFeatures,
    starttls: starttls && { sent: canonical(starttls.sent), received: starttls.received && canonical(starttls.received) },
  });
}

/** Tells the peer what we say, and gives what it says; undefined where it knows nothing of this. */
async function exchange({ signal, timeouts }: Context, { jingle, peer, stream }: Attested, own: Statement): Promise<Statement | undefined> {
  const wait = { timeout: timeouts.stream, signal, waitingFor: `${peer} to say what came of the signalling` };
  if (jingle.role === "responder") {
    const answer = await stream.askFirst(writeStatement(own), wait).catch((error: unknown) => {
      if (error instanceof BalconyError && error.code === "timeout" && !stream.closed.aborted) return undefined; // somebody who answers no requests
      throw error;
    });
    return answer?.getNS() === NS_SIGNALLING ? readStatement(answer) : undefined;
  }
  if (!stream.remoteFeatures.some((feature) => feature.is("signalling", NS_SIGNALLING))) return undefined;
  let theirs: Statement | undefined;
  let malformed: Error | undefined;
  const answer = (payload: Element): Element => {
    try {
      theirs = readStatement(payload);
    } catch (error) {
      malformed = error as Error;
      throw error;
    }
    return writeStatement(own);
  };
  const asked = await stream.answerFirst(NS_SIGNALLING, answer, wait);
  if (malformed !== undefined) throw malformed;
  if (!asked) throw new BalconyError("signalling-tampered", `The client at ${peer} announced that it compares signalling, and did not.`);
  return theirs;
}
