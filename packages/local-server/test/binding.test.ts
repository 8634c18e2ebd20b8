import { expect, it } from "vitest";
import { login, loginOverWebSocket, RawClient, stage, xml } from "./actors.js";

for (const [over, enter] of Object.entries({ TCP: login, WebSocket: loginOverWebSocket })) {
  it(`the older session on a resource gets <conflict/>, and the newer one over ${over} has it`, async () => {
    const server = await stage({ sharedRoster: true });
    const juliet = await login(server, "juliet@capulet.lit");
    await juliet.send(xml("presence"));
    const older = await new RawClient(server).login("romeo@montague.lit", "garden");
    older.write("<presence/>");
    await juliet.next(({ attrs }) => attrs.from === "romeo@montague.lit/garden");

    const newer = await enter(server, "romeo@montague.lit", "garden");
    expect(await older.closed).toMatch(/<stream:error><conflict xmlns="urn:ietf:params:xml:ns:xmpp-streams"\/><text.*<\/stream:error><\/stream:stream>$/);
    expect((await juliet.next(({ attrs }) => attrs.from === newer.jid)).attrs.type).toBe("unavailable");
    await juliet.send(xml("message", { to: "romeo@montague.lit/garden" }));
    expect((await newer.next()).attrs.from).toBe(juliet.jid);
    expect(server.sessions().map(({ jid }) => jid)).toEqual([juliet.jid, newer.jid]);
  });
}

it("a resource is brought to its normal form", async () => {
  const server = await stage();
  const romeo = await login(server, "romeo@montague.lit", "cafe\u0301");
  expect(romeo.jid).toBe("romeo@montague.lit/caf\u00e9");
});

it("a resource that has no normal form is refused, and another may be asked for", async () => {
  const server = await stage();
  const raw = await new RawClient(server).authenticate();
  const bind = (resource: string) => `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`;
  raw.write(bind("x".repeat(1024)));
  await raw.seen("<bad-request");
  raw.write(bind("garden"));
  await raw.seen("<jid>romeo@montague.lit/garden</jid>");
});

it.each(["", " to='montague.lit'"])("a client of RFC 3921 gets its session behind its resource, too%s", async (to) => {
  const server = await stage();
  const raw = await new RawClient(server).authenticate();
  raw.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  await raw.seen("<jid>");
  raw.write(`<iq type='set' id='s'${to}><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>`);
  await raw.seen('id="s" type="result"');
});

it("a client of RFC 3921 gets its session", async () => {
  const server = await stage();
  const raw = await new RawClient(server).authenticate();
  raw.write("<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>");
  await raw.seen('<iq id="s" type="result"/>');
});
