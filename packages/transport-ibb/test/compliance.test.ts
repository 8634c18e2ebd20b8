import { memoryStanzaPair, type StanzaRouter } from "@balcony/channel";
import { byteChannelCompliance } from "@balcony/channel/compliance";
import { describe, it } from "vitest";
import { bytestreamPair, juliet, openOver, romeo } from "./pair.js";

describe("a bytestream of IQs keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({ setup: () => bytestreamPair(), test: it, inFlight: 1024 * 1024 });
});

describe("a bytestream of messages keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({ setup: () => bytestreamPair({ stanza: "message" }), test: it, size: 1024 * 1024, inFlight: 1024 * 1024 });
});

describe("a bytestream of the smallest blocks keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({ setup: () => bytestreamPair({ blockSize: 7 }), test: it, size: 16_384, inFlight: 256 * 1024 });
});

describe("bytestreams that share their channels keep the contract of a ByteChannel", () => {
  let channels: [StanzaRouter, StanzaRouter] | undefined;
  byteChannelCompliance({
    setup: async () => {
      const [channelA, channelB] = channels ?? memoryStanzaPair({ a: juliet, b: romeo });
      channels = [channelA, channelB];
      return openOver(channelA, channelB);
    },
    test: it,
    size: 1024 * 1024,
    inFlight: 1024 * 1024,
  });
});
