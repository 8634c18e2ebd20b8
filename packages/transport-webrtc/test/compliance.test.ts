import { byteChannelCompliance } from "@balcony/channel/compliance";
import { describe, it } from "vitest";
import { attempts, connect } from "./pair.js";
import { untilHandshakesRanOut } from "./ran-out.js";

untilHandshakesRanOut();

describe("a WebRTC data channel keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({
    setup: async () => {
      const { initiator, responder } = attempts();
      const [a, b] = await connect(initiator, responder);
      return { a: a.bytes, b: b.bytes };
    },
    test: it,
    size: 256 * 1024,
    inFlight: 4 * 1024 * 1024,
  });
});
