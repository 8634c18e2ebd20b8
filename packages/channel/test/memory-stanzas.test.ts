import { type Element, xml } from "@balcony/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BalconyError, memoryStanzaNetwork, memoryStanzaPair, type StanzaFault } from "../src/index.js";

const romeo = "romeo@montague.lit/orchard";
const juliet = "juliet@capulet.lit/balcony";
const mallory = "mallory@evil.lit/x";
const ping = () => xml("iq", { type: "get" }, xml("ping", "urn:xmpp:ping"));
const pinged = { type: "get", name: "ping", xmlns: "urn:xmpp:ping" } as const;
const message = (text: string) => xml("message", {}, xml("body", {}, text));
const settled = async () => {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
};
const outcome = (promise: Promise<Element>): Promise<string> =>
  promise.then(
    (result) => result.children.map(String).join(""),
    (error: BalconyError) => error.condition ?? error.code,
  );

/** What juliet hears when romeo sends so many messages over a wire with these faults. */
async function through(faults: readonly StanzaFault[], count: number) {
  const [a, b, wires] = memoryStanzaPair({ a: romeo, b: juliet }, { faults: { aToB: faults } });
  const heard: string[] = [];
  b.onStanza(({ stanza, from }) => {
    expect(from).toBe(romeo);
    heard.push(stanza.getChildText("body") ?? stanza.name);
    return undefined;
  });
  for (let n = 0; n < count; n++) await a.send(message(`${n}`)).catch((error: BalconyError) => expect(error.code).toBe("connection-lost"));
  await settled();
  return { heard, a, b, wires };
}
const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

describe("faults of a stanza wire", () => {
  it("strike the stanzas that were named and leave the others alone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 8 }), fc.uniqueArray(fc.nat({ max: 9 }), { maxLength: 4 }), async (count, at) => {
        const all = numbers(count);
        const struck = (n: string) => at.includes(Number(n));
        expect((await through([{ kind: "drop", at }], count)).heard).toEqual(all.filter((n) => !struck(n)));
        expect((await through([{ kind: "duplicate", at }], count)).heard).toEqual(all.flatMap((n) => (struck(n) ? [n, n] : [n])));
        expect((await through([{ kind: "alter", at, content: "<body>changed</body>" }], count)).heard).toEqual(all.map((n) => (struck(n) ? "changed" : n)));
      }),
    );
  });

  it("reorder one behind those that were told, losing none that has enough behind it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 5 }), fc.integer({ min: 1, max: 4 }), async (at, by) => {
        const all = numbers(10);
        const late = all.splice(at, 1);
        all.splice(at + by, 0, ...late);
        expect((await through([{ kind: "reorder", at, by }], 10)).heard).toEqual(all);
      }),
    );
  });

  it("delay one and all behind it until it is released", async () => {
    const { heard, wires } = await through([{ kind: "delay", at: [1, 3] }], 5);
    expect(heard).toEqual(["0"]);
    expect(wires.aToB.waiting).toBe(4);
    wires.aToB.release(1);
    await settled();
    expect(heard).toEqual(["0", "1", "2"]);
    wires.aToB.release();
    await settled();
    expect(heard).toEqual(numbers(5));
  });

  it("lose the wire after so many, for both sides", async () => {
    for (const after of [0, 3]) {
      const { heard, a, b } = await through([{ kind: "lose", after }], 5);
      expect(heard).toEqual(numbers(after));
      expect([a.closed.reason, b.closed.reason]).toMatchObject([{ code: "connection-lost" }, { code: "connection-lost" }]);
    }
  });

  it("forge an attribute, which nobody takes for the sender", async () => {
    const [a, b] = memoryStanzaPair({ a: romeo, b: juliet }, { faults: { aToB: [{ kind: "forge", at: "every", from: mallory }] } });
    const seen: (string | undefined)[] = [];
    b.onStanza(({ stanza, from }) => void seen.push(from, stanza.attrs.from));
    await a.send(message("x"));
    await settled();
    expect(seen).toEqual([romeo, mallory]);
  });

  it("answer in place of the peer, who never hears of it", async () => {
    const [a, b] = memoryStanzaPair(
      { a: romeo, b: juliet },
      {
        faults: {
          aToB: [
            { kind: "answer", at: 0, result: "<forged xmlns='x'/>" },
            { kind: "answer", at: 1, error: "not-allowed" },
          ],
        },
      },
    );
    let asked = 0;
    b.onRequest(pinged, () => {
      asked++;
      return undefined;
    });
    expect(await outcome(a.request(ping()))).toBe('<forged xmlns="x"/>');
    expect(await outcome(a.request(ping()))).toBe("not-allowed");
    expect(asked).toBe(0);
    expect(await outcome(a.request(ping()))).toBe("");
    expect(asked).toBe(1);
  });

  it("inject a stanza before one, or whenever the test says", async () => {
    const { heard, wires } = await through([{ kind: "inject", at: 1, stanza: "<message><body>injected</body></message>" }], 2);
    expect(heard).toEqual(["0", "injected", "1"]);
    wires.aToB.inject(message("by hand"));
    await settled();
    expect(heard.at(-1)).toBe("by hand");
  });
});

describe("a network in memory", () => {
  it("routes by `to` and stamps who sent it", async () => {
    const network = memoryStanzaNetwork();
    const [a, b] = [network.connect(romeo), network.connect(juliet)];
    const heard: string[] = [];
    b.onStanza(({ stanza, from }) => void heard.push(`${from} ${stanza.attrs.from} ${stanza.attrs.to}`));
    const forged = message("x");
    forged.attrs.from = mallory;
    forged.attrs.to = juliet;
    await a.send(forged);
    await settled();
    expect(heard).toEqual([`${romeo} ${romeo} ${juliet}`]);
    expect(a.peer).toBeUndefined();
  });

  it("answers for those who are not there, and lets answers and errors to nobody drop", async () => {
    const network = memoryStanzaNetwork();
    const a = network.connect(romeo);
    const heard: string[] = [];
    a.onStanza(({ stanza, from }) => void heard.push(`${from} ${stanza.attrs.type}`));
    expect(await outcome(a.to(juliet).request(ping()))).toBe("service-unavailable");
    expect(await outcome(a.request(ping()))).toBe("service-unavailable");
    await a.to(juliet).send(message("x"));
    await a.to(juliet).send(xml("message", { type: "error" }));
    await a.to(juliet).send(xml("presence"));
    await a.to(juliet).send(xml("iq", { type: "result", id: "1" }));
    await settled();
    expect(heard).toEqual([`${juliet} error`]);
  });

  it("gives messages and presence for a bare address to each of its clients, and requests to none", async () => {
    const network = memoryStanzaNetwork();
    const a = network.connect(romeo);
    const heard: string[] = [];
    for (const resource of ["balcony", "chamber"]) network.connect(`juliet@capulet.lit/${resource}`).onStanza(({ stanza }) => void heard.push(`${resource} ${stanza.name}`));
    await a.to("juliet@capulet.lit").send(message("x"));
    await a.to("juliet@capulet.lit").send(xml("presence"));
    expect(await outcome(a.to("juliet@capulet.lit").request(ping()))).toBe("service-unavailable");
    expect(heard).toEqual(["balcony message", "chamber message", "balcony presence", "chamber presence"]);
  });

  it("lets a tap see, drop, alter and multiply what passes", async () => {
    const network = memoryStanzaNetwork();
    const [a, b] = [network.connect(romeo), network.connect(juliet)];
    const heard: string[] = [];
    b.onStanza(({ stanza, from }) => void heard.push(`${from}: ${stanza.getChildText("body")}`));
    const stop = network.tap((stanza) => {
      const text = stanza.getChildText("body");
      if (text === "drop") return undefined;
      if (text === "double") return [stanza, stanza];
      if (text === "forge") stanza.attrs.from = mallory;
      return stanza;
    });
    for (const text of ["pass", "drop", "double", "forge"]) await a.to(juliet).send(message(text));
    await settled();
    stop();
    await a.to(juliet).send(message("drop"));
    await settled();
    expect(heard).toEqual([`${romeo}: pass`, `${romeo}: double`, `${romeo}: double`, `${mallory}: forge`, `${romeo}: drop`]);
  });

  it("lets a hostile server answer in the peer's name, whom only encryption tells apart, but nobody else", async () => {
    const network = memoryStanzaNetwork();
    const [a] = [network.connect(romeo), network.connect(juliet), network.connect(mallory)];
    network.tap((stanza) => {
      const { id, to } = stanza.attrs;
      network.inject(xml("iq", { type: "result", id, from: mallory, to: romeo }, xml("by-mallory", "x")));
      network.inject(xml("iq", { type: "result", id, to: romeo }, xml("by-our-account", "x")));
      network.inject(xml("iq", { type: "result", id, from: to, to: romeo }, xml("in-her-name", "x")));
      return undefined;
    });
    expect(await outcome(a.to(juliet).request(ping()))).toBe('<in-her-name xmlns="x"/>');
  });

  it("ends who has lost the connection, and who is online twice is refused", async () => {
    const network = memoryStanzaNetwork();
    const [a, b] = [network.connect(romeo), network.connect(juliet)];
    expect(() => network.connect("Romeo@Montague.lit/orchard")).toThrow(expect.objectContaining({ code: "resource-conflict" }));
    network.lose(romeo);
    expect(a.closed.reason).toMatchObject({ code: "connection-lost" });
    expect(await outcome(b.to(romeo).request(ping()))).toBe("service-unavailable");
    const again = network.connect(romeo);
    await a.close();
    again.onRequest(pinged, () => undefined);
    expect(await outcome(b.to(romeo).request(ping()))).toBe("");
    await again.close();
    expect(await outcome(b.to(romeo).request(ping()))).toBe("service-unavailable");
  });
});

it("what a handler throws is reported where the test asks for it", async () => {
  const reported: unknown[] = [];
  const [a, b] = memoryStanzaPair({ a: romeo, b: juliet }, { report: (error) => reported.push(error) });
  b.onRequest(pinged, () => {
    throw new Error("broken");
  });
  expect(await outcome(a.request(ping()))).toBe("internal-server-error");
  expect(reported).toMatchObject([{ message: "broken" }]);
});
