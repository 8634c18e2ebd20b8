import { BalconyError } from "@balcony/channel";
import { clone, type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import type { StanzaKind } from "../src/index.js";
import { type ESession, ESessions, memorySecrets } from "../src/index.js";
import { nodeArithmetic, nodeCrypto } from "../src/node/index.js";
import { ALICE, BOB, sessionPair } from "./pair.js";

const NS_ENCRYPTED = "http://www.xmpp.org/extensions/xep-0200.html#ns";
const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";
const all: readonly StanzaKind[] = ["message", "presence", "iq"];
const foreign = { wholeStanzas: false, stanzas: all };
const query = (text = "") => xml("query", "urn:example:age", text);
const ask = (session: ESession, payload = query()) => session.channel.request(xml("iq", { type: "get" }, payload), { timeout: 5_000 });

/** Two clients of 2007, one of them ours. */
async function pair(settings: readonly ("deployed" | "strict")[] = ["deployed"]) {
  const { network, a, b, ...rest } = await sessionPair({ alice: { ...foreign, settings }, bob: { ...foreign, settings } });
  const wire: Element[] = [];
  network.tap((stanza) => {
    wire.push(stanza);
    return stanza;
  });
  const heard: Element[] = [];
  b.channel.onStanza(({ stanza }) => {
    heard.push(stanza);
    return true;
  });
  return { network, a, b, wire, heard, ...rest };
}

/** Alters what Alice sends. */
function altering(network: Awaited<ReturnType<typeof pair>>["network"], alter: (stanza: Element) => Element | undefined) {
  network.tap((stanza) => (stanza.attrs.from === ALICE && stanza.toString().includes("<mac>") ? alter(stanza) : stanza));
}

const reasonOf = async (session: ESession): Promise<string> => {
  await expect.poll(() => session.channel.closed.aborted).toBe(true);
  return session.channel.closed.reason.code;
};

describe.each(["deployed", "strict"] as const)("with a client that is no Balcony (%s)", (setting) => {
  it("messages, presence and requests go encrypted, and only their outside is there for servers", async () => {
    const { a, b, heard, wire } = await pair([setting]);
    b.channel.onRequest({ type: "get", name: "query", xmlns: "urn:example:age" }, () => query("13"));
    await a.channel.send(xml("message", { type: "chat", id: "secret" }, xml("body", {}, "secret")));
    await a.channel.send(xml("presence", {}, xml("status", {}, "secret")));
    await a.channel.send(xml("presence", { type: "unavailable" }, xml("status", {}, "secret")));
    const answer = await ask(a, query("secret"));
    expect([answer.getChildText("query", "urn:example:age"), answer.attrs.type]).toEqual(["13", "result"]);
    expect(heard.map(({ attrs, name }) => [name, attrs.type, attrs.from, attrs.to])).toEqual([
      ["message", undefined, ALICE, BOB],
      ["presence", undefined, ALICE, BOB],
      ["presence", "unavailable", ALICE, BOB],
    ]);
    expect(heard.map((stanza) => stanza.getChildText("body") ?? stanza.getChildText("status"))).toEqual(["secret", "secret", "secret"]);
    expect(wire.map(({ attrs, name }) => [name, attrs.type])).toEqual([
      ["message", undefined],
      ["presence", undefined],
      ["presence", "unavailable"],
      ["iq", "get"],
      ["iq", "result"],
    ]);
    for (const stanza of wire) expect([stanza.getChildren("c", NS_ENCRYPTED).length, stanza.toString().includes("secret")]).toEqual([1, false]);
    for (const iq of wire.filter(({ name }) => name === "iq")) expect(iq.children.length).toBe(1); // RFC 6120 §8.2.3
    await a.close();
  });

  it("an error is answered with what it says encrypted, its condition apart", async () => {
    const { a, b, wire } = await pair([setting]);
    b.channel.onRequest({ type: "get", name: "query", xmlns: "urn:example:age" }, () => {
      throw new BalconyError("stanza-error", "x", {
        stanza: { type: "auth", condition: "forbidden", text: "because of a secret", application: xml("too-young", "urn:example:age", "secret") },
      });
    });
    const error = await ask(a).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "stanza-error", condition: "forbidden", stanza: { type: "auth", text: "because of a secret" } });
    expect((error as BalconyError).stanza?.application?.getText()).toBe("secret");
    const sent = wire.at(-1);
    expect([sent?.name, sent?.attrs.type]).toEqual(["iq", "error"]);
    expect(sent?.getChild("error")?.getChild("forbidden", NS_STANZAS)).toBeDefined();
    expect(sent?.getChild("error")?.getChild("c", NS_ENCRYPTED)).toBeDefined();
    expect(sent?.toString()).not.toContain("secret");
    // What nobody answers is refused, encrypted too.
    await expect(ask(a, xml("unknown", "urn:example:unknown"))).rejects.toMatchObject({ condition: "service-unavailable" });
    await a.close();
  });

  it("errors to messages and to presence are the peer's own, and not its stanza come back", async () => {
    const { a, heard } = await pair([setting]);
    const error = (text: string) => xml("error", { type: "modify" }, xml("bad-request", NS_STANZAS), xml("text", NS_STANZAS, text));
    await a.channel.send(xml("message", { type: "error" }, xml("body", {}, "what you said"), error("one")));
    await a.channel.send(xml("presence", { type: "error" }, error("two")));
    await a.close();
    expect(heard.map((stanza) => [stanza.name, stanza.attrs.type, stanza.getChildText("body"), stanza.getChild("error")?.getChildText("text", NS_STANZAS)])).toEqual([
      ["message", "error", "what you said", "one"],
      ["presence", "error", null, "two"],
    ]);
    expect(heard[0]?.getChild("error")?.attrs.type).toBe("modify");
  });
});

describe("what servers can do to a session with a client that is no Balcony", () => {
  it("siblings of <c/> are dropped, in messages, in presence and in errors; rules for servers stay outside", async () => {
    const { network, a, heard, wire } = await pair();
    altering(network, (stanza) => {
      stanza.append(xml("body", {}, "forged"), xml("status", {}, "forged"));
      stanza.getChild("error")?.append(xml("text", NS_STANZAS, "forged"), xml("forged", "urn:example"));
      return stanza;
    });
    await a.channel.send(xml("message", {}, xml("body", {}, "true"), xml("amp", "http://jabber.org/protocol/amp")));
    await a.channel.send(xml("presence", {}, xml("status", {}, "true")));
    await a.channel.send(xml("message", { type: "error" }, xml("error", { type: "cancel" }, xml("gone", NS_STANZAS), xml("text", NS_STANZAS, "true"))));
    await a.close();
    expect(heard.length).toBe(3);
    for (const stanza of heard) expect(stanza.toString()).not.toContain("forged");
    expect(wire[0]?.getChild("amp", "http://jabber.org/protocol/amp")).toBeDefined();
  });

  it.each(["subscribe", "probe", ""])("presence that was given type %j is `tampered`", async (type) => {
    const { network, a, b, heard } = await pair();
    altering(network, (stanza) => Object.assign(stanza, { attrs: { ...stanza.attrs, type } }));
    await a.channel.send(xml("presence", {}, xml("status", {}, "x")));
    expect(await reasonOf(b)).toBe("tampered");
    expect(heard).toEqual([]);
  });

  it("the answer to a request, in clear, is `tampered`; an error in clear is the request come back", async () => {
    for (const [answer, code] of [
      [xml("query", "urn:example:age", "31"), "tampered"],
      [xml("error", { type: "cancel" }, xml("service-unavailable", NS_STANZAS)), "peer-unavailable"],
    ] as const) {
      const { network, a, b } = await pair();
      b.channel.onRequest({ type: "get", name: "query", xmlns: "urn:example:age" }, () => query("13"));
      network.tap((stanza) => {
        if (stanza.name === "iq" && stanza.attrs.from === BOB)
          Object.assign(stanza, { children: [answer], attrs: { ...stanza.attrs, type: answer.name === "error" ? "error" : "result" } });
        return stanza;
      });
      await expect(ask(a)).rejects.toMatchObject({ code });
      expect(await reasonOf(a)).toBe(code);
    }
  });

  it("a stanza of ours that comes back is no word of the peer's", async () => {
    const { network, a } = await pair();
    altering(network, (stanza) => {
      const back = xml("message", { ...stanza.attrs, from: BOB, to: ALICE, type: "error" }, [...stanza.children], xml("error", { type: "cancel" }, xml("gone", NS_STANZAS)));
      return back;
    });
    await a.channel.send(xml("message", {}, xml("body", {}, "x")));
    expect(await reasonOf(a)).toBe("peer-unavailable");
  });

  it.each(["message", "presence"])("two <c/> in a %s are malformed", async (kind) => {
    const { network, a, b } = await pair();
    altering(network, (stanza) => {
      const c = stanza.getChild("c", NS_ENCRYPTED);
      if (c) stanza.append(clone(c));
      return stanza;
    });
    await a.channel.send(xml(kind, {}, xml("status", {}, "x")));
    expect(await reasonOf(b)).toBe("stanza-malformed");
  });

  it.each(["lost", "doubled"])("a request that was %s ends the session, and nothing is answered twice", async (fault) => {
    const { network, a, b } = await pair();
    let asked = 0;
    b.channel.onRequest({ type: "get", name: "query", xmlns: "urn:example:age" }, () => {
      asked++;
      return query("13");
    });
    network.tap((stanza) => {
      if (stanza.attrs.from !== ALICE || stanza.name !== "iq") return stanza;
      return fault === "lost" ? [] : [stanza, stanza];
    });
    const answered = ask(a).catch(() => undefined);
    await a.channel.send(xml("message", {}, xml("body", {}, "x"))).catch(() => undefined);
    expect(await reasonOf(b)).toBe("stanza-unverified");
    expect(asked).toBe(fault === "lost" ? 0 : 1);
    await answered;
  });
});

describe("which kinds of stanza are encrypted", () => {
  it("is messages alone by default, and what both have otherwise", async () => {
    for (const [alice, bob] of [
      [foreign, { wholeStanzas: false }],
      [{ wholeStanzas: false }, foreign],
    ] as const) {
      const { a, b } = await sessionPair({ alice, bob });
      for (const session of [a, b]) {
        expect(all.map((kind) => session.carries(kind))).toEqual([true, false, false]);
        await expect(session.channel.send(xml("presence"))).rejects.toMatchObject({ code: "invalid-argument" });
      }
      await a.close();
    }
    const { a } = await sessionPair({ alice: foreign, bob: { wholeStanzas: false, stanzas: ["message", "iq"] } });
    expect(all.map((kind) => a.carries(kind))).toEqual([true, false, true]);
    await a.close();
  });

  it("presence for servers is not", async () => {
    const { a } = await pair();
    await expect(a.channel.send(xml("presence", { type: "subscribe" }))).rejects.toMatchObject({ code: "invalid-argument" });
    await a.close();
  });

  it("presence and requests are one session's of an account, since they name no thread; the next one has them once that has ended", async () => {
    const { alice, bob, a } = await pair();
    const next = async () => {
      const [ours, theirs] = await Promise.all([alice.sessions.initiate(BOB), bob.incoming()]);
      ours.deliver();
      theirs.deliver();
      return ours;
    };
    const second = await next();
    expect([a, second].map((session) => session.carries("iq"))).toEqual([true, false]);
    await a.close();
    await second.close();
    const third = await next();
    expect(third.carries("iq")).toBe(true);
    await third.close();
  });

  it("a stanza of a kind that was not agreed on is nobody's", async () => {
    const { network, alice, a, b } = await sessionPair({ alice: { wholeStanzas: false }, bob: { wholeStanzas: false } });
    const iq = xml("iq", { type: "get" }, xml("c", NS_ENCRYPTED, xml("mac", {}, "AAAA")));
    await expect(alice.channel.to(BOB).request(iq)).rejects.toMatchObject({ condition: "service-unavailable" });
    network.inject(xml("presence", { from: ALICE, to: BOB }, xml("c", NS_ENCRYPTED, xml("mac", {}, "AAAA"))));
    await a.close();
    expect(await reasonOf(b)).toBe("closed");
  });

  it("cannot leave messages out", () => {
    const options = { crypto: nodeCrypto, arithmetic: nodeArithmetic, secrets: memorySecrets(), accept: () => true, onSession: () => undefined, report: () => undefined };
    expect(() => new ESessions({} as never, { ...options, parameters: { stanzas: ["iq"] } })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});
