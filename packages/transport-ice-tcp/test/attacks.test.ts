import { once } from "node:events";
import { Socket } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { writeSuccess } from "../src/stun.js";
import { checkFor, Hand, target } from "./by-hand.js";

const dataFrame = (text: string): Buffer => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)]);

/** The true peer connects, is checked, and nominates. */
async function truePeer(one: Awaited<ReturnType<typeof target>>): Promise<Hand> {
  const hand = await Hand.connect(one.port);
  hand.check(one.agent);
  await hand.answerItsCheck();
  hand.check(one.agent, { nominate: true });
  return hand;
}

describe("attacks on a passive port", () => {
  it("a stranger who connects first and waits does not keep the peer out, and is closed when the peer is nominated", async () => {
    const one = await target();
    const stranger = await Hand.connect(one.port);
    const peer = await truePeer(one);
    const { bytes } = await one.nominated;
    await stranger.closed;
    peer.socket.write(dataFrame("hello"));
    expect(String((await once(bytes, "data"))[0])).toBe("hello");
    bytes.destroy();
    await peer.closed;
    one.stop();
  });

  it("twenty strangers who connect and wait do not keep the peer out", async () => {
    const one = await target();
    const strangers = await Promise.all(Array.from({ length: 20 }, async () => await Hand.connect(one.port)));
    const peer = await truePeer(one);
    const { bytes } = await one.nominated;
    await Promise.all(strangers.map(async ({ closed }) => await closed));
    bytes.destroy();
    await peer.closed;
    one.stop();
  });

  it("data injected on the passive port before the nomination closes that connection and reaches nobody", async () => {
    const one = await target();
    const stranger = await Hand.connect(one.port);
    const error = one.nextError();
    stranger.socket.write(dataFrame("<evil/>"));
    expect((await error).code).toBe("ice-framing");
    await stranger.closed;
    const peer = await truePeer(one);
    const { bytes } = await one.nominated;
    peer.socket.write(dataFrame("true"));
    expect(String((await once(bytes, "data"))[0])).toBe("true");
    bytes.destroy();
    await peer.closed;
    one.stop();
  });

  it("after the nomination no connection is taken any more", async () => {
    const one = await target();
    const peer = await truePeer(one);
    const { bytes } = await one.nominated;
    const late = await Hand.connect(one.port); // the listener is closed by whoever owns it; until then nobody is let in
    late.socket.write(dataFrame("<evil/>"));
    await late.closed;
    expect(bytes.readableLength).toBe(0);
    bytes.destroy();
    await peer.closed;
    one.stop();
  });

  it("USE-CANDIDATE behind the message integrity, where anybody on the way can put it, nominates nothing", async () => {
    const one = await target();
    const hand = await Hand.connect(one.port);
    const check = checkFor(one.agent).subarray(0, -8); // without the fingerprint
    const tampered = Buffer.concat([check, Buffer.from([0, 0x25, 0, 0])]);
    tampered.writeUInt16BE(tampered.length - 20, 2);
    hand.frame(tampered);
    await hand.answerItsCheck();
    await hand.stun(({ kind }) => kind === "success");
    hand.check(one.agent); // answered as one that is not nominated still is
    let nominated = false;
    void one.nominated.then(
      () => (nominated = true),
      () => undefined,
    );
    await hand.stun(({ kind }) => kind === "success" && hand.stuns.filter((stun) => stun.kind === "success").length === 2);
    expect(nominated).toBe(false);
    one.stop();
    await hand.closed;
  });

  it("our own check sent back to us is no check of the peer's", async () => {
    const one = await target();
    const hand = await Hand.connect(one.port);
    const raw: Buffer[] = [];
    hand.socket.on("data", (bytes: Buffer) => raw.push(bytes));
    hand.check(one.agent);
    await hand.stun(({ kind }) => kind === "request");
    const [, request] = frames(Buffer.concat(raw));
    hand.frame(request as Buffer);
    expect((await hand.stun(({ kind }) => kind === "error")).errorCode).toBe(401);
    one.stop();
    await hand.closed;
  });

  it("an answer without integrity, or for another's password, ends the connection", async () => {
    const one = await target();
    const hand = await Hand.connect(one.port);
    hand.check(one.agent);
    const { transaction } = await hand.stun(({ kind }) => kind === "request");
    const error = one.nextError();
    hand.frame(writeSuccess(transaction, { ip: "127.0.0.1", port: 1 }, "somebodyElse'sPassword"));
    expect((await error).code).toBe("ice-integrity");
    await hand.closed;
    one.stop();
  });

  it("the wrong role is answered 487 by the larger tie-breaker, with integrity, and yielded to by the smaller", async () => {
    const one = await target({ controlling: true });
    const hand = await Hand.connect(one.port);
    hand.check(one.agent, { tieBreaker: 0n });
    const refused = await hand.stun(({ kind }) => kind === "error");
    expect([refused.errorCode, refused.isFrom(one.agent.credentials.pwd)]).toEqual([487, true]);
    hand.check(one.agent, { tieBreaker: 2n ** 64n - 1n });
    await hand.stun(({ kind }) => kind === "success");
    expect((await hand.stun(({ kind }) => kind === "request")).controlled).toBeTypeOf("bigint");
    one.stop();
    await hand.closed;
  });

  it("a nominated connection answers STUN for its life, and refuses what is unsigned without ending", async () => {
    const one = await target();
    const peer = await truePeer(one);
    const { bytes } = await one.nominated;
    const before = peer.stuns.length;
    peer.check(one.agent);
    peer.check(one.agent, { password: "x" });
    peer.socket.write(dataFrame("still here"));
    expect(String((await once(bytes, "data"))[0])).toBe("still here");
    await peer.stun(({ errorCode }) => errorCode === 401);
    expect(peer.stuns.length).toBeGreaterThanOrEqual(before + 2);
    bytes.destroy();
    await peer.closed;
    one.stop();
  });

  it("a nominated connection keeps the NATs on its way awake, and notices a peer that has vanished", async () => {
    const alive = vi.spyOn(Socket.prototype, "setKeepAlive");
    const one = await target();
    const peer = await truePeer(one);
    const { bytes } = await one.nominated;
    expect(alive.mock.calls).toEqual([[true, 15_000]]);
    alive.mockRestore();
    bytes.destroy();
    await peer.closed;
    one.stop();
  });

  it("an end within a frame is a loss, not an end", async () => {
    const one = await target();
    const peer = await truePeer(one);
    const { bytes } = await one.nominated;
    bytes.resume();
    const error = once(bytes, "error");
    peer.socket.end(Buffer.from([0, 9, 60, 60]));
    expect((await error)[0]).toMatchObject({ code: "ice-framing" });
    one.stop();
  });
});

function frames(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 2 <= bytes.length; at += 2 + bytes.readUInt16BE(at)) found.push(bytes.subarray(at + 2, at + 2 + bytes.readUInt16BE(at)));
  return found;
}
