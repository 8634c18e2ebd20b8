import { once } from "node:events";
import type { Duplex } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ByteFault, memoryBytePair } from "../src/index.js";

/** What comes out at b when these bytes go in at a in such pieces, and how it ends. */
async function through(faults: readonly ByteFault[], writes: readonly Uint8Array[]) {
  const [a, b] = memoryBytePair({ faults: { aToB: faults } });
  const chunks: Buffer[] = [];
  let failed = "";
  for (const side of [a, b]) side.on("error", (error: NodeJS.ErrnoException) => (failed = error.code ?? ""));
  b.on("data", (chunk: Buffer) => chunks.push(chunk));
  a.resume();
  const closed = Promise.all([a, b].map((side) => new Promise((resolve) => side.once("close", resolve))));
  for (const bytes of writes) a.write(bytes);
  a.end();
  await closed;
  return { bytes: Buffer.concat(chunks), sizes: chunks.map((chunk) => chunk.length), failed };
}

const bytesOf = (writes: readonly Uint8Array[]) => Buffer.concat(writes);
const writes = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
const place = fc.nat({ max: 200 });
const count = fc.integer({ min: 1, max: 50 });

describe("faults of a byte wire", () => {
  it("cut into pieces, bytes are the same bytes, in pieces no larger than told", async () => {
    await fc.assert(
      fc.asyncProperty(writes, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }), async (written, sizes) => {
        const out = await through([{ kind: "split", sizes }], written);
        expect(out.bytes).toEqual(bytesOf(written));
        expect(Math.max(0, ...out.sizes)).toBeLessThanOrEqual(Math.max(...sizes));
        expect(out.failed).toBe("");
      }),
    );
  });

  it("joined, bytes are the same bytes, in pieces no smaller than told but the last", async () => {
    await fc.assert(
      fc.asyncProperty(writes, count, async (written, bytes) => {
        const out = await through([{ kind: "coalesce", bytes }], written);
        expect(out.bytes).toEqual(bytesOf(written));
        for (const size of out.sizes.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(bytes);
      }),
    );
  });

  it("cut off, exactly so many arrive, and the end or the loss is told", async () => {
    await fc.assert(
      fc.asyncProperty(writes, place, fc.constantFrom("end" as const, "loss" as const), async (written, after, how) => {
        const all = bytesOf(written);
        const out = await through([{ kind: "cut", after, how }], written);
        const reached = all.length >= after;
        if (how === "end" || !reached) expect(out.bytes).toEqual(all.subarray(0, after));
        else expect(out.bytes).toEqual(all.subarray(0, out.bytes.length)); // a loss drops what had arrived and was not read yet
        expect(out.failed).toBe(how === "loss" && reached ? "connection-lost" : "");
      }),
    );
  });

  it("doubled, dropped, corrupted and injected bytes are those that were named, however they were written", async () => {
    await fc.assert(
      fc.asyncProperty(writes, place, count, fc.uint8Array({ minLength: 1, maxLength: 5 }), async (written, at, bytes, extra) => {
        const all = bytesOf(written);
        const struck = all.subarray(at, at + bytes);
        const [before, behind] = [all.subarray(0, at), all.subarray(at + bytes)];
        expect((await through([{ kind: "duplicate", at, bytes }], written)).bytes).toEqual(Buffer.concat([before, struck, struck, behind]));
        expect((await through([{ kind: "drop", at, bytes }], written)).bytes).toEqual(Buffer.concat([before, behind]));
        const corrupted = Buffer.from(all);
        if (at < all.length) corrupted[at] = (corrupted[at] ?? 0) ^ 0x81;
        expect((await through([{ kind: "corrupt", at, bits: 0x81 }], written)).bytes).toEqual(corrupted);
        const injected = at < all.length ? Buffer.concat([before, extra, all.subarray(at)]) : all;
        expect((await through([{ kind: "inject", at, bytes: extra }], written)).bytes).toEqual(injected);
      }),
    );
  });

  it("work one after another, in the order in which they are given", async () => {
    const drop: ByteFault = { kind: "drop", at: 0, bytes: 2 };
    const inject: ByteFault = { kind: "inject", at: 1, bytes: Buffer.from("XY") };
    expect((await through([drop, inject], [Buffer.from("abcdef")])).bytes.toString()).toBe("cXYdef");
    expect((await through([inject, drop], [Buffer.from("abcdef")])).bytes.toString()).toBe("Ybcdef");
  });
});

describe("delays", () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const listening = (channel: Duplex) => {
    const heard: string[] = [];
    channel.on("data", (chunk: Buffer) => heard.push(chunk.toString()));
    channel.on("end", () => heard.push("end"));
    return heard;
  };

  it("hold each piece until the test lets it go, and stop the writer meanwhile", async () => {
    const [a, b, { aToB }] = memoryBytePair({ faults: { aToB: [{ kind: "delay" }] } });
    const heard = listening(b);
    a.resume();
    let taken = 0;
    for (const text of ["one", "two", "three"]) a.write(text, () => taken++);
    a.end();
    await turn();
    expect([heard, taken]).toEqual([[], 0]);
    aToB.release(1);
    await turn();
    expect([heard, taken]).toEqual([["one"], 1]);
    aToB.release();
    await once(a, "close");
    expect(heard).toEqual(["one", "two", "three", "end"]);
  });

  it("stall after so many bytes, in the middle of a write", async () => {
    const [a, b, { aToB }] = memoryBytePair({ faults: { aToB: [{ kind: "stall", after: 4 }] } });
    const heard = listening(b);
    a.resume();
    a.end("abcdef");
    await turn();
    expect(heard).toEqual(["abcd"]);
    aToB.release();
    await once(a, "close");
    expect(heard.join("")).toBe("abcdefend");
  });

  it("of what is joined end with the delay", async () => {
    const [a, b, { aToB }] = memoryBytePair({ faults: { aToB: [{ kind: "coalesce", bytes: 100 }] } });
    const heard = listening(b);
    a.write("one");
    a.write("two");
    await turn();
    expect(heard).toEqual([]);
    aToB.release();
    await turn();
    expect(heard).toEqual(["onetwo"]);
    a.end();
    await once(b, "close");
  });

  it("do not hold what the test injects", async () => {
    const [a, b, { aToB }] = memoryBytePair({ faults: { aToB: [{ kind: "stall", after: 0 }] } });
    const heard = listening(b);
    a.write("held");
    aToB.inject(Buffer.from("injected"));
    await turn();
    expect(heard).toEqual(["injected"]);
    aToB.release();
    await turn();
    expect(heard).toEqual(["injected", "held"]);
    a.end();
    await once(b, "close");
  });
});

it("a lost connection fails both sides", async () => {
  const [a, b, wires] = memoryBytePair();
  const both = Promise.all([once(a, "error"), once(b, "error")]);
  a.write("under way");
  wires.lose();
  for (const [error] of await both) expect(error).toMatchObject({ code: "connection-lost" });
});
