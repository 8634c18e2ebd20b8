import { byteChannelCompliance } from "@balcony/channel/compliance";
import { describe, it } from "vitest";
import { bytes } from "./transport-pair.js";

describe("a SOCKS5 bytestream, direct, is a ByteChannel:", () => {
  byteChannelCompliance({ setup: () => bytes(), test: it });
});
