import { BalconyError } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openStream } from "../src/index.js";
import { handPlayed, headerOf, juliet, report, romeo, settle } from "./far-end.js";
import { bodiesOf, endOf, openedByHand, openedPair } from "./opened.js";

const close = "</stream:stream>";
const message = (text: string) => xml("message", {}, xml("body", {}, text));

describe("closing a stream", () => {
  afterEach(() => void vi.useRealTimers());

  it("says what was sent before, then the closing tag, and ends the bytes once the peer has closed too", async () => {
    const { stream, far } = await openedByHand();
    void stream.send(message("last words"));
    const closed = stream.close();
    await far.hears(close);
    expect(far.heard).toBe(`<message><body>last words</body></message>${close}`);
    expect(far.bytes.readableEnded).toBe(false);
    expect(stream.closed.aborted).toBe(false);
    far.say(close);
    await closed;
    await far.closed();
    expect(stream.closed.reason).toMatchObject({ code: "closed" });
    expect(far.heard.endsWith(close)).toBe(true);
    expect(far.heard.split(close)).toHaveLength(2);
  });

  it("takes in what the peer had sent before it heard of the close, answers included", async () => {
    const { stream, far } = await openedByHand();
    const bodies = bodiesOf(stream);
    const asked = stream.request(xml("iq", { type: "get" }, xml("q", "x")));
    const closed = stream.close();
    await far.hears(close);
    const id = /id="([\w-]{22})"/.exec(far.heard)?.[1];
    far.say(`<message><body>crossed</body></message><iq type='result' id='${id}'/><iq type='get' id='late'><q xmlns='x'/></iq>${close}`);
    await Promise.all([asked, closed]);
    expect(bodies).toEqual(["crossed"]);
    expect(far.heard).not.toContain("late"); // nothing follows a closing tag
  });

  it("sends nothing any more, and says so", async () => {
    const { stream, far } = await openedByHand();
    const closed = stream.close();
    await expect(stream.send(message("late"))).rejects.toMatchObject({ code: "closed" });
    await expect(stream.request(xml("iq", { type: "get" }, xml("q", "x")))).rejects.toMatchObject({ code: "closed" });
    far.say(close);
    await closed;
    await expect(stream.send(message("later"))).rejects.toMatchObject({ code: "closed" });
    await stream.close();
    expect(far.heard).toBe(close);
  });

  it("by the peer: what waits goes out first, then our closing tag", async () => {
    const { stream, far } = await openedByHand();
    far.bytes.pause();
    for (let n = 0; n < 40; n++) stream.send(message("x".repeat(5000))).catch(report);
    far.say(close);
    expect(await endOf(stream)).toBe("closed");
    far.bytes.resume();
    await far.closed();
    expect(far.heard.match(/<message>/g)).toHaveLength(40);
    expect(far.heard.endsWith(close)).toBe(true);
    expect(far.lost).toBeUndefined();
  });

  it("by both at once", async () => {
    const { a, b } = await openedPair();
    await Promise.all([a.close(), b.close(), a.close()]);
    expect([a.closed.reason.code, b.closed.reason.code]).toEqual(["closed", "closed"]);
  });

  it("through the narrowed channel's wide one is the same close", async () => {
    const { a, b } = await openedPair();
    await a.to(b.self).wide.close();
    expect(await endOf(b)).toBe("closed");
    await b.close();
  });

  it("waits for the peer while anything moves, ten seconds after that", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { stream, far } = await openedByHand();
    const closed = stream.close();
    for (let n = 0; n < 5; n++) {
      far.say("<presence/>");
      await settle(3);
      vi.advanceTimersByTime(9000);
    }
    expect(stream.closed.aborted).toBe(false);
    vi.advanceTimersByTime(1000);
    await closed;
    expect(stream.closed.reason).toMatchObject({ code: "timeout", message: "Waited 10 s for romeo@montague.lit/orchard to close the stream." });
    await far.closed();
  });

  it("destroys bytes that never close", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { stream, far } = await openedByHand();
    far.bytes.pause();
    stream.send(message("x".repeat(200_000))).catch(() => undefined);
    const closed = stream.close();
    await settle();
    vi.advanceTimersByTime(10_000); // nothing moves: the stream is over
    await settle();
    expect(stream.closed.reason.code).toBe("timeout");
    vi.advanceTimersByTime(10_000); // the bytes still do not end
    await closed;
    far.bytes.destroy();
    await far.closed();
  });
});

describe("truncation", () => {
  const last = `<message><body>the end</body></message>${close}`;

  for (let cut = 0; cut < last.length; cut++) {
    it(`bytes that end after ${JSON.stringify(last.slice(0, cut))} were cut off`, async () => {
      const { stream, far } = await openedByHand();
      const bodies = bodiesOf(stream);
      far.say(last.slice(0, cut));
      far.bytes.end();
      expect(await endOf(stream)).toBe("truncated");
      await stream.close();
      await far.closed();
      expect(bodies).toEqual(cut >= last.length - close.length ? ["the end"] : []);
    });
  }

  it("the whole close is no truncation, wherever it is cut", async () => {
    for (let size = 1; size <= last.length; size++) {
      const { stream, far } = await openedByHand();
      far.sayCut(last, size);
      far.bytes.end();
      expect(await endOf(stream)).toBe("closed");
      await stream.close();
    }
  });

  it("while we wait for the peer to close is one too", async () => {
    const { stream, far } = await openedByHand();
    const closed = stream.close();
    await far.hears(close);
    far.bytes.end();
    await closed;
    expect(stream.closed.reason.code).toBe("truncated");
  });

  it("bytes that break are a loss, with the code of whoever lost them", async () => {
    const { stream, far } = await openedByHand();
    far.bytes.destroy();
    expect(await endOf(stream)).toBe("connection-lost");
    const { near, ...other } = await withNear();
    near.destroy(new BalconyError("ibb-lost", "a block was lost"));
    expect(await endOf(other.stream)).toBe("ibb-lost");
    const third = await withNear();
    third.near.destroy(new Error("EPIPE"));
    expect(await endOf(third.stream)).toBe("connection-lost");
    expect(third.stream.closed.reason.cause).toMatchObject({ message: "EPIPE" });
    const fourth = await withNear();
    fourth.near.destroy(); // as the end of the Jingle session does
    expect(await endOf(fourth.stream)).toBe("connection-lost");
    await Promise.all([far, other.far, third.far, fourth.far].map((end) => end.closed()));
  });
});

describe("what comes behind the closing tag", () => {
  it.each([
    ["a stanza", "<message/>"],
    ["another stream", "<stream:stream>"],
    ["text", "x"],
  ])("%s is not-well-formed while the stream is still being closed", async (_, behind) => {
    const { stream, far } = await openedByHand();
    far.bytes.pause();
    stream.send(message("x".repeat(200_000))).catch(() => undefined);
    far.say(close).say(behind);
    expect(await endOf(stream)).toBe("closed"); // the peer had closed: what it says later changes nothing for whoever uses the stream
    far.bytes.resume();
    await stream.close();
    await far.closed();
  });
});

async function withNear() {
  const { near, far } = handPlayed();
  const opening = openStream(near, { role: "responder", self: juliet, peer: romeo, report });
  far.say(headerOf("initiator"));
  const stream = await opening;
  await settle(2);
  return { stream, far, near };
}
