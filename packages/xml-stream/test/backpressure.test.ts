import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { settle } from "./far-end.js";
import { bodiesOf, endOf, openedByHand, openedPair } from "./opened.js";

const message = (size: number) => xml("message", {}, xml("body", {}, "x".repeat(size)));

describe("sending", () => {
  it("waits while the peer does not read, and goes on when it does", async () => {
    const { stream, far } = await openedByHand();
    far.bytes.pause();
    let sent = 0;
    const sending = (async () => {
      for (; sent < 100; sent++) await stream.send(message(10_000));
    })();
    await settle(50);
    expect(sent).toBeLessThan(20);
    far.bytes.resume();
    await sending;
    far.say("</stream:stream>");
    await stream.close();
    expect(far.heard.match(/<message>/g)).toHaveLength(100);
  });

  it("that waits fails with why the stream ended", async () => {
    const { stream, far } = await openedByHand();
    far.bytes.pause();
    const waiting = [stream.send(message(100_000)), stream.send(message(1))];
    far.bytes.destroy();
    for (const send of waiting) await expect(send).rejects.toMatchObject({ code: "connection-lost" });
    await stream.close();
  });

  it("does not gather more than the limit: what is beyond it is refused, and the stream goes on", async () => {
    const { stream, far } = await openedByHand({ limits: { queuedBytes: 100_000 } });
    far.bytes.pause();
    const first = stream.send(message(90_000));
    await expect(stream.send(message(20_000))).rejects.toMatchObject({ code: "resource-constraint" });
    far.bytes.resume();
    await first;
    await stream.send(message(20_000));
    far.say("</stream:stream>");
    await stream.close();
    expect(far.heard.match(/<message>/g)).toHaveLength(2);
  });

  it("makes few writes of many stanzas", async () => {
    const { stream, far } = await openedByHand();
    let segments = 0;
    far.bytes.on("data", () => segments++);
    await Promise.all(Array.from({ length: 500 }, () => stream.send(message(100))));
    far.say("</stream:stream>");
    await stream.close();
    expect(far.heard.match(/<message>/g)).toHaveLength(500);
    expect(segments).toBeLessThan(15);
  });
});

describe("a peer that asks and does not read", () => {
  it("has no more requests worked on at once than the limit says", async () => {
    const { stream, far } = await openedByHand({ limits: { openRequests: 3 } });
    const answers: ((answer: Element | undefined) => void)[] = [];
    stream.onRequest({ type: "get", name: "q", xmlns: "x" }, () => new Promise((resolve) => answers.push(resolve)));
    for (let n = 0; n < 5; n++) far.say(`<iq type='get' id='${n}'><q xmlns='x'/></iq>`);
    await far.hears('id="4"');
    expect(answers).toHaveLength(3);
    expect(far.heard.match(/<resource-constraint /g)).toHaveLength(2);
    for (const answer of answers) answer(undefined);
    await far.hears('id="2"');
    far.say("<iq type='get' id='again'><q xmlns='x'/></iq>");
    await settle();
    expect(answers).toHaveLength(4);
    answers[3]?.(undefined);
    await far.hears('id="again"');
    far.say("</stream:stream>");
    await stream.close();
  });

  it("makes us hold a bounded number of answers, and is still read", async () => {
    const dropped: unknown[] = [];
    const { stream, far } = await openedByHand({ limits: { openRequests: 50 }, report: (error) => dropped.push(error) });
    const bodies = bodiesOf(stream);
    stream.onRequest({ type: "get", name: "q", xmlns: "x" }, () => xml("a", "x", "y".repeat(5000)));
    far.bytes.pause();
    for (let n = 0; n < 5000; n++) far.say(`<iq type='get' id='${n}'><q xmlns='x'/></iq>`);
    far.say("<message><body>still here</body></message>");
    await settle(200);
    expect(bodies).toEqual(["still here"]);
    expect(dropped).toHaveLength(1);
    far.bytes.resume();
    far.say("</stream:stream>");
    await stream.close();
    expect((far.heard.match(/<iq /g) ?? []).length).toBeLessThan(300);
  });

  it("is cut off where its answers alone are more than may wait", async () => {
    const { stream, far } = await openedByHand({ limits: { queuedBytes: 200_000 }, report: () => undefined });
    stream.onRequest({ type: "get", name: "q", xmlns: "x" }, () => xml("a", "x", "y".repeat(50_000)));
    far.bytes.pause();
    for (let n = 0; n < 10; n++) far.say(`<iq type='get' id='${n}'><q xmlns='x'/></iq>`);
    expect(await endOf(stream)).toBe("resource-constraint");
    far.bytes.resume();
    await stream.close();
    await far.closed();
  });
});

it("two peers that ask each other more than fits anywhere both get all their answers", async () => {
  const { a, b } = await openedPair();
  for (const end of [a, b]) end.onRequest({ type: "get", name: "q", xmlns: "x" }, ({ payload }) => xml("a", "x", payload.getText()));
  const ask = (end: typeof a) => Array.from({ length: 800 }, () => end.request(xml("iq", { type: "get" }, xml("q", "x", "z".repeat(1000)))));
  const answers = await Promise.all([...ask(a), ...ask(b)]);
  expect(answers.every((answer) => answer.getChildText("a")?.length === 1000)).toBe(true);
  await Promise.all([a.close(), b.close()]);
});
