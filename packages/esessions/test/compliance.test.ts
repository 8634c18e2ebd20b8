import { stanzaChannelCompliance } from "@balcony/channel/compliance";
import { describe, test } from "vitest";
import { sessionPair } from "./pair.js";

describe.each(["strict", "deployed"] as const)("an ESession between two Balconies is a StanzaChannel (%s)", (setting) => {
  stanzaChannelCompliance({
    setup: async () => {
      const { a, b } = await sessionPair({ alice: { settings: [setting] } });
      return { a: a.channel, b: b.channel };
    },
    test: (name, run) => test(name, run),
  });
});
