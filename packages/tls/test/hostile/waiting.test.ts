import { once } from "node:events";
import { BalconyError } from "@balcony/channel";
import { afterEach, describe, expect, it, vi } from "vitest";
import { asClient, asServer, juliet, kinds, outcome } from "../pairs.js";
import { gone, rawServer, reading, showing } from "./peers.js";

const roles = [
  ["client", asClient],
  ["server", asServer],
] as const;

describe.each(kinds)("waiting for a handshake, over %s", (_kind, pair) => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each(roles)("a peer that never says anything to us as %s: 15 seconds, and not one less", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const waiting = ours(a);
    const code = outcome(waiting);
    let over = false;
    void code.then(() => (over = true));
    await vi.advanceTimersByTimeAsync(14_999);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await code).toBe("timeout");
    await expect(waiting).rejects.toThrow("Waited 15 s for the TLS handshake.");
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    await gone(a, b);
  });

  it.each(roles)("a peer that trickles bytes to us as %s wins no time by it", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const code = outcome(ours(a, { timeout: 5_000 }));
    for (const byte of Buffer.from([22, 3, 3, 0x10, 0])) {
      b.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(await code).toBe("timeout");
    vi.useRealTimers();
    await gone(a, b);
  });

  it.each(roles)("a signal that was given before keeps us as %s from saying anything", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined);
    let heard = 0;
    b.on("data", (bytes: Buffer) => (heard += bytes.length));
    expect(await outcome(ours(a, { signal: AbortSignal.abort() }))).toBe("aborted");
    await gone(a, b);
    expect(heard).toBe(0);
  });

  it.each(roles)("a signal during the handshake ends it for us as %s", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    const controller = new AbortController();
    const code = outcome(ours(a, { signal: controller.signal }));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await code).toBe("aborted");
    await gone(a, b);
  });

  it("a BalconyError given as the signal's reason is passed on", async () => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    const controller = new AbortController();
    const reason = new BalconyError("session-ended", "The session is over.");
    const waiting = asServer(a, { signal: controller.signal });
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await gone(a, b);
  });

  it("a signal behind the handshake changes nothing any more", async () => {
    const controller = new AbortController();
    const [a, b] = await pair();
    const server = rawServer(b, showing(juliet));
    const { bytes } = await asClient(a, { signal: controller.signal });
    controller.abort();
    const read = reading(bytes);
    server.write("still here");
    await once(bytes, "data");
    expect(read.bytes().toString()).toBe("still here");
    server.destroy();
    await gone(bytes, server);
  });

  it.each(roles)("a channel that is closed already is connection-lost for us as %s", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    a.destroy();
    expect(await outcome(ours(a))).toBe("connection-lost");
    await gone(a, b);
  });

  it.each(roles)("a channel that ends in the middle is connection-lost for us as %s", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    const code = outcome(ours(a));
    b.end();
    expect(await code).toBe("connection-lost");
    await gone(a, b);
  });

  it.each(roles)("what the channel fails with in the middle is what we fail with as %s", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    const error = new BalconyError("ibb-lost", "A block was lost.");
    const waiting = ours(a);
    waiting.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    a.destroy(error);
    await expect(waiting).rejects.toBe(error);
    await gone(a, b);
  });

  it.each(roles)("a channel that is destroyed without a word in the middle is connection-lost for us as %s", async (_role, ours) => {
    const [a, b] = await pair();
    b.on("error", () => undefined).resume();
    const code = outcome(ours(a));
    await new Promise((resolve) => setImmediate(resolve));
    a.destroy();
    expect(await code).toBe("connection-lost");
    await gone(a, b);
  });

  it("nothing of ours stays on the abort signal", async () => {
    const { signal } = new AbortController();
    const [add, remove] = [vi.spyOn(signal, "addEventListener"), vi.spyOn(signal, "removeEventListener")];
    const [a, b] = await pair();
    const server = rawServer(b, showing(juliet));
    const { bytes } = await asClient(a, { signal });
    expect(add.mock.calls.map(([type, listener]) => [type, listener])).toEqual(remove.mock.calls);
    server.destroy();
    await gone(bytes, server);
  });
});
