import { createHash, randomBytes } from "node:crypto";
import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { release } from "../src/release.js";
import { Underlay } from "../src/underlay.js";
import { gone } from "./hostile/peers.js";
import { securedPair, socketPair } from "./pairs.js";
import { Unshared, Wrapped } from "./unshared.js";

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Sends 4 MiB of noise, twice the same memory, to a reader that stops again and again, and says what came. */
async function carried(
  Kind: typeof Wrapped,
): Promise<{ readonly sent: string; readonly received: string; readonly source: Buffer; readonly near: Wrapped; readonly far: Wrapped }> {
  const [a, b] = await socketPair();
  const [near, far] = [new Kind(a), new Kind(b)];
  const { client, server } = await securedPair([near, far]);
  const source = randomBytes(2 * 1024 * 1024);
  const sent = Buffer.concat([source, source]);
  const came: Buffer[] = [];
  const all = (async () => {
    for (let length = 0; length < sent.length; ) {
      const chunk = server.bytes.read() as Buffer | null;
      if (!chunk) {
        await new Promise((resolve) => server.bytes.once("readable", resolve));
        continue;
      }
      came.push(chunk);
      length += chunk.length;
    }
  })();
  const writes = [source, source].map(async (bytes) => await new Promise((resolve) => client.bytes.write(bytes, resolve)));
  await Promise.all([all, ...writes]);
  client.bytes.destroy();
  server.bytes.destroy();
  await gone(client.bytes, server.bytes);
  return { sent: hash(sent), received: hash(Buffer.concat(came)), source, near, far };
}

const left = (memory: readonly ArrayBufferLike[]): number => memory.reduce((sum, { byteLength }) => sum + byteLength, 0);

describe("the memory of a channel under TLS", () => {
  it("is given back at once where the channel says that it is nobody else's: nothing of what was written is left, and hardly anything of what was read", async () => {
    const { near, far, received, sent, source } = await carried(Unshared);
    expect(received).toBe(sent);
    expect(source.length).toBe(2 * 1024 * 1024); // the application's own was not touched
    expect(near.written.filter(({ byteLength }) => byteLength >= 16 * 1024)).toEqual([]);
    expect(left([...far.alone])).toBeLessThan(2 * 1024 * 1024);
    const shared = far.received.filter((memory) => !far.alone.has(memory));
    expect(shared.filter(({ byteLength }) => byteLength === 0)).toEqual([]);
  });

  it("is kept where something else lies in it, as in what a read of Node's has left over", async () => {
    const memory = new ArrayBuffer(64 * 1024);
    const theirs = Buffer.from(memory, 60_000, 5).fill("alive");
    const channel = Object.assign(new PassThrough(), { owns: (of: ArrayBufferLike) => of !== memory });
    const underlay = new Underlay(channel);
    for (const bytes of [Buffer.from(memory, 0, 60_000), Buffer.alloc(20_000), Buffer.alloc(20_000)]) {
      channel.write(bytes);
      await new Promise((resolve) => underlay.once("data", resolve));
    }
    underlay.destroy();
    expect(theirs.toString()).toBe("alive");
  });

  it("stays as it is where the channel says nothing", async () => {
    const { near, far, received, sent } = await carried(Wrapped);
    expect(received).toBe(sent);
    expect(left(near.written)).toBeGreaterThan(4 * 1024 * 1024);
    expect(left(far.received)).toBeGreaterThan(4 * 1024 * 1024);
  });

  it("is left alone where it is small, or is shared between threads", () => {
    const [small, shared] = [new ArrayBuffer(16 * 1024 - 1), new SharedArrayBuffer(64 * 1024)];
    release(small);
    release(shared);
    expect([small.byteLength, shared.byteLength]).toEqual([16 * 1024 - 1, 64 * 1024]);
  });
});
