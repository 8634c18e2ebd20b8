import { stanzaChannelCompliance } from "@balcony/channel/compliance";
import { describe, it } from "vitest";
import type { XmlStream } from "../src/index.js";
import { openedPair } from "./opened.js";

const forgiving = { report: () => undefined };

describe("an XML stream is a StanzaChannel", () => {
  stanzaChannelCompliance({ setup: () => openedPair(forgiving), test: it });
});

describe("so is one that was narrowed to its peer", () => {
  const wide: XmlStream[] = [];
  stanzaChannelCompliance({
    setup: async () => {
      const { a, b } = await openedPair(forgiving);
      wide.push(a, b);
      return { a: a.to(b.self), b: b.to(a.self) };
    },
    teardown: async () => void (await Promise.all(wide.splice(0).map((stream) => stream.close()))),
    closing: "apart",
    test: it,
  });
});
