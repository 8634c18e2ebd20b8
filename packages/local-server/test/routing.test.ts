import { describe, expect, it } from "vitest";
import { type Actor, login, type Stanza, stage, xml } from "./actors.js";

const ping = () => xml("ping", "urn:xmpp:ping");
const message = (to: string, type?: string) => xml("message", { to, type, id: "m" }, xml("body", {}, "hark"));

describe("to a full JID", () => {
  it("every kind of stanza arrives, with or without presence, with the sender's full JID as from", async () => {
    const server = await stage();
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    for (const stanza of [
      message(juliet.jid, "chat"),
      message(juliet.jid, "headline"),
      message(juliet.jid, "error"),
      xml("iq", { to: juliet.jid, id: "q", type: "set" }, xml("jingle", "urn:xmpp:jingle:1")),
      xml("presence", { to: juliet.jid }),
    ]) {
      await romeo.send(stanza);
      const received = await juliet.next();
      expect(received.name).toBe(stanza.name);
      expect(received.attrs).toMatchObject({ from: romeo.jid, to: juliet.jid });
    }
  });

  it("an address in another form is the same address", async () => {
    const server = await stage();
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit", "Balcony")];
    await romeo.send(message("Juliet@CAPULET.lit/Balcony"));
    expect((await juliet.next()).attrs.to).toBe("juliet@capulet.lit/Balcony");
  });

  it("a from of one's own is replaced by the full JID", async () => {
    const server = await stage();
    const [romeo, juliet] = [await login(server, "romeo@montague.lit"), await login(server, "juliet@capulet.lit")];
    await romeo.send(xml("message", { to: juliet.jid, from: "romeo@montague.lit" }));
    expect((await juliet.next()).attrs.from).toBe(romeo.jid);
  });
});

describe("to a bare JID", () => {
  async function twoOfJuliet(priorities: readonly [number, number]): Promise<{ romeo: Actor; juliets: [Actor, Actor] }> {
    const server = await stage();
    const romeo = await login(server, "romeo@montague.lit");
    const juliets: [Actor, Actor] = [await login(server, "juliet@capulet.lit", "balcony"), await login(server, "juliet@capulet.lit", "chamber")];
    for (const [at, juliet] of juliets.entries()) {
      await juliet.send(xml("presence", {}, xml("priority", {}, String(priorities[at]))));
      await juliet.rest();
    }
    await juliets[0].rest();
    return { romeo, juliets };
  }
  const bodies = async (actor: Actor) => (await actor.rest()).filter(({ name }) => name === "message").length;

  it.each([
    { type: "chat", priorities: [1, 5], arrives: [0, 1] },
    { type: undefined, priorities: [5, 1], arrives: [1, 0] },
    { type: "chat", priorities: [3, 3], arrives: [1, 1] },
    { type: "chat", priorities: [-1, 0], arrives: [0, 1] },
    { type: "headline", priorities: [1, 5], arrives: [1, 1] },
    { type: "headline", priorities: [-1, 5], arrives: [0, 1] },
    { type: "error", priorities: [1, 5], arrives: [0, 0] },
  ] as const)("a $type message at priorities $priorities arrives $arrives", async ({ type, priorities, arrives }) => {
    const { romeo, juliets } = await twoOfJuliet(priorities);
    await romeo.send(message("juliet@capulet.lit", type));
    expect(await romeo.rest()).toEqual([]);
    expect([await bodies(juliets[0]), await bodies(juliets[1])]).toEqual(arrives);
  });

  it("a message that nobody of a priority can read comes back", async () => {
    const { romeo } = await twoOfJuliet([-1, -2]);
    expect((await romeo.ask(message("juliet@capulet.lit", "chat"))).attrs.type).toBe("error");
  });

  it("a message to a resource that has gone goes to the others", async () => {
    const { romeo, juliets } = await twoOfJuliet([1, 0]);
    await romeo.send(message("juliet@capulet.lit/garden", "chat"));
    expect((await juliets[0].next()).attrs.to).toBe("juliet@capulet.lit/garden");
  });
});

/** What Prosody 0.12 wrote in answer, as recorded; `%` is the asker's full JID. */
const prosody: readonly [string, Stanza, string][] = [
  [
    "an IQ to an absent resource",
    xml("iq", { type: "get", id: "1", to: "juliet@capulet.lit/gone" }, ping()),
    `<iq id='1' type='error' to='%' from='juliet@capulet.lit/gone'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  ],
  [
    "an IQ to an account that does not exist",
    xml("iq", { type: "set", id: "1", to: "nobody@capulet.lit/gone" }, ping()),
    `<iq id='1' type='error' to='%' from='nobody@capulet.lit/gone'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  ],
  [
    "a stranger's disco to an account",
    xml("iq", { type: "get", id: "1", to: "juliet@capulet.lit" }, xml("query", "http://jabber.org/protocol/disco#info")),
    `<iq id='1' type='error' to='%' from='juliet@capulet.lit'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  ],
  [
    "an unknown request to a domain",
    xml("iq", { type: "get", id: "1", to: "capulet.lit" }, xml("q", "nope")),
    `<iq id='1' type='error' to='%' from='capulet.lit'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  ],
  [
    "an unknown request to one's own account",
    xml("iq", { type: "set", id: "1" }, xml("q", "nope")),
    `<iq id='1' type='error' to='%'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`,
  ],
  [
    "a message to nobody",
    xml("message", { id: "1", to: "nobody@capulet.lit/gone" }),
    `<message id='1' type='error' to='%' from='nobody@capulet.lit/gone'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
  ],
  [
    "a groupchat message to an account",
    xml("message", { id: "1", type: "groupchat", to: "juliet@capulet.lit" }),
    `<message id='1' type='error' to='%' from='juliet@capulet.lit'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
  ],
  [
    "a message to a domain",
    xml("message", { id: "1", to: "capulet.lit" }),
    `<message id='1' type='error' to='%' from='capulet.lit'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
  ],
  [
    "an address that is none",
    xml("iq", { type: "get", id: "1", to: "@@" }, ping()),
    `<iq id='1' type='error' to='%' from='@@'><error type='modify'><jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>The destination address is invalid: @@</text></error></iq>`,
  ],
];

describe("is answered as Prosody answers, to the byte:", () => {
  it.each(prosody)("%s", async (_name, stanza, expected) => {
    const written: string[] = [];
    const server = await stage({ tap: ({ direction, xml: text }) => direction === "out" && written.push(text) });
    const romeo = await login(server, "romeo@montague.lit");
    await romeo.ask(stanza);
    expect(written.at(-1)).toBe(expected.replaceAll("'", '"').replace("%", romeo.jid));
  });
});

describe("never answered", () => {
  it.each([
    ["an IQ result to nobody", xml("iq", { type: "result", id: "1", to: "juliet@capulet.lit/gone" })],
    ["an IQ error to nobody", xml("iq", { type: "error", id: "1", to: "nobody@capulet.lit/gone" })],
    ["an IQ result to a domain", xml("iq", { type: "result", id: "1", to: "capulet.lit" })],
    ["an error message to nobody", message("juliet@capulet.lit/gone", "error")],
    ["a headline to nobody", message("nobody@capulet.lit", "headline")],
    ["an error to an address that is none", message("@@", "error")],
    ["presence to an absent resource", xml("presence", { to: "juliet@capulet.lit/gone" })],
    ["presence to an account that does not exist", xml("presence", { to: "nobody@capulet.lit" })],
  ])("%s", async (_name, stanza) => {
    const server = await stage();
    const romeo = await login(server, "romeo@montague.lit");
    await romeo.send(stanza);
    expect(await romeo.rest()).toEqual([]);
  });
});

describe("the server itself", () => {
  const info = (actor: Actor, to?: string) => actor.ask(xml("iq", { type: "get", to }, xml("query", "http://jabber.org/protocol/disco#info")));

  it("answers a ping to its domain, from whichever domain, and to one's own account", async () => {
    const server = await stage();
    const romeo = await login(server, "romeo@montague.lit");
    for (const to of ["montague.lit", "capulet.lit", "romeo@montague.lit", undefined]) expect((await romeo.ask(xml("iq", { type: "get", to }, ping()))).attrs.type).toBe("result");
  });

  it("says what it is, and where its proxy is", async () => {
    const server = await stage();
    const romeo = await login(server, "romeo@montague.lit");
    const features = (await info(romeo, "montague.lit")).getChild("query");
    expect(features?.getChild("identity")?.attrs).toMatchObject({ category: "server", type: "im" });
    expect(features?.getChildren("feature").map(({ attrs }) => attrs.var)).toContain("urn:xmpp:ping");
    const items = await romeo.ask(xml("iq", { type: "get", to: "montague.lit" }, xml("query", "http://jabber.org/protocol/disco#items")));
    expect(items.getChild("query")?.getChild("item")?.attrs.jid).toBe("proxy.montague.lit");
  });

  it("tells of an account only to those who may see it", async () => {
    const server = await stage({ sharedRoster: ["romeo@montague.lit", "juliet@capulet.lit"] });
    const [romeo, tybalt] = [await login(server, "romeo@montague.lit"), await login(server, "tybalt@capulet.lit")];
    expect((await info(romeo, "juliet@capulet.lit")).getChild("query")?.getChild("identity")?.attrs.category).toBe("account");
    const [refused, absent] = [await info(tybalt, "juliet@capulet.lit"), await info(tybalt, "nobody@capulet.lit")];
    expect(String(refused).replaceAll(/(id|from)="[^"]*"/g, "")).toBe(String(absent).replaceAll(/(id|from)="[^"]*"/g, ""));
  });

  it("does not serve other domains", async () => {
    const server = await stage();
    const romeo = await login(server, "romeo@montague.lit");
    const answer = await romeo.ask(xml("iq", { type: "get", to: "prince@verona.lit/palace" }, ping()));
    expect(answer.getChild("error")?.getChild("remote-server-not-found")).toBeDefined();
  });
});
