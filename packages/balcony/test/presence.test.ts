import { createHash } from "node:crypto";
import { childElements, type Element } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { codeOf, NS_DISCO_INFO, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import { xml } from "../src/index.js";

const on = stage();
const JULIET = "juliet@capulet.lit";
const presence = (...children: Element[]) => xml("presence", {}, children);
const priority = (value: string) => xml("priority", {}, value);

/** Both have seen everything that was sent to them so far. */
const settle = async (...people: readonly Awaited<ReturnType<typeof on.login>>[]): Promise<void> => {
  for (const { xmpp } of people) await xmpp.iqCaller.get(xml("ping", "urn:xmpp:ping"), "capulet.lit");
};

describe("a bare address", () => {
  it("of somebody who allows us, without any roster, is found by directed presence", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    await juliet.xmpp.send(presence());
    const session = await romeo.e2e.open(JULIET);
    expect(session.peer).toBe(juliet.self);
  });

  it("of somebody who does not allow us is not, and they are not asked anything", async () => {
    const romeo = await on.login("romeo", { timeouts: { presence: 100 } });
    const juliet = await on.login("juliet", { policy: { allow: () => false } });
    await juliet.xmpp.send(presence());
    expect(await codeOf(romeo.e2e.open(JULIET))).toBe("unknown-resource");
    expect(juliet.errors).toEqual([]);
  });

  it("of somebody whose key is pinned answers, whatever policy says of strangers", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet", { policy: { allow: () => false } });
    await juliet.xmpp.send(presence());
    const opened = next(romeo.e2e, "session");
    await juliet.e2e.open(romeo.self);
    await opened;
    const session = await romeo.e2e.open(JULIET);
    expect(session.peer).toBe(juliet.self);
  });

  it("is not shown somebody who has gone unavailable", async () => {
    const romeo = await on.login("romeo", { timeouts: { presence: 100 } });
    const juliet = await on.login("juliet");
    await juliet.xmpp.send(presence());
    await juliet.xmpp.send(xml("presence", { type: "unavailable" }));
    expect(await codeOf(romeo.e2e.open(JULIET))).toBe("unknown-resource");
  });

  it("is told once, and again only after it was taken back", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    await juliet.xmpp.send(presence());
    await romeo.e2e.open(JULIET);
    await romeo.e2e.open(JULIET);
    const told = on.seen.filter(({ direction, session, xml: text }) => direction === "in" && session === romeo.self && text.startsWith("<presence"));
    expect(told.length).toBe(1);
  });

  it("hears that we have gone when Balcony lets go of the client", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    await juliet.xmpp.send(presence());
    await romeo.e2e.open(JULIET);
    const gone = new Promise<void>((resolve) =>
      juliet.xmpp.on("stanza", (stanza: Element) => {
        if (stanza.is("presence") && stanza.attrs.type === "unavailable" && stanza.attrs.from === romeo.self) resolve();
      }),
    );
    await romeo.e2e.close();
    await gone;
  });
});

describe("of several devices", () => {
  const roster = stage({ sharedRoster: true });

  it.each([
    ["the highest priority", ["1", "5", "3"], 1],
    ["garbage counts as 0, so a priority above it", ["NaN", "1", "1e9"], 1],
    ["out of range counts as 0, so a priority above it", ["999", "-129", "7"], 2],
    ["the one heard of last of equals", ["2", "2", "2"], 2],
  ])("%s is called", async (_, priorities, expected) => {
    const devices = await Promise.all(priorities.map(async (__, index) => await roster.login("juliet", { resource: `device${index}` })));
    const romeo = await roster.login("romeo");
    await romeo.xmpp.send(presence());
    for (const device of devices) await device.xmpp.send(presence());
    await settle(...devices, romeo);
    for (const [index, device] of devices.entries()) {
      roster.server.inject(romeo.self, `<presence xmlns='jabber:client' from='${device.self}'><priority>${priorities[index]}</priority></presence>`);
    }
    await settle(romeo);
    const session = await romeo.e2e.open(JULIET);
    expect(session.peer).toBe(devices[expected]?.self);
  });

  it("one that knows no streams is passed over", async () => {
    const juliet = await roster.login("juliet", { resource: "able" });
    const romeo = await roster.login("romeo");
    await romeo.xmpp.send(presence());
    await juliet.xmpp.send(presence(priority("-1")));
    roster.server.inject(romeo.self, `<presence xmlns='jabber:client' from='${JULIET}/ghost'><priority>100</priority></presence>`);
    await settle(juliet, romeo);
    const session = await romeo.e2e.open(JULIET);
    expect(session.peer).toBe(juliet.self);
  });
});

describe("what we say of ourselves", () => {
  const ask = async (asker: Awaited<ReturnType<typeof on.login>>, address: string, node?: string): Promise<Element> => {
    const info = await asker.xmpp.iqCaller.get(xml("query", { xmlns: NS_DISCO_INFO, node }), address);
    return info as Element;
  };
  const vars = (query: Element): string[] => childElements(query).flatMap(({ name, attrs }) => (name === "feature" ? [attrs.var ?? ""] : []));

  it("is merged with what the application says", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    juliet.xmpp.iqCallee.get(NS_DISCO_INFO, "query", () =>
      xml("query", NS_DISCO_INFO, xml("identity", { category: "client", type: "bot", name: "Nurse" }), xml("feature", { var: "urn:example:gossip" })),
    );
    const query = await ask(romeo, juliet.self);
    expect(vars(query)).toEqual(expect.arrayContaining(["urn:example:gossip", "urn:xmpp:jingle:apps:xmlstream:0", "urn:xmpp:jingle:1"]));
    expect(childElements(query).filter(({ name }) => name === "identity").length).toBe(1);
    const [session] = await streamBetween(romeo, juliet);
    expect(session.status).toBe("online");
  });

  it("stands in every presence as XEP-0115 §5.1 computes it, and answers for its node", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const seen = next<Element>(romeo.xmpp, "stanza");
    await juliet.xmpp.send(xml("presence", { to: romeo.self }));
    const caps = (await seen).getChild("c", "http://jabber.org/protocol/caps");
    const { node, ver } = caps?.attrs ?? {};
    const query = await ask(romeo, juliet.self, `${node}#${ver}`);
    const identities = childElements(query).filter(({ name }) => name === "identity");
    const text = identities.map(({ attrs }) => `${attrs.category}/${attrs.type}/${attrs["xml:lang"] ?? ""}/${attrs.name ?? ""}<`).sort();
    const features = vars(query)
      .sort()
      .map((feature) => `${feature}<`);
    expect(
      createHash("sha1")
        .update([...text, ...features].join(""))
        .digest("base64"),
    ).toBe(ver);
    expect(query.attrs.node).toBe(`${node}#${ver}`);
  });
});
