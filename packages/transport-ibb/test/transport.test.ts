import { once } from "node:events";
import { BalconyError, memoryStanzaPair, notMine, type Request, stanzaError } from "@balcony/channel";
import { strangersAddresses } from "@balcony/jingle";
import { parseElement, xml } from "@balcony/xml";
import { describe, expect, it, vi } from "vitest";
import { ibb } from "../src/index.js";
import { attemptOver, bytestreamOf, connect, jinglePair } from "./jingle-pair.js";
import { juliet } from "./pair.js";

const signal = new AbortController().signal;
const transport = (attrs: string) => parseElement(`<transport xmlns='urn:xmpp:jingle:transports:ibb:1' ${attrs}/>`);
const codeOf = (error: unknown) => (error instanceof BalconyError ? (error.stanza?.condition ?? error.code) : String(error));

describe("IBB as a Jingle transport", () => {
  it("carries bytes both ways, and says by which way", async () => {
    const { initiator, responder } = jinglePair();
    const [near, far] = await connect(initiator, responder);
    far.bytes.pipe(far.bytes);
    near.bytes.end("hello");
    expect(String(await near.bytes.toArray())).toBe("hello");
    expect([near.path, far.path]).toEqual(["ibb via capulet.lit and montague.lit", "ibb via montague.lit and capulet.lit"]);
    expect(initiator.steps).toEqual(["ibb: opening a bytestream with blocks of 4096 bytes"]);
    expect(responder.steps).toEqual(["ibb: waiting for the bytestream to be opened"]);
  });

  it("offers 4096 bytes in IQs under a sid that nobody can guess", async () => {
    const { initiator } = jinglePair();
    const offer = await initiator.offer();
    expect(offer.attrs).toMatchObject({ xmlns: ibb().namespace, "block-size": "4096", stanza: "iq" });
    expect(offer.attrs.sid).toMatch(/^[\w-]{22}$/);
    expect((await initiator.offer()).attrs.sid).not.toBe(offer.attrs.sid);
  });

  it.each([
    { ours: 4096, theirs: 2048, agreed: 2048 },
    { ours: 2048, theirs: 4096, agreed: 2048 },
    { ours: 1, theirs: 32_767, agreed: 1 },
  ])("agrees on the smaller of $ours and $theirs bytes", async ({ ours, theirs, agreed }) => {
    const { initiator, responder } = jinglePair({ initiator: { blockSize: ours }, responder: { blockSize: theirs } });
    const sides = await connect(initiator, responder);
    expect(sides.map((side) => bytestreamOf(side).blockSize)).toEqual([agreed, agreed]);
    for (const { bytes } of sides) bytes.destroy();
  });

  it("never answers with more than xs:short, whatever is offered", async () => {
    const { responder } = jinglePair({ responder: { blockSize: 32_767 } });
    expect((await responder.answer(transport("sid='s1' block-size='65535'"))).attrs["block-size"]).toBe("32767");
    responder.abort();
  });

  it.each([0, -1, 1.5, 32_768, Number.NaN])("refuses to be made with a block size of %d", (blockSize) => {
    expect(() => ibb({ blockSize })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("takes messages where they are offered, and IQs where the answer says so", async () => {
    const messages = jinglePair({ initiator: { stanza: "message" } });
    const sides = await connect(messages.initiator, messages.responder);
    expect(sides.map((side) => bytestreamOf(side).agreement.stanza)).toEqual(["message", "message"]);
    for (const { bytes } of sides) bytes.destroy();

    const { initiator } = jinglePair({ initiator: { stanza: "message" } });
    const { sid } = (await initiator.offer()).attrs;
    initiator.accepted(transport(`sid='${sid}' block-size='4096'`));
    initiator.abort();
  });

  it("is opened by the session's initiator, also where the responder offers it (transport-replace)", async () => {
    const { initiator, responder, channelI, channelR } = jinglePair();
    const opens: string[] = [];
    for (const channel of [channelI, channelR]) {
      channel.onRequest({ type: "set", name: "open", xmlns: "http://jabber.org/protocol/ibb" }, ({ from }) => {
        opens.push(from);
        return notMine;
      });
    }
    const offer = await responder.offer();
    responder.accepted(await initiator.answer(offer));
    const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
    expect(opens).toEqual([juliet]);
    near.bytes.end("x");
    expect(String(await far.bytes.toArray())).toBe("x");
  });

  it("refuses an <open/> from the responder, and goes on", async () => {
    const { initiator, responder, channelI, channelR } = jinglePair();
    const offer = await initiator.offer();
    const answer = await responder.answer(offer);
    initiator.accepted(answer);
    const open = xml("open", { xmlns: "http://jabber.org/protocol/ibb", sid: offer.attrs.sid, "block-size": "4096" });
    const refused = await channelR.request(xml("iq", { type: "set", to: channelI.self }, open)).catch(codeOf);
    expect(refused).toBe("not-acceptable");
    const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
    near.bytes.end("x");
    expect(String(await far.bytes.toArray())).toBe("x");
  });

  it("answers an <open/> of other size resource-constraint, of other stanza not-acceptable, and takes the right one afterwards", async () => {
    const { responder, channelI } = jinglePair();
    await responder.answer(transport("sid='s1' block-size='2048'"));
    const connected = responder.connect(signal);
    const open = (attrs: object) =>
      channelI.request(xml("iq", { type: "set" }, xml("open", { xmlns: "http://jabber.org/protocol/ibb", sid: "s1", ...attrs }))).then(() => "result", codeOf);
    expect(await open({ "block-size": "4096" })).toBe("resource-constraint");
    expect(await open({ "block-size": "1024" })).toBe("resource-constraint");
    expect(await open({ "block-size": "2048", stanza: "message" })).toBe("not-acceptable");
    expect(await open({ "block-size": "2048" })).toBe("result");
    (await connected).bytes.destroy();
  });

  it("opens with what the answer says", async () => {
    const { initiator, channelR } = jinglePair();
    const seen: Request[] = [];
    channelR.onRequest({ type: "set", name: "open", xmlns: "http://jabber.org/protocol/ibb" }, (request) => {
      seen.push(request);
      throw stanzaError("feature-not-implemented");
    });
    const { sid } = (await initiator.offer()).attrs;
    initiator.accepted(transport(`sid='${sid}' block-size='100'`));
    await expect(initiator.connect(signal)).rejects.toMatchObject({ code: "stanza-error", stanza: { condition: "feature-not-implemented" } });
    expect(seen.map(({ payload }) => payload.attrs)).toEqual([{ xmlns: "http://jabber.org/protocol/ibb", sid, "block-size": "100", stanza: "iq" }]);
  });

  it("takes data without <open/>, since the sid was agreed", async () => {
    const { responder, channelI } = jinglePair();
    await responder.answer(transport("sid='s1' block-size='2048'"));
    const connected = responder.connect(signal);
    await channelI.request(xml("iq", { type: "set" }, xml("data", { xmlns: "http://jabber.org/protocol/ibb", sid: "s1", seq: "0" }, "QUJD")));
    const { bytes } = await connected;
    expect(String((await once(bytes, "data"))[0])).toBe("ABC");
    bytes.destroy();
  });

  it('takes "None" for a sid, which Gajim says where it replaces a transport', async () => {
    const { responder, channelI } = jinglePair();
    const ask = (name: string, attrs: object, text = "") =>
      channelI.request(xml("iq", { type: "set" }, xml(name, { xmlns: "http://jabber.org/protocol/ibb", sid: "None", ...attrs }, text)));
    expect((await responder.answer(transport("sid='None' block-size='4096'"))).attrs.sid).toBe("None");
    const connected = responder.connect(signal);
    await ask("open", { "block-size": "4096" });
    const { bytes } = await connected;
    await ask("data", { seq: "0" }, "QUJD");
    expect(String((await once(bytes, "data"))[0])).toBe("ABC");
    bytes.destroy();
  });

  it("has nothing on the channel before there is agreement, and nothing after abort()", async () => {
    const { initiator, responder, channelI, channelR } = jinglePair();
    const block = (channel: typeof channelI) =>
      channel.request(xml("iq", { type: "set" }, xml("data", { xmlns: "http://jabber.org/protocol/ibb", sid: "s1", seq: "0" }, "QUJD"))).catch(codeOf);
    await initiator.offer();
    expect(await block(channelR)).toBe("service-unavailable");
    await responder.answer(transport("sid='s1' block-size='2048'"));
    responder.abort();
    expect(await block(channelI)).toBe("service-unavailable");
    initiator.abort();
  });

  it("lets go of the bytes once it is connected: abort() does nothing then", async () => {
    const { initiator, responder } = jinglePair();
    const [near, far] = await connect(initiator, responder);
    initiator.abort();
    responder.abort();
    near.bytes.end("still here");
    expect(String(await far.bytes.toArray())).toBe("still here");
  });

  it("a sid that this peer has already is refused, and the first bytestream goes on", async () => {
    const { initiator, responder, channelR } = jinglePair();
    const offer = await initiator.offer();
    initiator.accepted(await responder.answer(offer));
    await expect(attemptOver(channelR, "responder").answer(offer)).rejects.toMatchObject({ stanza: { condition: "conflict" } });
    const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
    near.bytes.end("x");
    expect(String(await far.bytes.toArray())).toBe("x");
  });

  it("waits 30 seconds for <open/>, and says for what", async () => {
    vi.useFakeTimers();
    const { responder } = jinglePair();
    await responder.answer(transport("sid='s1' block-size='2048'"));
    const failed = expect(responder.connect(signal)).rejects.toMatchObject({ code: "timeout", message: `Waited 30 s for ${juliet} to open the bytestream.` });
    await vi.advanceTimersByTimeAsync(30_000);
    await failed;
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("a first block that is malformed fails the attempt, and nothing else", async () => {
    const { responder, channelI } = jinglePair();
    await responder.answer(transport("sid='s1' block-size='2048'"));
    const failed = expect(responder.connect(signal)).rejects.toMatchObject({ code: "ibb-base64" });
    const block = xml("data", { xmlns: "http://jabber.org/protocol/ibb", sid: "s1", seq: "0" }, "QUJ");
    expect(await channelI.request(xml("iq", { type: "set" }, block)).catch(codeOf)).toBe("bad-request");
    await failed;
  });

  it("what ends the bytestream between answer and connect() is what connect() says", async () => {
    const { responder, channelI, channelR } = jinglePair();
    await responder.answer(transport("sid='s1' block-size='2048'"));
    await channelI.close();
    await vi.waitUntil(() => channelR.closed.aborted);
    await expect(responder.connect(signal)).rejects.toMatchObject({ code: "closed" });
  });

  it("stops waiting when it is told to", async () => {
    const { initiator, responder, channelR } = jinglePair();
    channelR.onRequest({ type: "set", name: "open", xmlns: "http://jabber.org/protocol/ibb" }, () => new Promise(() => undefined));
    const offer = await initiator.offer();
    initiator.accepted(transport(`sid='${offer.attrs.sid}' block-size='4096'`));
    const stop = new AbortController();
    const opening = initiator.connect(stop.signal);
    stop.abort();
    await expect(opening).rejects.toMatchObject({ code: "aborted" });

    await responder.answer(transport("sid='s2' block-size='4096'"));
    const stopped = AbortSignal.abort();
    await expect(responder.connect(stopped)).rejects.toMatchObject({ code: "aborted" });
  });

  it("is not offered, nor answered, where only direct paths are wanted", async () => {
    const [channelI, channelR] = memoryStanzaPair({ a: juliet, b: "nurse@capulet.lit/kitchen" });
    const context = { sid: "x", addresses: { paths: "direct", privateNetworks: true }, sendInfo: () => Promise.resolve(), progress: () => undefined } as const;
    const attempt = () => ibb().attempt({ ...context, channel: channelI.to(channelR.self), role: "initiator" });
    await expect(attempt().offer()).rejects.toMatchObject({ code: "failed-transport" });
    await expect(attempt().answer(transport("sid='s1' block-size='2048'"))).rejects.toMatchObject({ code: "failed-transport" });
  });

  it("names both domains once where they are the same", async () => {
    const [channelI, channelR] = memoryStanzaPair({ a: juliet, b: "nurse@capulet.lit/kitchen" });
    const context = { sid: "x", addresses: strangersAddresses, sendInfo: () => Promise.resolve(), progress: () => undefined };
    const near = ibb().attempt({ ...context, channel: channelI.to(channelR.self), role: "initiator" });
    const far = ibb().attempt({ ...context, channel: channelR.to(channelI.self), role: "responder" });
    const [connection, other] = await connect(near, far);
    expect(connection.path).toBe("ibb via capulet.lit");
    for (const { bytes } of [connection, other]) bytes.destroy();
  });
});
