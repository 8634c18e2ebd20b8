import type { BalconyError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { actionNames } from "../src/action.js";
import { codeOf, juliet, Meadow, NS_ONE, network, nurse, romeo, settle, side, stream, transport } from "./rig.js";

const NS = "urn:xmpp:jingle:1";
const offer = (sid: string) =>
  xml(
    "jingle",
    { xmlns: NS, action: "session-initiate", sid },
    xml("content", { creator: "initiator", name: "xmlstream" }, stream(), xml("transport", { xmlns: NS_ONE, sid: "t1" })),
  );

/** Answers as they stand on the wire, but for the id. */
function answers(net: ReturnType<typeof network>): string[] {
  const seen: string[] = [];
  net.tap((stanza) => {
    if (stanza.attrs.type === "error" || stanza.attrs.type === "result") seen.push(stanza.toString().replaceAll(stanza.attrs.id ?? "", "ID"));
    return stanza;
  });
  return seen;
}

const ask = (channel: { request(iq: Element): Promise<Element> }, payload: Element) => channel.request(xml("iq", { to: juliet, type: "set" }, payload));

describe("a stranger", () => {
  it.each([...actionNames, "nonsense", undefined])("who sends %s hears byte by byte what a client without Jingle answers", async (action) => {
    const payload = offer("s1");
    if (action === undefined) delete payload.attrs.action;
    else payload.attrs.action = action;
    const bare = network();
    bare.connect(juliet);
    const without = answers(bare);
    await codeOf(ask(bare.connect(nurse), payload));
    const net = network();
    const meadow = new Meadow();
    const b = side(net, juliet, [transport(NS_ONE, meadow)], { knows: () => false });
    const withJingle = answers(net);
    await codeOf(ask(net.connect(nurse), payload));
    expect(without).toHaveLength(1);
    expect(withJingle).toEqual(without);
    expect(b.offers).toEqual([]);
    expect(meadow.begun).toBe(0);
  });

  it("hears the same while we have sessions with others, also of their sids", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow)]);
    const b = side(net, juliet, [transport(NS_ONE, meadow)], { knows: (from) => from === romeo });
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    const session = await b.offers[0]?.accept({ application: stream() });
    const stranger = net.connect(nurse);
    const heard = answers(net);
    const terminate = xml("jingle", { xmlns: NS, action: "session-terminate", sid: (await mine).sid });
    await codeOf(ask(stranger, terminate));
    expect(heard[0]).toContain("service-unavailable");
    expect(heard[0]).not.toContain("unknown-session");
    expect(session?.ended.aborted).toBe(false);
  });

  it("whom we offered a session may accept it, and hears unknown-session when it is over", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow)], { knows: () => false });
    const b = side(net, juliet, [transport(NS_ONE, meadow)]);
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    await b.offers[0]?.accept({ application: stream() });
    await (await mine).terminate("success");
    const late = xml("iq", { to: romeo, type: "set" }, xml("jingle", { xmlns: NS, action: "session-info", sid: (await mine).sid }));
    const error = await b.channel.request(late).catch((reason: unknown) => reason);
    expect((error as BalconyError).stanza?.application?.name).toBe("unknown-session");
    // An acquaintance may know that a session is over; to offer another, a stranger is a stranger.
    const again = await b.channel.request(xml("iq", { to: romeo, type: "set" }, offer("s2"))).catch((reason: unknown) => reason);
    expect((again as BalconyError).condition).toBe("service-unavailable");
    expect((again as BalconyError).stanza?.application).toBeUndefined();
    expect(a.offers).toEqual([]);
  });

  it("makes nothing begin before we accept, and nor does anybody else", async () => {
    const net = network();
    const meadow = new Meadow();
    const b = side(net, juliet, [transport(NS_ONE, meadow)]);
    await ask(net.connect(nurse), offer("s1"));
    expect(b.offers).toHaveLength(1);
    expect(meadow.begun).toBe(0);
    await b.jingle.close();
  });
});

describe("somebody in the network who forges senders", () => {
  it("cannot accept our offer from another resource, nor answer it", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow)]);
    const b = side(net, juliet, [transport(NS_ONE, meadow)]);
    net.connect(`${juliet}2`);
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    const { sid } = b.offers[0] ?? { sid: "" };
    for (const from of [`${juliet}2`, "juliet@capulet.lit", nurse]) {
      const accept = offer(sid);
      accept.attrs.action = "session-accept";
      net.inject(xml("iq", { from, to: romeo, id: "forged", type: "set" }, accept));
      net.inject(xml("iq", { from, to: romeo, id: "forged", type: "set" }, xml("jingle", { xmlns: NS, action: "session-terminate", sid })));
    }
    await settle();
    await b.offers[0]?.accept({ application: stream() });
    expect((await mine).peer).toBe(juliet);
  });
});
