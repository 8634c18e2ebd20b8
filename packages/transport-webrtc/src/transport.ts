import type { Transport } from "@balcony/jingle";
import { WebrtcAttempt } from "./attempt.js";
import { features, NS_ICE_UDP, readDescription } from "./description.js";
import type { WebrtcOptions } from "./options.js";

/** WebRTC data channels as a Jingle transport (XEP-0343): one reliable channel, in order, through NATs that UDP crosses, and through TURN. */
export function webrtc(options: WebrtcOptions = {}): Transport {
  return {
    namespace: NS_ICE_UDP,
    features,
    reaches: ["direct", "relayed"],
    check: (offer) => void readDescription(offer, "offer"),
    prepare: ({ servers }) => {
      if (options.servers === undefined) void servers();
    },
    attempt: (context) => new WebrtcAttempt(context, options),
  };
}
