import { byteChannelCompliance } from "@balcony/channel/compliance";
import { describe, it } from "vitest";
import { kinds, securedPair, socketPair } from "./pairs.js";
import { Unshared } from "./unshared.js";

for (const [kind, pair] of kinds) {
  describe(`TLS over ${kind} keeps the contract of a ByteChannel`, () => {
    byteChannelCompliance({
      setup: async () => {
        const { client, server } = await securedPair(await pair());
        return { a: client.bytes, b: server.bytes };
      },
      test: it,
      inFlight: 32 * 1024 * 1024,
    });
  });
  describe(`TLS over ${kind}, with the server's end first, keeps the contract of a ByteChannel`, () => {
    byteChannelCompliance({
      setup: async () => {
        const { client, server } = await securedPair(await pair());
        return { a: server.bytes, b: client.bytes };
      },
      test: it,
      inFlight: 32 * 1024 * 1024,
      size: 1024 * 1024,
    });
  });
}

describe("TLS over a channel whose memory is given back keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({
    setup: async () => {
      const [a, b] = await socketPair();
      const { client, server } = await securedPair([new Unshared(a), new Unshared(b)]);
      return { a: client.bytes, b: server.bytes };
    },
    test: it,
    inFlight: 32 * 1024 * 1024,
    size: 128 * 1024,
  });
});
