import type { Jid } from "@balcony/xml";
import { attestByOpenPgp } from "./attest-by-openpgp.js";
import { compareSignalling } from "./compare-signalling.js";
import type { Context } from "./context.js";
import { decideTrust } from "./decide-trust.js";
import { discover } from "./discover.js";
import { seal } from "./esessions/seal.js";
import { negotiate } from "./negotiate.js";
import { openStream } from "./open-stream.js";
import { remember } from "./remember.js";
import { Session } from "./session.js";
import { settleLogging } from "./settle-logging.js";
import { startTls } from "./start-tls.js";
import { unwinding } from "./unwinding.js";
import { byWhateverPath } from "./whatever-path.js";

/**
 * Opens an end-to-end stream to `address`. This is the table of contents of the whole system: each step takes what the one before has made, and none can be skipped.
 * Whatever fails, everything that was set up before is let go of, and the peer is told.
 */
export async function open(context: Context, address: Jid): Promise<Session> {
  return await unwinding(async (undo) => {
    const plan = await discover(context, address); //               who, and what both support
    if (plan.protocol === "ESession") return new Session(await seal(context, plan, undo)); // no streams there, nor ever: stanza by stanza
    const connected = await negotiate(context, plan, undo); //      a Jingle session and its best transport: bytes
    const streamed = await byWhateverPath(context, connected, async (by) => {
      const secured = await startTls(context, by, undo); //         the same bytes under TLS 1.3, the peer's certificate known
      const trusted = await decideTrust(context, secured); //       pinned, new, changed? policy says go on or stop
      return await openStream(context, trusted, undo); //           both headers name both addresses: stanzas
    });
    const attested = await attestByOpenPgp(context, streamed); //    does their OpenPGP key vouch for this device?
    const compared = await compareSignalling(context, attested); // did servers change what was agreed on? told inside TLS
    const settled = await settleLogging(context, compared); //      does either side keep a transcript?
    const session = await remember(context, settled); //            the key is pinned now, and not before
    return new Session(session); //                                 what the caller gets
  });
}
