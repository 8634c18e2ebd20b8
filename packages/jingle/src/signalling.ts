import type { StanzaChannel, WaitOptions } from "@balcony/channel";
import { type Jid, xml } from "@balcony/xml";
import { type OutgoingAction, writeAction } from "./action.js";
import type { TranscriptRecorder } from "./transcript.js";

/** Sends actions, in their order, and never before the answer to the action that gave rise to them. */
export class Signalling {
  constructor(readonly channel: StanzaChannel) {}

  /** Resolves once the peer has acknowledged. Throws what `StanzaChannel.request` throws. */
  async request(peer: Jid, action: OutgoingAction, options: WaitOptions = {}, transcript?: TranscriptRecorder): Promise<void> {
    const jingle = writeAction(action);
    transcript?.sent(jingle); // at once: what is sent next stands behind it
    // An answer leaves as the handler returns. Peers in use drop what comes for a session whose offer they have not seen acknowledged.
    await Promise.resolve();
    await this.channel.to(peer).request(xml("iq", { type: "set" }, jingle), options);
  }
}
