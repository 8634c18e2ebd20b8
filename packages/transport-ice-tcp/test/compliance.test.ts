import { byteChannelCompliance } from "@balcony/channel/compliance";
import { describe, it } from "vitest";
import { connected } from "./pair.js";

describe("ICE-TCP keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({
    setup: async () => {
      const [initiator, responder] = await connected();
      return { a: initiator.bytes, b: responder.bytes };
    },
    test: it,
    inFlight: 32 * 1024 * 1024,
  });
});

describe("ICE-TCP with the responder's end first keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({
    setup: async () => {
      const [initiator, responder] = await connected();
      return { a: responder.bytes, b: initiator.bytes };
    },
    test: it,
    inFlight: 32 * 1024 * 1024,
    size: 1024 * 1024,
  });
});
