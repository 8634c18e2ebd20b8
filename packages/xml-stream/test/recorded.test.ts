import type { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { startTls } from "../src/index.js";
import { handPlayed, settle } from "./far-end.js";
import recorded from "./recorded/kaa-starttls.json" with { type: "json" };

const bytesOf = (block: string | undefined) => Buffer.from(block ?? "", "base64");
const [initialHeader, starttls, clientHello] = recorded.fromInitiator.map(bytesOf);
const [featuresOffer, proceed, serverHello] = recorded.fromResponder.map(bytesOf);

/** Plays one side of the recorded session, its words cut in two at `cut`; resolves with what we said and what TLS would get. */
async function replay(role: "initiator" | "responder", words: readonly (Buffer | undefined)[], cut: number, first: Buffer | undefined) {
  const { near, far } = handPlayed();
  const [self, peer] = role === "initiator" ? [recorded.initiator, recorded.responder] : [recorded.responder, recorded.initiator];
  const started = startTls<Duplex>(near, { role, self, peer, addresses: "shown", secure: async (bytes) => bytes });
  started.catch(() => undefined);
  let at = 0;
  for (const word of words) {
    const bytes = word ?? Buffer.alloc(0);
    const place = cut - at;
    at += bytes.length;
    if (place <= 0 || place >= bytes.length) far.say(bytes);
    else {
      far.say(bytes.subarray(0, place));
      await settle(1);
      far.say(bytes.subarray(place));
    }
    // kaa speaks only once it is its turn
    await far.hears(word === words.at(-1) ? (role === "initiator" ? "<starttls" : "<proceed") : role === "initiator" ? "<starttls" : "</stream:features>");
  }
  const { secured, remoteOffer } = await started;
  let tls = Buffer.alloc(0);
  secured.resume().on("data", (chunk: Buffer) => {
    tls = Buffer.concat([tls, chunk]);
  });
  far.say(first ?? Buffer.alloc(0));
  await settle(2);
  secured.destroy();
  await far.closed();
  return { heard: far.heard, tls, remoteOffer };
}

describe("a session recorded of the other implementation, cut at every byte", () => {
  it("as its responder we answer its initiator up to <proceed/>, and TLS gets its ClientHello", async () => {
    const words = [initialHeader, starttls];
    for (let cut = 1; cut < Buffer.concat(words.map((word) => word ?? Buffer.alloc(0))).length; cut++) {
      const { heard, tls, remoteOffer } = await replay("responder", words, cut, clientHello);
      expect(heard).toMatch(
        /^<\?xml version='1\.0'\?><stream:stream .* from="bob@alpha.test\/kaa" to="alice@alpha.test\/kaa" id="[\w-]{22}" version="1.0"><stream:features><starttls [^>]*><required\/><\/starttls><\/stream:features><proceed [^>]*\/>$/,
      );
      expect(tls.equals(clientHello ?? Buffer.alloc(0))).toBe(true);
      expect(remoteOffer?.getChild("keyinfo", "urn:xmpp:tmp:pubkey")?.getChildText("name")).toBe("9458a2f6f950d8668a54f1e1eadc8a0aa24590bf");
    }
  });

  it("as its initiator we ask its responder for TLS, and TLS gets its ServerHello", async () => {
    const words = [featuresOffer, proceed];
    for (let cut = 1; cut < Buffer.concat(words.map((word) => word ?? Buffer.alloc(0))).length; cut++) {
      const { heard, tls, remoteOffer } = await replay("initiator", words, cut, serverHello);
      expect(heard).toMatch(/^<stream:stream .* from="alice@alpha.test\/kaa" to="bob@alpha.test\/kaa" version="1.0"><starttls [^>]*\/>$/);
      expect(tls.equals(serverHello ?? Buffer.alloc(0))).toBe(true);
      expect(remoteOffer?.getChild("keyinfo", "urn:xmpp:tmp:pubkey")?.getChildText("name")).toBe("94119d061fcdf37f46a9d754430d45c0f9901fbc");
    }
  });
});
