import { expect, it } from "vitest";
import { Actor, login, loginOverWebSocket, stage, xml } from "./actors.js";

for (const [over, enter] of Object.entries({ TCP: login, WebSocket: loginOverWebSocket })) {
  it(`two clients of two domains talk over ${over}`, async () => {
    const server = await stage();
    const romeo = await enter(server, "romeo@montague.lit");
    const juliet = await enter(server, "juliet@capulet.lit", "balcony");
    expect(juliet.jid).toBe("juliet@capulet.lit/balcony");
    await romeo.send(xml("message", { to: juliet.jid }, xml("body", {}, "Good night, good night!")));
    const message = await juliet.next();
    expect(message.attrs.from).toBe(romeo.jid);
    expect(message.getChildText("body")).toBe("Good night, good night!");
  });
}

it("a client over WebSocket and one over TCP talk", async () => {
  const server = await stage();
  const romeo = await login(server, "romeo@montague.lit");
  const juliet = await loginOverWebSocket(server, "juliet@capulet.lit");
  await romeo.send(xml("message", { to: juliet.jid, id: "1" }, xml("body", {}, "<&\"'ü🌹")));
  expect((await juliet.next()).getChildText("body")).toBe("<&\"'ü🌹");
  const answer = romeo.next((stanza) => stanza.is("iq"));
  await juliet.send(xml("iq", { to: romeo.jid, id: "2", type: "result" }));
  expect((await answer).attrs).toMatchObject({ from: juliet.jid, id: "2", type: "result" });
});

it("whoever asks for no resource gets one that nobody can guess", async () => {
  const server = await stage();
  const one = await login(server, "romeo@montague.lit");
  const other = await login(server, "romeo@montague.lit");
  expect(one.jid).toMatch(/^romeo@montague\.lit\/[\w-]{22}$/);
  expect(other.jid).not.toBe(one.jid);
  expect(server.sessions().map(({ jid }) => jid)).toEqual([one.jid, other.jid]);
});

it("a wrong password, an account that does not exist, and one of another domain are refused alike", async () => {
  const server = await stage();
  const attempts = [
    new Actor(server.service, "romeo@montague.lit", undefined, "wrong"),
    new Actor(server.service, "nobody@montague.lit", undefined, "secret"),
    new Actor(server.service, "romeo@capulet.lit", undefined, "secret"),
  ];
  for (const attempt of attempts) {
    const failure = new Promise((resolve) => attempt.xmpp.once("error", resolve));
    attempt.start().catch(() => undefined);
    expect(String(await failure)).toBe("SASLError: not-authorized");
    await attempt.xmpp.disconnect();
  }
  expect(server.sessions()).toEqual([]);
});
