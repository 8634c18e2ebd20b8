import { Duplex } from "node:stream";
import { stanzaError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { openStream } from "../src/index.js";
import { features, handPlayed, headerOf, juliet, report, romeo, settle } from "./far-end.js";
import { bodiesOf, endOf, openedByHand, openedPair } from "./opened.js";

describe("opening a stream", () => {
  it("what comes behind an answer can be held until somebody else has added handlers, also from the same segment", async () => {
    const { stream, far } = await openedByHand();
    const asked = stream.request(xml("iq", { type: "set" }, xml("q", "x")), { onResult: () => stream.hold() });
    await far.hears("<q");
    const [, id] = /id="([^"]+)"/u.exec(far.heard) ?? [];
    far.say(`<iq type='result' id='${id}'/><message><body>1</body></message>`);
    far.say("<message><body>2</body></message>");
    await asked;
    await settle();
    const bodies = bodiesOf(stream);
    expect(bodies).toEqual([]);
    setImmediate(() => stream.deliver());
    far.say("</stream:stream>");
    await stream.close();
    expect(bodies).toEqual(["1", "2"]);
  });

  it("what was held when the bytes went is still delivered, also where a Readable that is gone resumes no more (Node 26)", async () => {
    const { near, far } = handPlayed();
    near.resume = function (this: Duplex) {
      return this.destroyed ? this : Duplex.prototype.resume.call(this);
    };
    const opening = openStream(near, { role: "responder", self: juliet, peer: romeo, report, delivery: "held" });
    far.say(`${headerOf("initiator")}<message><body>1</body></message>`);
    const stream = await opening;
    await stream.answerFirst("y", () => xml("z"), { timeout: 5_000, waitingFor: "the first stanza" });
    near.destroy();
    await settle();
    const bodies = bodiesOf(stream);
    await stream.close();
    expect(bodies).toEqual(["1"]);
  });

  it("both ends learn what the other's header said", async () => {
    const { a, b } = await openedPair();
    expect(b.remoteHeader).toEqual({ from: romeo, to: juliet, id: undefined, version: "1.0", lang: undefined, extra: new Map() });
    expect(a.remoteHeader).toMatchObject({ from: juliet, to: romeo, version: "1.0" });
    expect(a.remoteHeader.id).toMatch(/^[\w-]{22}$/);
    await Promise.all([a.close(), b.close()]);
  });

  it("attributes of other namespaces come with it, under their namespaces and not their prefixes", async () => {
    const { near, far } = handPlayed();
    const opening = openStream(near, { role: "responder", self: juliet, peer: romeo, report });
    far.say(headerOf("initiator", { "xmlns:x": "urn:example:a", "x:keep": "may", "xmlns:z": "urn:example:b", "z:keep": "mustnot" }));
    const stream = await opening;
    expect([...stream.remoteHeader.extra]).toEqual([
      ["{urn:example:a}keep", "may"],
      ["{urn:example:b}keep", "mustnot"],
    ]);
    far.say("</stream:stream>");
    await stream.close();
  });

  it("a header without addresses is told apart from one with them", async () => {
    const { near, far } = handPlayed();
    const opening = openStream(near, { role: "responder", self: juliet, peer: romeo, report });
    far.say(headerOf("initiator", { from: "", to: "", id: "mine", "xml:lang": "en" }));
    const stream = await opening;
    expect(stream.remoteHeader).toEqual({ from: undefined, to: undefined, id: undefined, version: "1.0", lang: "en", extra: new Map() });
    far.say("</stream:stream>");
    await stream.close();
  });

  it.each([
    ["initiator", headerOf("responder") + features()],
    ["responder", headerOf("initiator")],
  ] as const)("as %s nothing is missed by handlers added once the promise resolves, though it came in the same segment", async (role, opening) => {
    const { near, far } = handPlayed();
    far.say(`${opening}<message><body>1</body></message><iq type='get' id='i'><q xmlns='x'/></iq><message><body>2</body></message>`);
    const [self, peer] = role === "initiator" ? [romeo, juliet] : [juliet, romeo];
    const open = async () => await openStream(near, { role, self, peer, report });
    const wrapped = async () => await open(); // some promises further, as in an application
    const stream = await wrapped();
    const bodies = bodiesOf(stream);
    stream.onRequest({ type: "get", name: "q", xmlns: "x" }, () => undefined);
    await far.hears('<iq id="i" type="result"/>');
    far.say("</stream:stream>");
    await stream.close();
    expect(bodies).toEqual(["1", "2"]);
    expect(stream.closed.reason.code).toBe("closed");
  });

  it("bytes that break in that very turn are noticed, behind what came before", async () => {
    const { near, far } = handPlayed();
    far.say(`${headerOf("initiator")}<message><body>1</body></message>`);
    const stream = await openStream(near, { role: "responder", self: juliet, peer: romeo, report });
    const bodies = bodiesOf(stream);
    near.destroy();
    expect(await endOf(stream)).toBe("connection-lost");
    expect(bodies).toEqual(["1"]);
    await stream.close();
    await far.closed();
  });

  it("features that demand nothing are passed over, SASL mechanisms even if they do", async () => {
    const { near, far } = handPlayed();
    const opening = openStream(near, { role: "initiator", self: romeo, peer: juliet, report });
    far.say(headerOf("responder") + features("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><required/></mechanisms><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"));
    const stream = await opening;
    far.say("</stream:stream>");
    await stream.close();
  });

  it("waits no longer than its deadline allows, and tells for what", async () => {
    const { near, far } = handPlayed();
    const opening = openStream(near, { role: "initiator", self: romeo, peer: juliet, report, timeout: 0 });
    await expect(opening).rejects.toMatchObject({ code: "timeout", message: `Waited 0 s for ${juliet} to open the stream.` });
    await far.closed();
    expect(far.heard).toMatch(/<connection-timeout .*<\/stream:stream>$/);
  });

  it("an address that is none is the caller's mistake", async () => {
    const { near, far } = handPlayed();
    await expect(openStream(near, { role: "initiator", self: "@", peer: juliet, report })).rejects.toThrow();
    near.destroy();
    await far.closed();
  });
});

describe("stanzas on a stream", () => {
  it("are sent without addresses, and leave the caller's element as it was", async () => {
    const { stream, far } = await openedByHand();
    const message = xml("message", { from: juliet, to: "romeo@montague.lit", id: "m1" }, xml("body", {}, "hi"));
    await stream.send(message);
    await far.hears("</message>");
    expect(far.heard).toBe('<message id="m1"><body>hi</body></message>');
    expect(message.attrs).toEqual({ from: juliet, to: "romeo@montague.lit", id: "m1" });
    expect((message.children[0] as Element).parent).toBe(message);
    far.say("</stream:stream>");
    await stream.close();
  });

  it.each([
    ["no address", ""],
    ["full ones", `from='${romeo}' to='${juliet}'`],
    ["bare ones", "from='romeo@montague.lit' to='juliet@capulet.lit'"],
    ["other letters", "from='Romeo@montague.lit/orchard' to='juliet@CAPULET.lit'"],
  ])("with %s are taken, and stamped with the authenticated addresses", async (_, addresses) => {
    const { stream, far } = await openedByHand();
    const seen: unknown[] = [];
    stream.onStanza(({ stanza, from }) => {
      seen.push([from, stanza.attrs.from, stanza.attrs.to]);
      return true;
    });
    far.say(`<presence ${addresses}/></stream:stream>`);
    await stream.close();
    expect(seen).toEqual([[romeo, romeo, juliet]]);
  });

  it.each([
    ["somebody else", { to: "tybalt@capulet.lit" }],
    ["another resource of the peer", { to: "romeo@montague.lit/elsewhere" }],
    ["ourselves", { to: juliet }],
    ["nobody's address", { to: "@" }],
    ["as somebody else", { from: romeo }],
  ])("for %s are not sent", async (_, addresses) => {
    const { stream, far } = await openedByHand();
    await expect(stream.send(xml("message", addresses))).rejects.toMatchObject({ code: "invalid-argument" });
    expect(far.heard).toBe("");
    far.say("</stream:stream>");
    await stream.close();
  });

  it.each([
    ["another element", xml("open", {})],
    ["one of another namespace", xml("message", "jabber:server")],
    ["a control character", xml("message", {}, xml("body", {}, "\u001b[2J"))],
    ["a NUL in an attribute", xml("message", { id: "\0" })],
    ["half a surrogate pair", xml("message", {}, xml("body", {}, "\ud83d"))],
    ["a noncharacter", xml("message", {}, "\uffff")],
    ["a name that is none", xml("message", {}, xml("x><iq"))],
    ["a prefix that nobody declared", xml("message", {}, xml("p:x"))],
    ["a stanza of another stream's namespace", xml("stream:stream", "jabber:component:accept", xml("message")).getChild("message") ?? xml("x")],
  ])("%s, over which the peer would end the stream, is refused before it is sent", async (_, stanza) => {
    const { stream, far } = await openedByHand();
    await expect(stream.send(stanza)).rejects.toMatchObject({ code: "invalid-argument" });
    await stream.send(xml("message", {}, xml("body", {}, "😀\t\r\n")));
    await far.hears("</message>");
    far.say("</stream:stream>");
    await stream.close();
  });

  it("arrive as they were, line breaks in attributes included", async () => {
    const { a, b } = await openedPair();
    const body = new Promise((resolve) => b.onStanza(({ stanza }) => void resolve(stanza.getChild("x")?.attrs.note)));
    await a.send(xml("message", {}, xml("x", { xmlns: "x", note: "one\n\ttwo\r" })));
    expect(await body).toBe("one\n\ttwo\r");
    await Promise.all([a.close(), b.close()]);
  });

  it("are narrowed to the peer, and to nobody else", async () => {
    const { stream, far } = await openedByHand();
    expect(() => stream.to("tybalt@capulet.lit/x")).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    const narrowed = stream.to(romeo);
    expect(narrowed.wide).toBe(stream.wide);
    await narrowed.send(xml("presence"));
    await far.hears("<presence/>");
    await narrowed.close();
    expect(stream.closed.aborted).toBe(false);
    far.say("</stream:stream>");
    await stream.close();
  });
});

describe("requests on a stream", () => {
  it("are answered by whoever knows them, with service-unavailable otherwise", async () => {
    const { stream, far } = await openedByHand();
    stream.onRequest({ type: "get", name: "q", xmlns: "x" }, () => Promise.resolve(xml("a", "x")));
    stream.onRequest({ type: "set", name: "q", xmlns: "x" }, () => {
      throw stanzaError("forbidden");
    });
    far.say("<iq type='get' id='1'><q xmlns='x'/></iq><iq type='set' id='2'><q xmlns='x'/></iq><iq type='get' id='3'><unknown xmlns='x'/></iq>");
    far.say("<iq type='get' id='4'/><iq type='fetch' id='5'><q xmlns='x'/></iq><iq type='result' id='6'/><iq type='get'><q xmlns='x'/></iq>");
    await far.hears('id="5"');
    await settle();
    expect(far.heard.match(/<iq .*?<\/iq>/g)?.sort()).toEqual([
      '<iq id="1" type="result"><a xmlns="x"/></iq>',
      `<iq id="2" type="error"><error type="auth"><forbidden xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
      `<iq id="3" type="error"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
      `<iq id="4" type="error"><error type="modify"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
      `<iq id="5" type="error"><error type="modify"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>`,
    ]);
    far.say("</stream:stream>");
    await stream.close();
  });

  it("take an answer with or without addresses, under an id that nobody can guess", async () => {
    for (const addresses of ["", ` from='${romeo}'`, " from='romeo@montague.lit' to='juliet@capulet.lit'"]) {
      const { stream, far } = await openedByHand();
      const asked = stream.request(xml("iq", { type: "get", id: "guessed" }, xml("q", "x")));
      await far.hears("</iq>");
      const id = /id="([\w-]{22})"/.exec(far.heard)?.[1];
      far.say(`<iq type='result' id='guessed'><wrong/></iq><iq type='result' id='${id}'${addresses}><right xmlns='x'/></iq>`);
      expect((await asked).getChild("right", "x")).toBeDefined();
      far.say("</stream:stream>");
      await stream.close();
    }
  });

  it("ids are scoped per direction: the peer may use ours for its own", async () => {
    const { stream, far } = await openedByHand();
    const asked = stream.request(xml("iq", { type: "get" }, xml("q", "x")));
    await far.hears("</iq>");
    const id = /id="([\w-]{22})"/.exec(far.heard)?.[1];
    far.say(`<iq type='get' id='${id}'><q xmlns='x'/></iq>`);
    await far.hears("service-unavailable");
    far.say(`<iq type='result' id='${id}'/>`);
    await asked;
    far.say("</stream:stream>");
    await stream.close();
  });

  it("that are open when the stream ends fail with why it ended", async () => {
    const { stream, far } = await openedByHand();
    const asked = stream.request(xml("iq", { type: "get" }, xml("q", "x")));
    asked.catch(() => undefined);
    await far.hears("</iq>");
    far.bytes.destroy();
    await expect(asked).rejects.toMatchObject({ code: "connection-lost" });
    await expect(stream.request(xml("iq", { type: "get" }, xml("q", "x")))).rejects.toMatchObject({ code: "connection-lost" });
    await expect(stream.send(xml("message"))).rejects.toMatchObject({ code: "connection-lost" });
    expect(await endOf(stream)).toBe("connection-lost");
    await stream.close();
  });
});
