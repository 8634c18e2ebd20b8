import { once } from "node:events";
import type { Duplex } from "node:stream";
import { BalconyError } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { asClient, asServer, failure, juliet, kinds, romeo, securedPair } from "../pairs.js";
import { gone, rawClient, rawServer, reading, showing } from "./peers.js";

const MIB = 1024 * 1024;
const bytesOf = (size: number): Buffer => Buffer.from(Array.from({ length: size }, (_, at) => (at * 31) & 0xff));

/** Reads what has come, bit by bit, a turn of the loop between two bites. */
async function slowly(stream: Duplex, bite: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  while (!stream.readableEnded && !stream.destroyed) {
    const piece = (stream.read(Math.min(bite, stream.readableLength || bite)) ?? stream.read()) as Buffer | null;
    if (piece) pieces.push(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return Buffer.concat(pieces);
}

describe.each(kinds)("the channel below TLS, over %s", (_kind, pair) => {
  it.each(["client", "server"] as const)("destroyed with an error of ours: the %s fails with that very error", async (role) => {
    const [a, b] = await pair();
    const { client, server } = await securedPair([a, b]);
    const [ours, theirs, below] = role === "client" ? [client.bytes, server.bytes, a] : [server.bytes, client.bytes, b];
    theirs.resume();
    ours.resume();
    const error = new BalconyError("ibb-sequence", "A block is missing.");
    below.destroy(error);
    expect(await failure(ours)).toBe("ibb-sequence");
    expect(ours.errored).toBe(error);
    await gone(theirs, a, b);
  });

  it.each(["client", "server"] as const)("destroyed without a word: the %s fails with connection-lost, and does not merely end", async (role) => {
    const [a, b] = await pair();
    const { client, server } = await securedPair([a, b]);
    const [ours, theirs, below] = role === "client" ? [client.bytes, server.bytes, a] : [server.bytes, client.bytes, b];
    theirs.resume();
    ours.resume();
    below.destroy();
    expect(await failure(ours)).toBe("connection-lost");
    await gone(theirs, a, b);
  });

  it("is destroyed with TLS", async () => {
    const [a, b] = await pair();
    const { client, server } = await securedPair([a, b]);
    server.bytes.resume();
    client.bytes.destroy();
    await gone(client.bytes, server.bytes, a, b);
    expect([a.destroyed, b.destroyed]).toEqual([true, true]);
  });

  it("loses nothing to a slow reader whose peer has long ended", async () => {
    for (const writer of ["client", "server"] as const) {
      const [a, b] = await pair();
      const { client, server } = await securedPair([a, b]);
      const [from, to] = writer === "client" ? [client.bytes, server.bytes] : [server.bytes, client.bytes];
      const sent = bytesOf(300_000);
      from.resume();
      from.end(sent);
      const read = await slowly(to, 20_000);
      expect(read.equals(sent)).toBe(true);
      await gone(from, to, a, b);
      expect([from.errored, to.errored]).toEqual([null, null]);
    }
  });

  it("loses nothing to a reader that begins only when its peer has ended and gone", async () => {
    const [a, b] = await pair();
    const { client, server } = await securedPair([a, b]);
    client.bytes.resume();
    client.bytes.end("the last words");
    await once(client.bytes, "finish");
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    const read = reading(server.bytes);
    await gone(client.bytes, server.bytes, a, b);
    expect(read.bytes().toString()).toBe("the last words");
  });

  it("loses nothing when both ends close at once with much on the way", async () => {
    const [a, b] = await pair();
    const { client, server } = await securedPair([a, b]);
    const [up, down] = [bytesOf(MIB), bytesOf(MIB + 1)];
    const [atServer, atClient] = [reading(server.bytes), reading(client.bytes)];
    client.bytes.end(up);
    server.bytes.end(down);
    await gone(client.bytes, server.bytes, a, b);
    expect([client.bytes.errored, server.bytes.errored]).toEqual([null, null]);
    expect(atServer.bytes().equals(up)).toBe(true);
    expect(atClient.bytes().equals(down)).toBe(true);
  });

  it("that ends without close_notify looks like an end: what must not be cut short says itself where it ends", async () => {
    const [a, b] = await pair();
    const server = rawServer(b, showing(juliet));
    const { bytes } = await asClient(a);
    const read = reading(bytes);
    server.write("half of someth");
    await once(bytes, "data");
    b.destroy();
    expect(["closed", "connection-lost"]).toContain(await failure(bytes));
    expect(read.bytes().toString()).toBe("half of someth");
    await gone(server, a, b);
  });
});

describe.each(kinds)("early bytes, over %s", (_kind, pair) => {
  it("a ClientHello that was read too early and put back is heard", async () => {
    const [a, b] = await pair();
    const client = rawClient(a, showing(romeo));
    const [hello] = (await once(b, "data")) as [Buffer];
    b.pause();
    b.unshift(hello);
    const { peerCertificate, bytes } = await asServer(b);
    expect(peerCertificate.spki).toBe(romeo.spki);
    client.destroy();
    await gone(client, bytes);
  });

  it("in as many pieces as one likes", async () => {
    const [a, b] = await pair();
    const client = rawClient(a, showing(romeo));
    const [hello] = (await once(b, "data")) as [Buffer];
    b.pause();
    for (const at of Array.from({ length: hello.length }, (_, index) => hello.length - 1 - index)) b.unshift(hello.subarray(at, at + 1));
    const { peerCertificate, bytes } = await asServer(b);
    expect(peerCertificate.spki).toBe(romeo.spki);
    client.destroy();
    await gone(client, bytes);
  });

  it("a ClientHello that waits unread in the channel's buffer is heard", async () => {
    const [a, b] = await pair();
    const client = rawClient(a, showing(romeo));
    await once(b, "readable");
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(b.readableLength).toBeGreaterThan(0);
    b.removeAllListeners("readable");
    const { peerCertificate, bytes } = await asServer(b);
    expect(peerCertificate.spki).toBe(romeo.spki);
    client.destroy();
    await gone(client, bytes);
  });

  it("half a ClientHello and the end behind it is connection-lost, and no long wait", async () => {
    const [a, b] = await pair();
    a.on("error", () => undefined).resume();
    a.end(Buffer.from("1603010100010000fc0303", "hex"));
    await once(b, "readable");
    b.removeAllListeners("readable");
    await expect(asServer(b)).rejects.toMatchObject({ code: "connection-lost" });
    await gone(a, b);
  });

  it("that are no TLS are tls-failed", async () => {
    const [a, b] = await pair();
    a.on("error", () => undefined).resume();
    b.unshift(Buffer.from("<message/>"));
    await expect(asServer(b)).rejects.toMatchObject({ code: "tls-failed" });
    await gone(a, b);
  });
});
