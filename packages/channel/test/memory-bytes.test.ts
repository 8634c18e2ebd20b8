import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { describe, expect, it } from "vitest";
import { memoryBytePair } from "../src/index.js";

const received = (channel: Duplex) => {
  const chunks: Buffer[] = [];
  channel.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
};

describe("a pair of ByteChannels in memory", () => {
  it("carries bytes both ways and ends both sides", async () => {
    const [a, b] = memoryBytePair();
    const closed = Promise.all([once(a, "close"), once(b, "close")]);
    const up = randomBytes(300_000);
    const down = randomBytes(200_000);
    const atA = received(a);
    const atB = received(b);
    b.write(down);
    a.end(up);
    await closed;
    expect(atA().equals(down)).toBe(true);
    expect(atB().equals(up)).toBe(true);
  });

  it("tells the other side of destroy() as a loss", async () => {
    const [a, b] = memoryBytePair();
    const lost = once(b, "error");
    a.write("never read");
    a.destroy();
    expect((await lost)[0]).toMatchObject({ code: "connection-lost" });
    expect(b.destroyed).toBe(true);
  });

  it("stops the writer while nobody reads", async () => {
    const [a, b] = memoryBytePair();
    let accepted = 0;
    const chunk = Buffer.alloc(4096);
    while (a.write(chunk, () => (accepted += chunk.length)));
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    for (let more = 0; more < 100; more++) a.write(chunk, () => (accepted += chunk.length));
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(accepted).toBeLessThanOrEqual(64 * 1024);
    b.resume();
    a.end();
    await once(a, "finish");
    expect(accepted).toBeGreaterThan(400 * 1024);
    await Promise.all([once(a, "close"), once(b, "close")]);
  });
});
