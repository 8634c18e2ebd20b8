import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { streamBetween } from "../rigs/login.js";
import { codeOf, NS_DISCO_INFO, NS_JINGLE, NS_STANZAS, stage } from "./stage.js";

const on = stage();
const NS_XMLSTREAM = "urn:xmpp:jingle:apps:xmlstream:0";

const isDiscoAnswer = (stanza: Element): boolean => stanza.attrs.type === "result" && stanza.getChild("query", NS_DISCO_INFO) !== undefined;

function without(feature: string, stanza: Element): Element {
  const query = stanza.getChild("query", NS_DISCO_INFO);
  if (query) query.children = query.children.filter((child) => typeof child === "string" || child.attrs.var !== feature);
  return stanza;
}

const stripping = (feature: string) => (stanza: Element) => (isDiscoAnswer(stanza) ? without(feature, stanza) : stanza);

describe.each([[NS_XMLSTREAM], ["urn:xmpp:jingle:transports:ibb:1"]])("a server that takes %s out of disco#info", (feature) => {
  it("at first contact looks like a peer that cannot, and nothing is offered", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    on.interfere = stripping(feature);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("unsupported-peer");
    expect(on.seen.filter(({ xml: text }) => text.includes(NS_JINGLE) && text.includes("session-initiate"))).toEqual([]);
  });

  it("is suspected where this peer has spoken streams before", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    await streamBetween(romeo, juliet);
    on.interfere = stripping(feature);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("downgrade-suspected");
  });
});

it("a server that takes <starttls/> away from a peer that had it before is suspected", async () => {
  const romeo = await on.login("romeo", { secure: "starttls" });
  const juliet = await on.login("juliet");
  const [session] = await streamBetween(romeo, juliet);
  await session.close();
  on.interfere = (stanza, { direction, session: to }) => {
    const data = stanza.getChild("data", "http://jabber.org/protocol/ibb");
    if (direction === "out" && to === romeo.self && data) {
      const text = Buffer.from(data.getText(), "base64").toString("latin1");
      data.children = [Buffer.from(text.replace(/<starttls[^>]*?(\/>|>.*<\/starttls>)/s, ""), "latin1").toString("base64")];
    }
    return stanza;
  };
  expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("downgrade-suspected");
});

describe("a server that answers the offer in the peer's name, as a client would that knows none of it", () => {
  type Answer = (offer: Element) => readonly Element[];
  /** That it has come, and the session's end behind it. */
  const ending =
    (reason: string): Answer =>
    (offer) => {
      const { attrs } = offer;
      const sid = offer.getChild("jingle", NS_JINGLE)?.attrs.sid;
      const end = xml("jingle", { xmlns: NS_JINGLE, action: "session-terminate", sid }, xml("reason", {}, xml(reason)));
      return [xml("iq", { type: "result", id: attrs.id, from: attrs.to, to: attrs.from }), xml("iq", { type: "set", id: "end", from: attrs.to, to: attrs.from }, end)];
    };
  const error =
    (condition: string): Answer =>
    ({ attrs }) => [xml("iq", { type: "error", id: attrs.id, from: attrs.to, to: attrs.from }, xml("error", { type: "cancel" }, xml(condition, NS_STANZAS)))];

  /** What romeo hears instead of the peer's acknowledgement, and of all that it does then. */
  function forging(romeo: string, answer: Answer): void {
    let offer: Element | undefined;
    let forged = false;
    on.interfere = (stanza, { direction, session }) => {
      if (direction === "in" && session === romeo && stanza.getChild("jingle", NS_JINGLE)?.attrs.action === "session-initiate") offer = stanza;
      if (direction !== "out" || session !== romeo || !offer) return stanza;
      if (forged || stanza.attrs.id !== offer.attrs.id) return stanza.getChild("jingle", NS_JINGLE) ? undefined : stanza;
      forged = true;
      return answer(offer);
    };
  }

  it.each([
    ["unsupported-applications", ending("unsupported-applications"), "unsupported-applications"],
    ["unsupported-transports", ending("unsupported-transports"), "unsupported-transports"],
    ["feature-not-implemented", error("feature-not-implemented"), "stanza-error"],
  ] as const)("%s: at first contact that is what it is, and suspected where this peer has spoken streams before", async (_, answer, first) => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    forging(romeo.self, answer);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe(first);
    on.interfere = (stanza) => stanza;
    const [session] = await streamBetween(romeo, juliet);
    await session.close();
    forging(romeo.self, answer);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("downgrade-suspected");
  });

  it("that it has gone is no reason to suspect anybody: clients go", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const [session] = await streamBetween(romeo, juliet);
    await session.close();
    on.interfere = (stanza) => stanza;
    await juliet.logout();
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("peer-unavailable");
  });
});

describe("capabilities in presence (XEP-0115)", () => {
  const NS_CAPS = "http://jabber.org/protocol/caps";
  const claiming = (ver: string | undefined) => (stanza: Element) => {
    if (stanza.name === "presence") stanza.children = stanza.children.filter((child) => typeof child === "string" || child.getNS() !== NS_CAPS);
    if (stanza.name === "presence" && ver !== undefined) stanza.append(xml("c", { xmlns: NS_CAPS, hash: "sha-1", node: "urn:xmpp:balcony", ver }));
    return stanza;
  };
  const asked = (juliet: string): number =>
    on.seen.filter(({ direction, session, xml: text }) => direction === "out" && session === juliet && text.includes(NS_DISCO_INFO) && text.includes('type="get"')).length;

  it.each([
    ["of a client that can nothing", "QgayPKawpkPSDYmwT/WM94uAlu0="],
    ["that are no hash", "AAAA"],
    ["that were taken out", undefined],
  ])("%s decide nothing: the peer itself is asked each time", async (_, ver) => {
    on.interfere = claiming(ver);
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    for (let time = 1; time <= 2; time++) {
      const [session] = await streamBetween(romeo, juliet);
      await session.close();
      expect(asked(juliet.self)).toBe(time);
    }
  });

  it("that promise what the peer itself does not say are not believed either", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const truthful = on.seen.flatMap(({ xml: text }) => /<c [^>]*ver="([^"]+)"/u.exec(text)?.[1] ?? [])[0];
    on.interfere = (stanza) => stripping(NS_XMLSTREAM)(claiming(truthful)(stanza));
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("unsupported-peer");
  });
});

describe("an answer that is not the peer's", () => {
  const forgeries: readonly (readonly [string, (answer: Element, romeo: string, juliet: string) => Element | readonly Element[]])[] = [
    ["comes from a stranger who knows the id", (answer) => [changed(answer, { from: "benvolio@montague.lit/x" }), answer]],
    ["comes from the peer's bare address", (answer) => [changed(answer, { from: "juliet@capulet.lit" }), answer]],
    ["comes from another resource of the peer", (answer) => [changed(answer, { from: "juliet@capulet.lit/other" }), answer]],
    ["comes from our own server", (answer) => [changed(answer, { from: "montague.lit" }), answer]],
    ["comes without `from`", (answer) => [changed(answer, { from: undefined }), answer]],
    ["has another id", (answer) => [changed(answer, { id: "forged" }), answer]],
    ["comes from what is no address", (answer) => [changed(answer, { from: "@@" }), answer]],
  ];

  function changed(answer: Element, attributes: Record<string, string | undefined>): Element {
    const copy = xml("iq", { ...answer.attrs, ...attributes }, xml("query", { xmlns: NS_DISCO_INFO }));
    return copy;
  }

  it.each(forgeries)("and %s decides nothing", async (_, forge) => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    on.interfere = (stanza, { direction, session }) => (direction === "out" && session === romeo.self && isDiscoAnswer(stanza) ? forge(stanza, romeo.self, juliet.self) : stanza);
    const [session] = await streamBetween(romeo, juliet);
    expect(session.status).toBe("online");
  });

  it("an error from a stranger who knows the id fails nothing either", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    on.interfere = (stanza, { direction, session }) => {
      if (direction !== "out" || session !== romeo.self || stanza.name !== "iq" || stanza.attrs.type !== "result") return stanza;
      const error = xml("error", { type: "cancel" }, xml("service-unavailable", NS_STANZAS));
      return [xml("iq", { id: stanza.attrs.id, type: "error", to: romeo.self, from: "benvolio@montague.lit/x" }, error), stanza];
    };
    const [session] = await streamBetween(romeo, juliet);
    expect(session.status).toBe("online");
  });

  it("two results in one answer are none", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    on.interfere = (stanza, { direction }) => {
      if (direction === "out" && isDiscoAnswer(stanza)) stanza.append(xml("query", NS_DISCO_INFO));
      return stanza;
    };
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("invalid-xml");
  });
});
