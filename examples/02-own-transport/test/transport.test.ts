import { MessageChannel } from "node:worker_threads";
import { byteChannelCompliance } from "@balcony/channel/compliance";
import { describe, test } from "vitest";
import { overPort } from "../src/transport.js";

describe("a transport written outside the tree keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({
    setup: async () => {
      const { port1, port2 } = new MessageChannel();
      return { a: overPort(port1), b: overPort(port2) };
    },
    test,
  });
});
