import { type Element, xml } from "@balcony/xml";
import fc from "fast-check";
import { expect, it } from "vitest";
import { openedByHand, openedPair } from "./opened.js";

// XML 1.0 §2.2, less white space, which every XML parser normalises in attributes (§3.3.3).
const text = fc.string({ unit: "grapheme", maxLength: 40 }).filter((value) => !/[\0-\x1f\ufffe\uffff]/.test(value));
const payload: fc.Memo<Element> = fc.memo(
  (depth): fc.Arbitrary<Element> =>
    fc
      .tuple(fc.constantFrom("body", "x", "data"), fc.constantFrom(undefined, "urn:a", "urn:b"), text, depth > 1 ? fc.array(payload(), { maxLength: 2 }) : fc.constant([]))
      .map(([name, xmlns, content, children]): Element => xml(name, { xmlns, note: content }, content === "" ? undefined : content, ...children)),
);
const stanzas = fc.tuple(fc.constantFrom("message", "presence"), fc.uuid(), fc.array(payload(3), { maxLength: 3 })).map(([name, id, children]) => xml(name, { id }, ...children));

/** What a stanza says, whoever wrote it. */
const meaning = (element: Element): unknown => [
  element.getName(),
  element.getNS() ?? "jabber:client",
  Object.entries(element.attrs)
    .filter(([name, value]) => value !== undefined && !["xmlns", "from", "to"].includes(name))
    .sort(),
  element.children.map((child) => (typeof child === "string" ? child : meaning(child))),
];
it("stanzas arrive as they were sent, in order, wherever the bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stanzas, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 40 }), async (sent, size) => {
      const { stream, far } = await openedByHand();
      const arrived: unknown[] = [];
      stream.onStanza(({ stanza: one }) => {
        arrived.push(meaning(one));
        return true;
      });
      far.sayCut(`${sent.join(" ")}</stream:stream>`, size);
      await stream.close();
      expect(arrived).toEqual(sent.map(meaning));
    }),
    { numRuns: 60 },
  );
});

it("what one end sends the other receives, both ways at once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(stanzas, { maxLength: 12 }), fc.array(stanzas, { maxLength: 12 }), async (up, down) => {
      const { a, b } = await openedPair();
      const arrived = { a: [] as unknown[], b: [] as unknown[] };
      a.onStanza(({ stanza: one }) => arrived.a.push(meaning(one)) > 0);
      b.onStanza(({ stanza: one }) => arrived.b.push(meaning(one)) > 0);
      await Promise.all([...up.map((one) => a.send(one)), ...down.map((one) => b.send(one))]);
      await Promise.all([a.close(), b.close()]);
      expect(arrived).toEqual({ a: down.map(meaning), b: up.map(meaning) });
    }),
    { numRuns: 60 },
  );
});

it("whatever bytes come, the stream ends by one typed error or stays open, and nothing else happens", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, behindStanza) => {
      const { stream, far } = await openedByHand();
      far.say(behindStanza ? Buffer.concat([Buffer.from("<message>"), bytes]) : bytes);
      far.bytes.end();
      await stream.close();
      expect(["truncated", "closed", "not-well-formed", "bad-format", "restricted-xml", "unsupported-stanza-type", "invalid-xml", "policy-violation"]).toContain(
        stream.closed.reason.code,
      );
      await far.closed();
    }),
    { numRuns: 200 },
  );
});
