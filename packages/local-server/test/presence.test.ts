import { describe, expect, it } from "vitest";
import { type Actor, login, stage, xml } from "./actors.js";

const available = (actor: Actor) => actor.send(xml("presence"));
const from = (jid: string) => (stanza: { attrs: Record<string, string | undefined> }) => stanza.attrs.from === jid;

describe("accounts that share the roster", () => {
  it("see each other come, whoever came first", async () => {
    const server = await stage({ sharedRoster: true });
    const romeo = await login(server, "romeo@montague.lit");
    const juliet = await login(server, "juliet@capulet.lit");
    await romeo.send(xml("presence", {}, xml("show", {}, "away")));
    await romeo.next(from(romeo.jid)); // RFC 6121 §4.2.2: to oneself as well
    await available(juliet);
    expect((await juliet.next(from(romeo.jid))).getChildText("show")).toBe("away");
    expect((await romeo.next(from(juliet.jid))).attrs.type).toBeUndefined();
  });

  it("see each other go, when they say so", async () => {
    const server = await stage({ sharedRoster: true });
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    await available(romeo);
    await available(juliet);
    await romeo.next(from(juliet.jid));
    await juliet.send(xml("presence", { type: "unavailable" }, xml("status", {}, "the lark")));
    const gone = await romeo.next(from(juliet.jid));
    expect(gone.attrs.type).toBe("unavailable");
    expect(gone.getChildText("status")).toBe("the lark");
  });

  it("see each other go, when the connection is cut", async () => {
    const server = await stage({ sharedRoster: true });
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    await available(romeo);
    await available(juliet);
    await romeo.next(from(juliet.jid));
    server.drop(juliet.jid);
    expect((await romeo.next(from(juliet.jid))).attrs.type).toBe("unavailable");
    await juliet.offline;
    expect(server.sessions().map(({ jid }) => jid)).toEqual([romeo.jid]);
    expect((await romeo.rest()).map(({ attrs }) => attrs.from)).toEqual([romeo.jid]);
  });

  it("get a roster with each other in it, and not themselves", async () => {
    const server = await stage({ sharedRoster: true });
    const romeo = await login(server, "romeo@montague.lit");
    const answer = await romeo.ask(xml("iq", { type: "get" }, xml("query", "jabber:iq:roster")));
    const items = answer
      .getChild("query")
      ?.getChildren("item")
      .map(({ attrs }) => `${attrs.jid} ${attrs.subscription}`);
    expect(items).toEqual(["benvolio@montague.lit both", "juliet@capulet.lit both", "tybalt@capulet.lit both"]);
  });

  it("may ask for presence, and strangers get no answer", async () => {
    const server = await stage({ sharedRoster: ["romeo@montague.lit", "juliet@capulet.lit"] });
    const [romeo, juliet, tybalt] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit"), await login(server, "tybalt@capulet.lit")];
    await available(juliet);
    const probe = () => xml("presence", { type: "probe", to: "juliet@capulet.lit" });
    await juliet.next(from(juliet.jid));
    await romeo.send(probe());
    expect((await romeo.next()).attrs.from).toBe(juliet.jid);
    await tybalt.send(probe());
    expect(await tybalt.rest()).toEqual([]);
  });
});

describe("strangers", () => {
  it("see nothing of each other, and have an empty roster", async () => {
    const server = await stage({ sharedRoster: ["romeo@montague.lit", "juliet@capulet.lit"] });
    const [romeo, tybalt] = [await login(server, "romeo@montague.lit"), await login(server, "tybalt@capulet.lit")];
    await available(tybalt);
    await available(romeo);
    await romeo.next(from(romeo.jid));
    await tybalt.next(from(tybalt.jid));
    expect(await tybalt.rest()).toEqual([]);
    const roster = await tybalt.ask(xml("iq", { type: "get" }, xml("query", "jabber:iq:roster")));
    expect(roster.getChild("query")?.children).toEqual([]);
  });

  it("cannot subscribe: there is only the shared roster", async () => {
    const server = await stage();
    const tybalt = await login(server, "tybalt@capulet.lit");
    const answer = await tybalt.ask(xml("presence", { type: "subscribe", to: "juliet@capulet.lit" }));
    expect(answer.getChild("error")?.getChild("feature-not-implemented")).toBeDefined();
  });
});

describe("directed presence", () => {
  it("reaches whom it is sent to, and so does the end of it when the connection is cut", async () => {
    const server = await stage();
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    await romeo.send(xml("presence", { to: juliet.jid }));
    expect((await juliet.next()).attrs).toMatchObject({ from: romeo.jid, to: juliet.jid });
    server.drop(romeo.jid);
    expect((await juliet.next()).attrs).toMatchObject({ from: romeo.jid, to: juliet.jid, type: "unavailable" });
  });

  it("that was taken back is not taken back twice", async () => {
    const server = await stage();
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    await romeo.send(xml("presence", { to: juliet.jid }));
    await romeo.send(xml("presence", { to: juliet.jid, type: "unavailable" }));
    await romeo.stop();
    expect((await juliet.rest()).map(({ attrs }) => attrs.type)).toEqual([undefined, "unavailable"]);
  });

  it("to somebody who sees the presence anyway gives one end, not two", async () => {
    const server = await stage({ sharedRoster: true });
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    await available(juliet);
    await available(romeo);
    await romeo.send(xml("presence", { to: juliet.jid }));
    await romeo.stop();
    expect((await juliet.rest()).filter(from(romeo.jid)).map(({ attrs }) => attrs.type)).toEqual([undefined, undefined, "unavailable"]);
  });

  it("to too many is refused, since the server would have to remember them", async () => {
    const server = await stage({ limits: { directedPresences: 1 } });
    const romeo = await login(server, "romeo@montague.lit");
    await romeo.send(xml("presence", { to: "juliet@capulet.lit/1" }));
    const answer = await romeo.ask(xml("presence", { to: "juliet@capulet.lit/2" }));
    expect(answer.getChild("error")?.getChild("resource-constraint")).toBeDefined();
  });
});

it("a second session of an account hears of the first, and the first of the second", async () => {
  const server = await stage();
  const [one, other] = [await login(server, "romeo@montague.lit", "one"), await login(server, "romeo@montague.lit", "other")];
  await available(one);
  await one.next(from(one.jid));
  await available(other);
  await one.next(from(other.jid));
  await other.next(from(one.jid));
  await one.stop();
  expect((await other.next(from(one.jid))).attrs.type).toBe("unavailable");
});

it("the priority of a presence is that of the session, and one out of range is refused", async () => {
  const server = await stage();
  const romeo = await login(server, "romeo@montague.lit");
  await romeo.send(xml("presence", {}, xml("priority", {}, "-5")));
  await romeo.next();
  expect(server.sessions()).toEqual([{ jid: romeo.jid, transport: "tcp", secure: false, priority: -5 }]);
  const answer = await romeo.ask(xml("presence", {}, xml("priority", {}, "128")));
  expect(answer.getChild("error")?.getChild("bad-request")).toBeDefined();
});
