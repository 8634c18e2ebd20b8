import type { Duplex } from "node:stream";
import { BalconyError } from "@balcony/channel";
import type { Connection, Session as JingleSession, NegotiationProgress, Reason } from "@balcony/jingle";
import { bare, type Element } from "@balcony/xml";
import { xmlStreamDescription } from "./application.js";
import type { Context } from "./context.js";
import type { Plan } from "./discover.js";
import { hasStreamed } from "./esessions/permission.js";
import { inPhase } from "./progress.js";
import type { Undo } from "./unwinding.js";
import { wantsXtls, xtlsElement } from "./xtls.js";

/** A Jingle session that stands, and the bytes of its transport. */
export interface Connected extends Plan {
  readonly jingle: JingleSession;
  /** What the transport made. */
  readonly connection: Connection;
  readonly bytes: Duplex;
  readonly path: string;
}

/** Offers the stream, and connects by the best transport that both sides have (XEP-0247 §2). */
export async function negotiate(context: Context, plan: Plan, undo: Undo): Promise<Connected> {
  const { peer } = plan;
  const { onProgress, signal, timeouts } = context;
  return await inPhase("negotiate", { text: `offering a stream to ${peer}`, deadline: timeouts.negotiation, peer, onProgress }, async () => {
    const offered = context.jingle.initiate(peer, {
      application: xmlStreamDescription(),
      contentName: "xmlstream",
      security: securityFor(context, plan),
      transports: plan.transports,
      addresses: context.addresses(peer),
      timeout: timeouts.negotiation,
      signal,
      provisional: true,
      progress: negotiationSteps(onProgress),
    });
    const session = await offered.catch((error: unknown) => {
      throw hasStreamed(context, peer) ? suspectingDowngrade(error) : error;
    });
    return connected(plan, session, undo);
  });
}

/** How Jingle says that there is none of what is offered (XEP-0166 §7.4, §6.3.2). Not `service-unavailable`: so does a server whose client has just gone. */
const unable: ReadonlySet<string> = new Set(["unsupported-applications", "unsupported-transports", "feature-not-implemented"]);

/** Whoever has had streams, and has just said in disco#info that they have them, does not say in Jingle that they know nothing of it: somebody on the way does. */
function suspectingDowngrade(error: unknown): unknown {
  if (!(error instanceof BalconyError) || !(unable.has(error.code) || unable.has(error.condition ?? ""))) return error;
  const { code, condition = code } = error;
  return new BalconyError("downgrade-suspected", `The peer has spoken end-to-end streams before, and their offer is answered as by somebody who knows none (${condition}).`, {
    cause: error,
    hint: "The server may answer in their name: ask them by another way.",
  });
}

/** Our `<security/>`, where XTLS is wanted with this peer (docs/deviations.md). */
export function securityFor({ identity, secure, store }: Context, { peer, self, xtls }: Plan): Element | undefined {
  const pinned = store.show(bare(self), bare(peer))?.devices.some(({ status }) => status !== "revoked") ?? false;
  return wantsXtls(secure, { spoken: xtls, pinned }) ? xtlsElement(identity) : undefined;
}

/** What negotiation tells of the candidates it tries, as progress. */
export function negotiationSteps(onProgress: Context["onProgress"]) {
  return ({ step, error, path }: NegotiationProgress): void => onProgress({ phase: "negotiate", state: error ? "failed" : "step", text: step, error, path });
}

export function connected(plan: Plan, session: JingleSession, undo: Undo): Connected {
  // Nobody waits for the peer to acknowledge the end of what has failed: it may be the peer or the server that is silent.
  undo((reason) => void session.terminate(reasonOf(reason), reason instanceof BalconyError ? reason.code : undefined));
  return { ...plan, role: session.role, jingle: session, ...by(session.connection) };
}

export const by = (connection: Connection): Pick<Connected, "connection" | "bytes" | "path"> => ({ connection, bytes: connection.bytes, path: connection.path });

/** How a failure after the session was set up is told to the peer (XEP-0166 §7.4). */
export function reasonOf(failure: unknown): Reason {
  if (!(failure instanceof BalconyError)) return "general-error";
  switch (failure.code) {
    case "aborted":
      return "cancel";
    case "timeout":
      return "timeout";
    case "connection-lost":
    case "truncated":
      return "connectivity-error";
    case "signalling-tampered":
      return "security-error";
    default:
      return failure.phase === "stream" || failure.phase === "compare" ? "failed-application" : "security-error";
  }
}
