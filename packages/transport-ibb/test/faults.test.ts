import { once } from "node:events";
import { BalconyError, type Faults, memoryStanzaNetwork, memoryStanzaPair, type StanzaFault, StanzaRouter } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptBytestreams, openBytestream } from "../src/index.js";
import { bytestreamPair, juliet, type Pair, romeo } from "./pair.js";

/*
 * Places on the wires: from a to b, 0 is <open/> and the blocks follow; from b to a, 0 is its answer and the acknowledgements follow.
 */
const NS = "http://jabber.org/protocol/ibb";
const code = (error: unknown): string => (error instanceof BalconyError ? error.code : String(error));

/** What became of both sides after a wrote three blocks of 4 bytes and ended: how each finished, and what b read. */
async function three(faults: Faults<StanzaFault>, wire: (pair: Pair) => Promise<unknown> = async () => undefined): Promise<{ a: string; b: string; read: string }> {
  const pair = await bytestreamPair({ blockSize: 4 }, faults);
  let read = "";
  pair.b.on("data", (chunk: Buffer) => {
    read += String(chunk);
  });
  const over = [pair.a.resume(), pair.b].map(
    (side) => new Promise<string>((resolve) => side.once("error", (error) => resolve(code(error))).once("close", () => resolve(side.errored ? code(side.errored) : "closed"))),
  );
  pair.a.write("one.two.");
  pair.a.end("tri.");
  await wire(pair);
  const [a = "", b = ""] = await Promise.all(over);
  return { a, b, read };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const past = (ms: number) => () => vi.advanceTimersByTimeAsync(ms);

describe("faults on the way", () => {
  it("without any, all of it arrives", async () => {
    expect(await three({})).toEqual({ a: "closed", b: "closed", read: "one.two.tri." });
  });

  it("a lost acknowledgement: the deadline names it lost, and the block is never sent twice", async () => {
    const fate = await three({ bToA: [{ kind: "drop", at: 2 }] }, past(60_000));
    expect(fate).toMatchObject({ a: "ibb-lost", read: "one.two.tri." });
  });

  it("a lost block: the receiver sees the gap and closes, the sender is told", async () => {
    expect(await three({ aToB: [{ kind: "drop", at: 2 }] })).toEqual({ a: "ibb-sequence", b: "ibb-sequence", read: "one." });
  });

  it("the last block is lost: the deadline tells", async () => {
    const fate = await three({ aToB: [{ kind: "drop", at: 3 }] }, past(60_000));
    expect(fate).toMatchObject({ a: "ibb-lost", read: "one.two." });
  });

  it("a block comes twice: it is read once, and both sides end with it", async () => {
    expect(await three({ aToB: [{ kind: "duplicate", at: 2 }] })).toMatchObject({ b: "ibb-sequence", read: "one.two." });
  });

  it("blocks change places: nothing behind the gap is read", async () => {
    expect(await three({ aToB: [{ kind: "reorder", at: 1, by: 1 }] })).toEqual({ a: "ibb-sequence", b: "ibb-sequence", read: "" });
  });

  it("a refused block is answered first, and the bytestream closed behind that", async () => {
    const network = memoryStanzaNetwork();
    const [channel, far] = [network.connect(juliet), network.connect(romeo)];
    const sent: string[] = [];
    const closed = new Promise<void>((resolve) => {
      network.tap((stanza) => {
        if (stanza.attrs.from === romeo) sent.push(stanza.getChild("close") ? "close" : (stanza.attrs.type ?? ""));
        if (stanza.getChild("close")) resolve();
        return stanza;
      });
    });
    acceptBytestreams(far, { from: () => true }, () => undefined);
    const ask = (payload: Element) => channel.request(xml("iq", { type: "set", to: romeo }, payload));
    await ask(xml("open", { xmlns: NS, sid: "s1", "block-size": "4096" }));
    await expect(ask(xml("data", { xmlns: NS, sid: "s1", seq: "1" }, "QUJD"))).rejects.toMatchObject({ stanza: { condition: "unexpected-request" } });
    await closed;
    expect(sent).toEqual(["result", "error", "close"]);
  });

  it("a block is altered: what is no base64 is refused, what is base64 is for the layer above to find", async () => {
    const garbled = `<data xmlns='http://jabber.org/protocol/ibb' sid='known' seq='0'>%%%%</data>`;
    const pair = await bytestreamPair({ sid: "known" }, { aToB: [{ kind: "alter", at: 1, content: garbled }] });
    const errors = Promise.all([once(pair.a, "error"), once(pair.b, "error")]);
    pair.a.write("x");
    expect((await errors).map(([error]) => code(error))).toEqual(["ibb-base64", "ibb-base64"]);
  });

  it.each([
    { answer: "recipient-unavailable", expected: "ibb-lost" },
    { answer: "remote-server-timeout", expected: "ibb-lost" },
    { answer: "service-unavailable", expected: "ibb-lost" },
    { answer: "item-not-found", expected: "ibb-unknown-sid" },
    { answer: "unexpected-request", expected: "ibb-sequence" },
    { answer: "bad-request", expected: "ibb-base64" },
    { answer: "resource-constraint", expected: "resource-constraint" },
  ] as const)("a server answers a block $answer: $expected", async ({ answer, expected }) => {
    const { a, wires } = await bytestreamPair({}, { aToB: [{ kind: "answer", at: 1, error: answer }] });
    const failed = once(a, "error") as Promise<[BalconyError]>;
    a.write("x");
    const [error] = await failed;
    expect([error.code, error.condition, error.peer]).toEqual([expected, answer, romeo]);
    expect(wires.aToB.waiting).toBe(0);
  });

  it("acknowledgements out of order are acknowledgements all the same", async () => {
    expect(await three({ bToA: [{ kind: "reorder", at: 1, by: 2 }] })).toEqual({ a: "closed", b: "closed", read: "one.two.tri." });
  });

  it("the connection breaks: both sides end with what it says", async () => {
    expect(await three({ aToB: [{ kind: "lose", after: 2 }] })).toMatchObject({ a: "connection-lost", b: "connection-lost" });
  });

  it("the answer to <close/> is lost: everything was delivered, and the deadline tells that the rest is not known", async () => {
    const fate = await three({ bToA: [{ kind: "drop", at: 4 }] }, past(60_000));
    expect(fate).toEqual({ a: "timeout", b: "closed", read: "one.two.tri." });
  });

  it("the <close/> is lost: the other side hears nothing, ours gives up", async () => {
    const pair = await bytestreamPair({}, { aToB: [{ kind: "drop", at: 1 }] });
    const failed = once(pair.a.resume(), "error");
    pair.a.end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(code((await failed)[0])).toBe("timeout");
    expect(pair.b.destroyed).toBe(false);
    pair.b.destroy();
  });

  it("the <close/> is answered by a server that has lost the peer: lost", async () => {
    const pair = await bytestreamPair({}, { aToB: [{ kind: "answer", at: 1, error: "recipient-unavailable" }] });
    const failed = once(pair.a.resume(), "error");
    pair.a.end();
    expect(code((await failed)[0])).toBe("ibb-lost");
    pair.b.destroy();
  });

  it.each(["item-not-found", "service-unavailable"] as const)("a peer that knows the bytestream no more (%s) has closed it", async (error) => {
    const pair = await bytestreamPair({}, { aToB: [{ kind: "answer", at: 1, error }] });
    const closed = once(pair.a.resume(), "close");
    pair.a.end();
    await closed;
    expect(pair.a.errored).toBeNull();
    pair.b.destroy();
  });

  it("an acknowledgement that comes every now and then keeps the deadline away", async () => {
    const { a, b, wires } = await bytestreamPair({ blockSize: 4 }, { bToA: [{ kind: "delay", at: [1, 2, 3] }] });
    b.resume();
    a.write("one.two.tri.");
    for (let block = 0; block < 3; block++) {
      await vi.advanceTimersByTimeAsync(50_000);
      wires.bToA.release(1);
    }
    await vi.advanceTimersByTimeAsync(100_000);
    expect(a.errored).toBeNull();
    a.destroy();
    b.destroy();
  });
});

describe("faults at the opening", () => {
  const pairOf = (faults: Faults<StanzaFault>) => memoryStanzaPair({ a: juliet, b: romeo }, { faults });

  it("an <open/> that nobody answers ends with its deadline", async () => {
    const [channel] = pairOf({ aToB: [{ kind: "drop", at: "every" }] });
    const opening = expect(openBytestream(channel.to(romeo))).rejects.toMatchObject({ code: "timeout" });
    await vi.advanceTimersByTimeAsync(60_000);
    await opening;
  });

  it("an <open/> to nobody tells what the server said", async () => {
    const [channel] = pairOf({});
    await expect(openBytestream(channel.to(romeo))).rejects.toMatchObject({ code: "stanza-error", stanza: { condition: "service-unavailable" } });
  });

  it("the connection breaks meanwhile", async () => {
    const [channel, , wires] = pairOf({ aToB: [{ kind: "drop", at: "every" }] });
    const opening = expect(openBytestream(channel.to(romeo))).rejects.toMatchObject({ code: "connection-lost" });
    wires.lose();
    await opening;
  });

  it("the narrowed channel is closed meanwhile", async () => {
    const [channel] = pairOf({ aToB: [{ kind: "drop", at: "every" }] });
    const narrowed = channel.to(romeo);
    const opening = expect(openBytestream(narrowed)).rejects.toMatchObject({ code: "closed" });
    await narrowed.close();
    await opening;
    await channel.close();
  });

  it("a peer that prefers smaller blocks is asked for smaller ones", async () => {
    const [channel, far] = pairOf({});
    const asked: unknown[] = [];
    far.onRequest({ type: "set", name: "open", xmlns: NS }, ({ payload }) => {
      asked.push(payload.attrs["block-size"]);
      if (Number(payload.attrs["block-size"]) > 1024) {
        throw new BalconyError("stanza-error", "smaller", { stanza: { type: "modify", condition: "resource-constraint" } });
      }
      return undefined;
    });
    const bytestream = await openBytestream(channel.to(romeo));
    expect([asked, bytestream.blockSize]).toEqual([["4096", "2048", "1024"], 1024]);
    await channel.close().catch(() => undefined);
    await once(bytestream, "error");
  });

  it.each([
    { options: { blockSize: 0 }, what: "no bytes" },
    { options: { blockSize: 32_768 }, what: "more than xs:short" },
    { options: { sid: "a b" }, what: "a sid with a space" },
    { options: { stanza: "presence" as "iq" }, what: "presence" },
  ])("$what cannot be asked for", async ({ options }) => {
    const [channel] = pairOf({});
    await expect(openBytestream(channel.to(romeo), options)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("a wide channel names no peer to open to", async () => {
    const wide = new StanzaRouter({ self: juliet, transmit: () => Promise.resolve(), shutdown: () => Promise.resolve(), report: () => undefined });
    await expect(openBytestream(wide)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("faults on blocks in messages", () => {
  it("a message that comes back is a lost block, not a block of the peer's", async () => {
    const { a, b, channelB } = await bytestreamPair({ stanza: "message" });
    const failed = once(a, "error");
    const data = xml("data", { xmlns: NS, sid: a.sid, seq: "0" }, "QUJD");
    await channelB.send(xml("message", { type: "error" }, data, xml("error", { type: "cancel" }, xml("service-unavailable", "urn:ietf:params:xml:ns:xmpp-stanzas"))));
    const [error] = await failed;
    expect([code(error), (error as BalconyError).condition]).toEqual(["ibb-lost", "service-unavailable"]);
    expect(a.readableLength).toBe(0);
    b.destroy();
  });

  it("a peer that answers no ping any more has lost the blocks before it", async () => {
    const { a, b } = await bytestreamPair({ stanza: "message" }, { bToA: [{ kind: "drop", at: [1, 2, 3] }] });
    const failed = once(a, "error");
    a.write("x");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(code((await failed)[0])).toBe("ibb-lost");
    await vi.advanceTimersByTimeAsync(60_000);
    b.destroy();
    await vi.advanceTimersByTimeAsync(60_000);
  });

  it("a server that answers the ping for a peer who has gone says that blocks are lost", async () => {
    const { a, b } = await bytestreamPair({ stanza: "message" }, { aToB: [{ kind: "answer", at: 2, error: "recipient-unavailable" }] });
    const failed = once(a, "error");
    a.write("x");
    expect(code((await failed)[0])).toBe("ibb-lost");
    b.destroy();
  });

  it("a lost message closes both sides", async () => {
    const { a, b } = await bytestreamPair({ stanza: "message", blockSize: 4 }, { aToB: [{ kind: "drop", at: 1 }] });
    const errors = [once(a.resume(), "end"), once(b, "error")] as const;
    a.write("one.two.");
    expect(code((await errors[1])[0])).toBe("ibb-sequence");
    await errors[0];
  });
});
