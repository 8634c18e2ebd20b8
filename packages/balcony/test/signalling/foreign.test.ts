import { type BalconyError, memoryBytePair, stanzaError } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { openStream, type XmlStream } from "@balcony/xml-stream";
import { afterEach, describe, expect, it } from "vitest";
import { compareSignalling } from "../../src/compare-signalling.js";
import type { Context } from "../../src/context.js";
import { NS_SIGNALLING } from "../../src/signalling/statement.js";

const ROMEO = "romeo@montague.lit/orchard";
const JULIET = "juliet@capulet.lit/balcony";
type Role = "initiator" | "responder";
type Policy = Context["policy"]["signalling"];

const open: XmlStream[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((stream) => stream.close().catch(() => undefined)));
});

/** A stream with a client that is no Balcony: it announces no comparison, and answers no request that it does not know. */
async function withForeign(role: Role, signalling: Policy): Promise<{ readonly compared: () => Promise<string>; readonly foreign: XmlStream }> {
  const [a, b] = memoryBytePair();
  const theirs: Role = role === "initiator" ? "responder" : "initiator";
  const common = { report: () => undefined, keepalive: "off" } as const;
  const [stream, foreign] = await Promise.all([
    openStream(a, { ...common, role, self: ROMEO, peer: JULIET, delivery: "held", features: [xml("signalling", NS_SIGNALLING)] }),
    openStream(b, { ...common, role: theirs, self: JULIET, peer: ROMEO }),
  ]);
  open.push(stream, foreign);
  const context = {
    onProgress: () => undefined,
    policy: { signalling },
    timeouts: { stream: 2_000 },
    transports: [],
    features: [],
    verifying: false,
    signal: new AbortController().signal,
  };
  const jingle = { role, takeTranscript: () => ({ sent: [], received: [] }) };
  const previous = { peer: JULIET, stream, jingle, decision: { action: "accept" }, seenFeatures: undefined, starttls: undefined };
  const compared = async (): Promise<string> =>
    await compareSignalling(context as unknown as Context, previous as unknown as Parameters<typeof compareSignalling>[1]).then(
      (result) => result.signalling,
      (error: BalconyError) => error.code,
    );
  return { compared, foreign };
}

describe.each(["initiator", "responder"] as const)("as %s, with a client that knows no comparison of signalling", (role) => {
  it("the stream is taken, and said to be `unknown`, where policy does not insist", async () => {
    const { compared } = await withForeign(role, "where-known");
    expect(await compared()).toBe("unknown");
  });

  it("it is refused as unsupported-peer where policy insists", async () => {
    const { compared } = await withForeign(role, "compare");
    expect(await compared()).toBe("unsupported-peer");
  });

  it("an answer of any kind but the right one is none", async () => {
    const { compared, foreign } = await withForeign(role, "compare");
    foreign.onRequest({ type: "set", name: "signalling", xmlns: NS_SIGNALLING }, () => {
      throw stanzaError("feature-not-implemented");
    });
    expect(await compared()).toBe("unsupported-peer");
  });
});

it("a client whose first stanza is no answer is not waited for, and refused where policy insists", async () => {
  const { compared, foreign } = await withForeign("responder", "compare");
  await foreign.send(xml("message", {}, xml("body", {}, "Good night")));
  expect(await compared()).toBe("unsupported-peer");
});
