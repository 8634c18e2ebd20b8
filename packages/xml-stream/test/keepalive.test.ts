import { xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { settle } from "./far-end.js";
import { openedByHand } from "./opened.js";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

const keepalive = { interval: 60_000, deadline: 30_000 };
const after = async (milliseconds: number) => {
  vi.advanceTimersByTime(milliseconds);
  await settle(3);
};
const closeBoth = async ({ stream, far }: Awaited<ReturnType<typeof openedByHand>>) => {
  far.bytes.resume();
  far.say("</stream:stream>");
  await stream.close();
};

describe("keepalive", () => {
  it("asks a peer that was silent for an interval, once", async () => {
    const { stream, far } = await openedByHand({ keepalive });
    await after(59_999);
    expect(far.heard).toBe("");
    await after(1);
    expect(far.heard).toMatch(/^<iq type="get" id="[\w-]{22}"><ping xmlns="urn:xmpp:ping"\/><\/iq>$/);
    await after(29_000);
    expect(far.heard.match(/ping/g)).toHaveLength(2); // one element: its name and its namespace
    await closeBoth({ stream, far });
  });

  it("takes any byte as a sign of life: an answer, an error, a space", async () => {
    for (const sign of ["<iq type='result' id='x'/>", "<iq type='error' id='x'/>", " ", "<mess"]) {
      const { stream, far } = await openedByHand({ keepalive });
      await after(60_000);
      await after(29_999);
      far.say(sign);
      await settle(3);
      await after(30_000);
      expect(stream.closed.aborted).toBe(false);
      far.bytes.destroy();
      await stream.close();
    }
  });

  it("gives a silent peer up when the deadline has passed", async () => {
    const { stream, far } = await openedByHand({ keepalive });
    await after(60_000);
    await after(29_999);
    expect(stream.closed.aborted).toBe(false);
    await after(1);
    expect(stream.closed.reason).toMatchObject({ code: "peer-dead", peer: "romeo@montague.lit/orchard" });
    await far.closed();
    expect(far.heard).toMatch(/<connection-timeout .*<\/stream:stream>$/);
  });

  it("waits on while what we say still moves, however slowly", async () => {
    const { stream, far } = await openedByHand({ keepalive });
    far.bytes.pause();
    stream.send(xml("message", {}, xml("body", {}, "x".repeat(256 * 1024)))).catch(() => undefined);
    await settle();
    await after(60_000); // nothing heard: asks, behind what waits
    for (let n = 0; n < 6; n++) {
      await after(29_000);
      far.bytes.read(16 * 1024); // one piece: all that waits, from Node 22 on, would be more
      await settle();
    }
    expect(stream.closed.aborted).toBe(false);
    await after(30_000);
    expect(stream.closed.reason.code).toBe("peer-dead");
    far.bytes.resume();
    await far.closed();
  });

  it("sends a space where we were silent and the peer was not", async () => {
    const { stream, far } = await openedByHand({ keepalive });
    for (let n = 0; n < 3; n++) {
      far.say(" ");
      await settle(3);
      await after(60_000);
    }
    expect(far.heard).toBe("   ");
    await closeBoth({ stream, far });
  });

  it("costs nothing while both speak", async () => {
    const { stream, far } = await openedByHand({ keepalive });
    for (let n = 0; n < 3; n++) {
      far.say("<presence/>");
      await stream.send(xml("presence"));
      await settle(3);
      await after(60_000);
    }
    expect(far.heard).toBe("<presence/><presence/><presence/>");
    await closeBoth({ stream, far });
  });

  it("is on by default, and off where that is said", async () => {
    const on = await openedByHand();
    const off = await openedByHand({ keepalive: "off" });
    await after(60_000);
    expect(on.far.heard).toContain("urn:xmpp:ping");
    expect(off.far.heard).toBe("");
    await closeBoth(on);
    await closeBoth(off);
    expect(vi.getTimerCount()).toBe(0);
  });
});
