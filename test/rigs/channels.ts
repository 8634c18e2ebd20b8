import type { StanzaChannel } from "@balcony/channel";
import type { Transport } from "@balcony/jingle";
import { ibb } from "@balcony/transport-ibb";
import type { LoggedIn } from "./login.js";

export interface ChannelsSeen {
  /** For the options of `login()`. */
  readonly transports: readonly Transport[];
  /** The wide channel of one who has logged in with them, as `balcony()` gives it to transports. */
  of(person: Pick<LoggedIn, "self">): StanzaChannel;
}

/** What shows the channels under `balcony()`. */
export function channelsSeen(): ChannelsSeen {
  const seen = new Map<string, StanzaChannel>();
  return {
    transports: [{ ...ibb(), prepare: ({ channel }) => void seen.set(channel.self, channel) }],
    of: ({ self }) => {
      const channel = seen.get(self);
      if (!channel) throw new Error(`no channel of ${self}`);
      return channel;
    },
  };
}
