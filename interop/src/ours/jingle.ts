import { BalconyError } from "@balcony/channel";
import { Jingle, type Offer } from "@balcony/jingle";
import { ibb } from "@balcony/transport-ibb";
import { xml } from "@balcony/xml";
import { login } from "./client.js";
import { CellFailure, expect, type OurSide, type OurTask } from "./side.js";

export const NS_UNKNOWN = "urn:xmpp:balcony:interop:unknown:0";

/** XEP-0166 with an application that one side does not know: offered by us, the peer has to refuse properly; offered by the peer, so have we. */
export async function jingle(task: OurTask): Promise<OurSide> {
  const { channel, logout } = await login(task);
  const offers: Offer[] = [];
  const sessions = new Jingle(channel, {
    transports: [ibb()],
    applications: task.role === "initiator" ? [{ namespace: NS_UNKNOWN }] : [],
    knows: (from) => from === task.peer,
    onOffer: (offer) => offers.push(offer),
    report: (error) => task.log("note", String(error)),
  });
  return {
    run: async (peer) => {
      await peer.event("ready");
      if (task.role === "initiator") {
        const outcome = await sessions.initiate(task.peer, { application: xml("description", NS_UNKNOWN), signal: task.signal }).then(
          () => "accepted",
          (error: unknown) => (error instanceof BalconyError ? error.code : String(error)),
        );
        const proper = ["unsupported-applications", "declined", "stanza-error", "unsupported-peer", "peer-unavailable", "session-ended"];
        expect(proper.includes(outcome), `The peer met an unknown application with: ${outcome}.`);
        task.log("note", `the peer's refusal was taken as ${outcome}`);
      }
      const { condition } = await peer.event("refused");
      if (task.role === "responder" && condition !== "unsupported-applications") throw new CellFailure(`The peer heard ${condition} instead of unsupported-applications.`);
      expect(offers.length === 0, "An application that nobody knows was offered on.");
      await peer.event("closed");
    },
    close: async () => {
      await sessions.close();
      await logout();
    },
  };
}
