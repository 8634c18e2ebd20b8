import { BalconyError, withDeadline } from "@balcony/channel";
import type { Context } from "./context.js";
import { by, type Connected } from "./negotiate.js";
import type { Streamed } from "./open-stream.js";

/**
 * Runs the steps from the bytes to the stream by the path that was found, and anew by another where it breaks on the way: by the next transport, which Jingle finds without asking anybody.
 * From the moment that both headers have come the path stays.
 */
export async function byWhateverPath(context: Context, connected: Connected, steps: (by: Connected) => Promise<Streamed>): Promise<Streamed> {
  const { jingle } = connected;
  for (let present = connected; ; ) {
    try {
      const streamed = await steps(present);
      jingle.settle();
      return streamed;
    } catch (error) {
      if (!isLoss(error)) throw error;
      present = { ...connected, ...by(await replacement(context, present, error)) };
    }
  }
}

/** The bytes broke, and nobody has refused anything. */
const isLoss = (error: unknown): error is BalconyError => error instanceof BalconyError && ["connection-lost", "truncated", "closed"].includes(error.code);

async function replacement({ signal, timeouts }: Context, { connection, jingle }: Connected, error: BalconyError) {
  const found = jingle.replacement(connection, error).catch((reason: unknown) => {
    // What ended the session says less than how its bytes ended, unless that is why no other transport was found.
    throw reason instanceof BalconyError && reason.code === "failed-transport" ? reason.with({ phase: error.phase }) : error;
  });
  return await withDeadline(found, { timeout: timeouts.negotiation, signal, waitingFor: "another transport in the place of one that broke" });
}
