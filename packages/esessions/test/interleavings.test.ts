import { type Element, xml } from "@balcony/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readEncrypted } from "../src/encrypted-content.js";
import { wrapForm } from "../src/envelope.js";
import { writeForm } from "../src/form.js";
import { nodeCrypto } from "../src/node/index.js";
import { StanzaCipher } from "../src/stanza-cipher.js";
import { prepared } from "./cipher-pair.js";
import { directPair, heardBy } from "./direct-pair.js";
import { ALICE, BOB } from "./pair.js";

const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";
const body = (text: string) => xml("message", {}, xml("body", {}, text));
const bodyOf = (stanza: Element): string | null => stanza.getChildText("body");

/** One step of either side, and how many turns of the event loop pass before the next: stanzas cross on the way, and re-keys meet stanzas and re-keys. */
const step = fc.record({
  side: fc.constantFrom("a" as const, "b" as const),
  act: fc.constantFrom("message" as const, "message" as const, "presence" as const, "request" as const, "rekey" as const),
  turns: fc.nat(2),
});

describe.each([
  ["between Balconies", { balcony: true, setting: "strict" as const }],
  ["with a client of 2007", { setting: "deployed" as const }],
  ["with a client of 2007, by the letter", { setting: "strict" as const }],
])("a session %s", (_, options) => {
  it("delivers everything once and in order, under any interleaving of stanzas, requests and re-keys in both directions", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { a, b, errors } = directPair(options);
        const sides = { a: { session: a, sent: [] as string[], heard: heardBy(a) }, b: { session: b, sent: [] as string[], heard: heardBy(b) } };
        for (const session of [a, b])
          session.channel.onRequest({ type: "get", name: "query", xmlns: "urn:example:echo" }, ({ payload }) => xml("query", "urn:example:echo", payload.getText()));
        const work: Promise<unknown>[] = [];
        for (const [index, { act, side, turns }] of steps.entries()) {
          const { sent, session } = sides[side];
          const text = `${side} ${index}`;
          if (act === "rekey") work.push(session.rekey().catch((error: unknown) => expect(error).toMatchObject({ code: "resource-constraint" })));
          else if (act === "request") {
            const asked = session.channel.request(xml("iq", { type: "get" }, xml("query", "urn:example:echo", text)));
            work.push(asked.then((answer) => expect(answer.getChildText("query", "urn:example:echo")).toBe(text)));
          } else {
            sent.push(text);
            work.push(session.channel.send(act === "message" ? body(text) : xml("presence", {}, xml("body", {}, text))));
          }
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        }
        await Promise.all(work);
        await Promise.all([a.close(), b.close()]);
        expect([sides.b.heard.map(bodyOf), sides.a.heard.map(bodyOf), errors]).toEqual([sides.a.sent, sides.b.sent, []]);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a peer that re-keys where we would not", () => {
  it("in an error, whose second <c/> is under the new key", async () => {
    const { network, b, established } = directPair();
    const heard = heardBy(b);
    const alice = new StanzaCipher(nodeCrypto, established.alice);
    const first = alice.seal("<body>one</body>", prepared(alice));
    const second = alice.seal("<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>two</text>");
    const error = xml("error", { type: "wait" }, xml("gone", "urn:ietf:params:xml:ns:xmpp-stanzas"), second);
    network.inject(xml("message", { from: ALICE, to: BOB, type: "error" }, xml("thread", {}, "thread"), first, error));
    network.inject(xml("message", { from: ALICE, to: BOB }, xml("thread", {}, "thread"), alice.seal("<body>three</body>")));
    await expect.poll(() => heard.length).toBe(2);
    expect(heard.map((stanza) => [stanza.attrs.type, bodyOf(stanza), stanza.getChild("error")?.getChildText("text", "urn:ietf:params:xml:ns:xmpp-stanzas")])).toEqual([
      ["error", "one", "two"],
      [undefined, "three", undefined],
    ]);
    await b.abandon();
  });

  it("with a second <c/> that is none of its own ends the session", async () => {
    const { network, b, established } = directPair();
    const heard = heardBy(b);
    const alice = new StanzaCipher(nodeCrypto, established.alice);
    const first = alice.seal("<body>one</body>", prepared(alice));
    const error = xml("error", { type: "wait" }, xml("c", NS_ENCRYPTED, xml("mac", {}, "AAAA")));
    network.inject(xml("message", { from: ALICE, to: BOB, type: "error" }, xml("thread", {}, "thread"), first, error));
    await expect.poll(() => b.channel.closed.aborted).toBe(true);
    expect([b.channel.closed.reason.code, heard]).toEqual(["stanza-unverified", []]);
  });
});

it("a session that was ended by the peer says so in its acknowledgement, under the keys as they stood, and destroys them", async () => {
  const { network, b, established } = directPair();
  const alice = new StanzaCipher(nodeCrypto, established.alice);
  const seen: Element[] = [];
  network.tap((stanza) => {
    seen.push(stanza);
    return undefined;
  });
  const form = writeForm("submit", [
    ["FORM_TYPE", ["urn:xmpp:ssn"]],
    ["terminate", ["1"]],
  ]);
  network.inject(xml("message", { from: ALICE, to: BOB }, xml("thread", {}, "thread"), alice.seal(wrapForm(form, "feature").toString(), prepared(alice))));
  await expect.poll(() => seen.length).toBe(1);
  const c = seen[0]?.getChild("c", NS_ENCRYPTED);
  if (!c) throw new Error("no acknowledgement");
  expect(Buffer.from(alice.open(readEncrypted(c)).plaintext ?? []).toString()).toContain("terminate");
  expect(b.channel.closed.reason.code).toBe("closed");
  const { exponent, receiving, sending } = established.bob;
  expect([sending.cipher, sending.mac, receiving.cipher, receiving.mac, exponent].flatMap((secret) => [...secret]).filter((octet) => octet !== 0)).toEqual([]);
});
