import { describe, expect, it } from "vitest";
import type { TapEvent } from "../src/index.js";
import { login, loginOverWebSocket, RawClient, stage, xml } from "./actors.js";

const body = (text: string) => xml("body", {}, text);

describe("a tap", () => {
  it("sees everything that goes in and out, from the first header to the last", async () => {
    const seen: TapEvent[] = [];
    const server = await stage({ tap: (event) => seen.push(event) });
    const romeo = await login(server, "romeo@montague.lit");
    const juliet = await loginOverWebSocket(server, "juliet@capulet.lit");
    await romeo.send(xml("message", { to: juliet.jid }, body("hark")));
    await juliet.next();
    await romeo.stop();
    await juliet.stop();
    const told = (jid: string | undefined, text: string) => seen.filter(({ session, xml: written }) => session === jid && written.includes(text)).map(({ direction }) => direction);
    expect(told(undefined, "<stream:stream ")).toEqual(["in", "out", "in", "out"]);
    expect(told(undefined, "<open ")).toEqual(["in", "out", "in", "out"]);
    expect(told(undefined, "<auth ")).toEqual(["in", "in"]);
    expect(told(romeo.jid, "hark")).toEqual(["in"]);
    expect(told(juliet.jid, "hark")).toEqual(["out"]);
    expect(told(romeo.jid, "</stream:stream>")).toEqual(["in", "out"]);
    expect(told(juliet.jid, "<close ")).toEqual(["in", "out"]);
  });
});

describe("a server that interferes", () => {
  it("drops what it will", async () => {
    const server = await stage({ interfere: (stanza, { direction }) => (direction === "in" && stanza.getChildText("body") === "flee" ? undefined : stanza) });
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    for (const word of ["hark", "flee", "stay"]) await romeo.send(xml("message", { to: juliet.jid }, body(word)));
    await romeo.rest();
    expect((await juliet.rest()).map((message) => message.getChildText("body"))).toEqual(["hark", "stay"]);
  });

  it("alters one copy of a stanza and not the other", async () => {
    const server = await stage({
      interfere: (stanza, { direction, session }) => {
        if (direction === "out" && session.endsWith("/balcony") && stanza.is("message")) stanza.attrs.type = "headline";
        return stanza;
      },
    });
    const romeo = await login(server, "romeo@montague.lit");
    const juliets = [await login(server, "juliet@capulet.lit", "balcony"), await login(server, "juliet@capulet.lit", "chamber")];
    for (const juliet of juliets) await juliet.send(xml("presence"));
    for (const juliet of juliets) await juliet.rest();
    await romeo.send(xml("message", { to: "juliet@capulet.lit", type: "chat" }, body("hark")));
    const received = await Promise.all(juliets.map((juliet) => juliet.next(({ name }) => name === "message")));
    expect(received.map(({ attrs }) => attrs.type)).toEqual(["headline", "chat"]);
  });

  it("forges a sender, and says things twice", async () => {
    const server = await stage({
      interfere: (stanza, { direction }) => {
        if (direction === "out" || !stanza.is("message")) return stanza;
        const forged = xml("message", { xmlns: "jabber:client", to: stanza.attrs.to, from: "tybalt@capulet.lit/street" }, body("draw!"));
        return [stanza, forged, stanza];
      },
    });
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    await romeo.send(xml("message", { to: juliet.jid }, body("hark")));
    await romeo.rest();
    expect((await juliet.rest()).map(({ attrs }) => attrs.from)).toEqual([romeo.jid, "tybalt@capulet.lit/street", romeo.jid]);
  });

  it("cannot touch what happens before login, and need not", async () => {
    const server = await stage({ interfere: () => undefined });
    const raw = await new RawClient(server).login();
    expect(raw.socket.destroyed).toBe(false);
  });
});

describe("bytes injected", () => {
  it("come to the client as they are, in pieces too", async () => {
    const server = await stage();
    const romeo = await login(server, "romeo@montague.lit");
    const forged = Buffer.from("<message from='juliet@capulet.lit/balcony'><body>🌹</body></message>");
    server.inject(romeo.jid, forged.subarray(0, 20));
    server.inject("romeo@montague.lit", forged.subarray(20));
    expect((await romeo.next()).getChildText("body")).toBe("🌹");
  });

  it("come as a message over WebSocket", async () => {
    const server = await stage();
    const romeo = await loginOverWebSocket(server, "romeo@montague.lit");
    server.inject(romeo.jid, "<message xmlns='jabber:client' from='juliet@capulet.lit/balcony'/>");
    expect((await romeo.next()).attrs.from).toBe("juliet@capulet.lit/balcony");
  });

  it("need somebody to come to", async () => {
    const server = await stage();
    expect(() => server.inject("romeo@montague.lit/gone", "<foo/>")).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(() => server.drop("@@")).toThrow(expect.objectContaining({ code: "invalid-jid" }));
  });
});

it("what takes its time in the server arrives all the same, and in order", async () => {
  const server = await stage({ latency: 2 });
  const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
  const ids = Array.from({ length: 50 }, (_, at) => String(at));
  for (const id of ids) await romeo.send(xml("message", { to: juliet.jid, id }));
  const received: (string | undefined)[] = [];
  for (const _ of ids) received.push((await juliet.next()).attrs.id);
  expect(received).toEqual(ids);
});
