import { once } from "node:events";
import type { BalconyError } from "@balcony/channel";
import { parseElement, xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { InBandBytestream } from "../src/index.js";
import { bytestreamPair, openOver } from "./pair.js";

const NS = "http://jabber.org/protocol/ibb";
const KiB = 1024;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets everything happen that needs no time. */
const settle = () => vi.advanceTimersByTimeAsync(0);

/** Writes until the channel wants no more, again and again, and tells how much was taken. */
async function fill(side: InBandBytestream): Promise<number> {
  let taken = 0;
  for (let round = 0; round < 100; round++) {
    while (side.write(Buffer.alloc(4 * KiB, 1))) taken += 4 * KiB;
    taken += 4 * KiB;
    await settle();
    if (side.writableNeedDrain) return taken;
  }
  throw new Error("the writer was never stopped");
}

describe("a reader that does not read", () => {
  it("stops the writer, and lets it go on when it reads", async () => {
    const { a, b } = await bytestreamPair();
    const taken = await fill(a);
    expect(taken).toBeLessThan(1024 * KiB);
    expect(b.readableLength).toBeLessThan(512 * KiB);
    let read = 0;
    b.on("data", (chunk: Buffer) => {
      read += chunk.length;
    });
    a.end();
    a.resume();
    await once(b, "close");
    expect(read).toBe(taken);
  });

  it("has acknowledgements held back for 20 seconds at most, so that the writer does not take it for lost", async () => {
    const { a, b } = await bytestreamPair();
    await fill(a);
    const before = b.readableLength;
    await vi.advanceTimersByTimeAsync(19_000);
    expect(b.readableLength).toBe(before);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(b.readableLength).toBeGreaterThan(before);
    await vi.advanceTimersByTimeAsync(300_000);
    expect([a.errored, b.errored]).toEqual([null, null]);
    expect(b.readableLength - before).toBeLessThan(512 * KiB);
    a.destroy();
    b.destroy();
    await settle();
  });

  it("is not drowned by a peer that waits for no acknowledgement", async () => {
    const { a, b, channelA } = await bytestreamPair({ receiveLimit: 200 * KiB });
    const text = Buffer.alloc(4 * KiB, 1).toString("base64");
    const failed = once(b, "error");
    const answers: string[] = [];
    for (let seq = 0; seq < 60; seq++) {
      channelA.request(xml("iq", { type: "set" }, xml("data", { xmlns: NS, sid: b.sid, seq: String(seq) }, text))).then(
        () => answers.push("result"),
        (error: BalconyError) => answers.push(error.stanza?.condition ?? error.code),
      );
    }
    const [error] = (await failed) as [BalconyError];
    expect(error.code).toBe("resource-constraint");
    expect(b.readableLength).toBeLessThanOrEqual(200 * KiB);
    await settle();
    expect(answers).toContain("resource-constraint");
    a.destroy();
    await settle();
  });

  it("does not stop the other direction", async () => {
    const { a, b } = await bytestreamPair();
    await fill(a);
    const heard = once(a, "data");
    b.write("other way");
    expect(String((await heard)[0])).toBe("other way");
    a.destroy();
    b.destroy();
    await settle();
  });
});

describe("small writes", () => {
  const blocksOf = async (writes: (a: InBandBytestream) => Promise<void> | void) => {
    const { a, b, channelB } = await bytestreamPair();
    const sizes: number[] = [];
    channelB.onRequest({ type: "set", name: "nothing", xmlns: "x" }, () => undefined);
    b.on("data", (chunk: Buffer) => sizes.push(chunk.length));
    await writes(a);
    a.end();
    a.resume();
    await once(b, "close");
    return sizes;
  };

  it("go at once where nothing is on its way", async () => {
    const sizes = await blocksOf(async (a) => {
      for (const word of ["one", "two", "three"]) {
        a.write(word);
        await settle();
      }
    });
    expect(sizes).toEqual([3, 3, 5]);
  });

  it("are joined into whole blocks where much is on its way", async () => {
    const sizes = await blocksOf((a) => {
      for (let n = 0; n < 50_000; n++) a.write("x");
    });
    expect(sizes.reduce((sum, size) => sum + size)).toBe(50_000);
    expect(sizes.length).toBeLessThan(20);
  });

  it("keep what was written, although the writer uses its buffer again as soon as it may", async () => {
    const { a, b } = await bytestreamPair({ blockSize: 10 });
    const words: Buffer[] = [];
    b.on("data", (chunk: Buffer) => words.push(chunk));
    const buffer = Buffer.alloc(7);
    for (let n = 0; n < 50; n++) {
      buffer.fill(n);
      await new Promise<void>((resolve) => a.write(buffer, () => resolve()));
    }
    buffer.fill(255);
    a.end();
    a.resume();
    await once(b, "close");
    expect(Buffer.concat(words)).toEqual(Buffer.concat(Array.from({ length: 50 }, (_, n) => Buffer.alloc(7, n))));
  });
});

describe("an empty block", () => {
  it("is valid base64: it is acknowledged, counts in seq, and gives no bytes", async () => {
    const { a, b, channelA } = await bytestreamPair();
    const block = (seq: number, text: string) => channelA.request(xml("iq", { type: "set" }, xml("data", { xmlns: NS, sid: b.sid, seq: String(seq) }, text)));
    const heard: string[] = [];
    b.on("data", (chunk: Buffer) => heard.push(String(chunk)));
    await block(0, "");
    await block(1, "QUJD");
    await settle();
    expect(heard).toEqual(["ABC"]);
    a.destroy();
    b.destroy();
    await settle();
  });
});

describe("closing", () => {
  it("flushes what remains of the other side before its answer", async () => {
    const { a, b } = await bytestreamPair({ blockSize: 100 });
    const atA = a.toArray();
    b.write(Buffer.alloc(10_000, 2));
    a.end("bye");
    b.resume();
    expect(Buffer.concat(await atA)).toHaveLength(10_000);
    expect([a.errored, b.errored]).toEqual([null, null]);
  });

  it("lets the other side answer what it read last", async () => {
    const { a, b } = await bytestreamPair();
    const atA = a.toArray();
    a.end("question");
    b.once("readable", () => {
      const question = String(b.read());
      b.write(`${question}: answer`);
      b.resume();
    });
    expect(String(Buffer.concat(await atA))).toBe("question: answer");
  });

  it("is answered after 30 seconds although nobody reads what came before; that stays to be read", async () => {
    const { a, b } = await bytestreamPair();
    a.resume().end("never read");
    await settle();
    expect(a.writableFinished).toBe(true);
    expect(a.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(a.closed).toBe(true);
    expect(b.writableFinished).toBe(true);
    expect(b.destroyed).toBe(false);
    expect(String(b.read())).toBe("never read");
    b.resume();
    await once(b, "close");
    expect([a.errored, b.errored]).toEqual([null, null]);
  });

  it("ends with ibb-lost where what remains is not taken in time", async () => {
    const { a, b } = await bytestreamPair({ holdTimeout: 1_000_000, acknowledgeTimeout: 1_000_000 });
    await fill(b);
    const failed = once(b.resume(), "error");
    a.end();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(((await failed)[0] as BalconyError).code).toBe("ibb-lost");
    a.destroy();
    await settle();
  });

  it("takes as long as it needs where acknowledgements keep coming", async () => {
    const { a, b, wires } = await bytestreamPair({ blockSize: 1000 }, { bToA: [{ kind: "delay", at: [1, 2, 3, 4, 5, 6] }] });
    const atA = a.toArray();
    b.write(Buffer.alloc(5000, 3));
    a.end();
    b.resume();
    for (let stanza = 0; stanza < 6; stanza++) {
      await vi.advanceTimersByTimeAsync(25_000);
      wires.bToA.release(1);
    }
    expect(Buffer.concat(await atA)).toHaveLength(5000);
    expect([a.errored, b.errored]).toEqual([null, null]);
  });

  it("refuses to write what nobody will take any more", async () => {
    const { a, b } = await bytestreamPair();
    a.resume().end("x");
    await settle();
    await vi.advanceTimersByTimeAsync(30_000);
    const failed = once(b, "error");
    b.write("too late");
    await failed;
  });

  it("gives up a peer that does nothing but send after our close", async () => {
    const { a, b, channelB } = await bytestreamPair();
    b.pause();
    b.write("x");
    await settle();
    const failed = once(a.resume(), "error");
    a.end("unread");
    for (let second = 0; second < 70; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      channelB.request(xml("iq", { type: "set" }, parseElement(`<data xmlns='${NS}' sid='${a.sid}' seq='9'>?</data>`))).catch(() => undefined);
    }
    expect(((await failed)[0] as BalconyError).code).toMatch(/^ibb-/);
    b.destroy();
    await settle();
  });
});

describe("giving up", () => {
  it("tells the peer, whose blocks on the way are answered item-not-found", async () => {
    const { a, b } = await bytestreamPair();
    await fill(a);
    const failed = once(a, "error");
    b.destroy();
    expect(((await failed)[0] as BalconyError).code).toBe("ibb-unknown-sid");
  });

  it("leaves no handler and no timer behind", async () => {
    const { a, b, channelA, channelB } = await bytestreamPair();
    for (let round = 0; round < 3; round++) {
      const more = await openOver(channelA, channelB);
      await fill(more.a);
      more.a.destroy();
      more.b.destroy();
      await settle();
    }
    a.destroy();
    b.resume();
    await once(b, "close");
    await settle();
    expect(vi.getTimerCount()).toBe(0);
    await expect(channelA.request(xml("iq", { type: "set" }, xml("close", { xmlns: NS, sid: a.sid })))).rejects.toMatchObject({ stanza: { condition: "service-unavailable" } });
  });

  it("comes by itself when the channel below ends, with its reason", async () => {
    const { a, b, wires } = await bytestreamPair();
    const failed = [once(a, "error"), once(b, "error")];
    wires.lose();
    expect((await Promise.all(failed)).map(([error]) => (error as BalconyError).code)).toEqual(["connection-lost", "connection-lost"]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("before anybody listens does not end the process", async () => {
    const { a, b, wires } = await bytestreamPair();
    wires.lose();
    await settle();
    expect([a.errored, b.errored].map((error) => (error as BalconyError).code)).toEqual(["connection-lost", "connection-lost"]);
  });
});

describe("seq", () => {
  it("starts again at 0 behind block 65535, and all goes on", async () => {
    vi.useRealTimers();
    const { a, b } = await bytestreamPair({ blockSize: 1 });
    const bytes = Buffer.from(Array.from({ length: 65_536 + 100 }, (_, n) => n % 251));
    const read = b.toArray();
    a.resume().end(bytes);
    expect(Buffer.concat(await read).equals(bytes)).toBe(true);
    expect([a.errored, b.errored]).toEqual([null, null]);
  });
});
