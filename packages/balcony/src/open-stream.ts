import { BalconyError } from "@balcony/channel";
import { bare, xml } from "@balcony/xml";
import { openStream as open, type XmlStream } from "@balcony/xml-stream";
import type { Context } from "./context.js";
import type { Trusted } from "./decide-trust.js";
import { statedPreference } from "./logging.js";
import { misrouted } from "./misrouted.js";
import { statedStatement } from "./openpgp-statement.js";
import { inPhase } from "./progress.js";
import { NS_SIGNALLING } from "./signalling/statement.js";
import type { Undo } from "./unwinding.js";

/** A stream of stanzas, both addresses checked inside TLS. */
export interface Streamed extends Trusted {
  readonly stream: XmlStream;
}

/**
 * Opens the XML stream inside TLS. Both headers must name both bare addresses, as the Jingle session has them: a server that routed us to somebody else is found out here,
 * before anything is stored.
 */
export async function openStream(context: Context, previous: Trusted, undo: Undo): Promise<Streamed> {
  const { peer, role, self } = previous;
  const { keepalive, limits, onProgress, policy, report, signal, timeouts } = context;
  return await inPhase("stream", { text: "opening the stream inside TLS", deadline: timeouts.stream, peer, onProgress }, async () => {
    const statement = context.store.openPgpStatement(bare(self));
    const stream = await open(previous.bytes, {
      role,
      self,
      peer,
      timeout: timeouts.stream,
      signal,
      limits,
      keepalive,
      report,
      delivery: "held",
      features: [xml("signalling", NS_SIGNALLING)],
      extra: [statedPreference(policy.logging), ...(statement === undefined ? [] : [statedStatement(statement)])],
    }).catch((error: unknown) => {
      throw misrouted(error);
    });
    undo(() => void stream.close());
    const { from, to } = stream.remoteHeader;
    if (from === undefined || to === undefined || bare(from) !== bare(peer) || bare(to) !== bare(self)) {
      throw new BalconyError(
        "address-mismatch",
        `Inside TLS the peer calls itself ${from ?? "nothing"} and us ${to ?? "nothing"}; the session is between ${bare(peer)} and ${bare(self)}.`,
        {
          hint: "The server may have routed you to somebody else.",
        },
      );
    }
    return { ...previous, stream };
  });
}
