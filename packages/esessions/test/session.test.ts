import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { directPair, heardBy } from "./direct-pair.js";
import { ALICE, BOB, sessionPair } from "./pair.js";

const body = (text: string) => xml("message", {}, xml("body", {}, text));

function bodies(session: { channel: { onStanza(handler: (received: { stanza: Element }) => undefined): unknown } }): string[] {
  const heard: string[] = [];
  session.channel.onStanza(({ stanza }) => {
    heard.push(stanza.getChildText("body") ?? stanza.name);
    return undefined;
  });
  return heard;
}

describe("an ESession over servers", () => {
  it("shows them a message without type, id and body, and every hint against copies", async () => {
    const { network, a } = await sessionPair();
    const seen: Element[] = [];
    network.tap((stanza) => {
      seen.push(stanza);
      return stanza;
    });
    await a.channel.send(xml("presence", {}, xml("status", {}, "secret")));
    const [stanza] = seen;
    expect(stanza?.name).toBe("message");
    expect(Object.keys(stanza?.attrs ?? {}).sort()).toEqual(["from", "to"]);
    expect(stanza?.children.map((child) => (typeof child === "string" ? child : child.name))).toEqual(["thread", "c", "private", "no-copy", "no-store", "no-permanent-store"]);
    expect(stanza?.toString()).not.toContain("secret");
  });

  it("drops what a server puts beside <c/>", async () => {
    const { network, a, b } = await sessionPair();
    const heard = bodies(b);
    network.tap((stanza) => {
      if (stanza.getChild("c")) stanza.append(xml("body", {}, "forged"));
      return stanza;
    });
    await a.channel.send(body("true"));
    await a.close();
    expect(heard).toEqual(["true"]);
  });

  it.each([
    ["type", "groupchat"],
    ["id", "x"],
  ])("an outer %s that its sender did not write is `tampered`", async (name, value) => {
    const { network, a, b } = await sessionPair();
    const heard = bodies(b);
    network.tap((stanza) => {
      if (stanza.getChild("c")) stanza.attrs[name] = value;
      return stanza;
    });
    await a.channel.send(body("x"));
    await expect.poll(() => b.channel.closed.aborted).toBe(true);
    expect(b.channel.closed.reason.code).toBe("tampered");
    expect(heard).toEqual([]);
  });

  it.each(["lost", "doubled", "swapped"])("a stanza that was %s ends the session, and nothing is delivered twice or out of order", async (fault) => {
    const { network, a, b } = await sessionPair();
    const heard = bodies(b);
    let held: Element | undefined;
    let count = 0;
    network.tap((stanza) => {
      if (!stanza.getChild("c") || stanza.attrs.from !== ALICE) return stanza;
      count++;
      if (fault === "doubled") return count === 2 ? [stanza, stanza] : stanza;
      if (fault === "lost") return count === 2 ? [] : stanza;
      if (count === 2) {
        held = stanza;
        return [];
      }
      return held && count === 3 ? [stanza, held] : stanza;
    });
    for (const text of ["1", "2", "3"]) await a.channel.send(body(text)).catch(() => undefined); // it may have been told by then
    await expect.poll(() => b.channel.closed.aborted).toBe(true);
    expect(b.channel.closed.reason.code).toBe("stanza-unverified");
    expect(heard).toEqual(fault === "doubled" ? ["1", "2"] : ["1"]);
  });

  it("refuses a stanza in clear on its thread, and says so", async () => {
    const { network, bob, a, b } = await sessionPair();
    const heard = bodies(b);
    let plain = 0;
    bob.channel.onStanza(() => {
      plain++;
      return undefined;
    });
    network.inject(xml("message", { from: ALICE, to: BOB }, xml("thread", {}, a.thread), xml("body", {}, "in clear")));
    await expect.poll(() => bob.errors.length).toBe(1);
    expect(bob.errors[0]).toMatchObject({ code: "tampered" });
    await a.channel.send(body("sealed"));
    await a.close();
    expect(heard).toEqual(["sealed"]);
    expect(plain).toBe(0);
  });

  it("a clear termination is believed by nobody in the strict setting, and marked unverified in the deployed one", async () => {
    for (const setting of ["strict", "deployed"] as const) {
      const { network, bob, a, b } = await sessionPair({ alice: { settings: [setting] } });
      const field = (name: string, value: string) => xml("field", { var: name }, xml("value", {}, value));
      const x = xml("x", { xmlns: "jabber:x:data", type: "submit" }, field("FORM_TYPE", "urn:xmpp:ssn"), field("terminate", "1"));
      network.inject(xml("message", { from: ALICE, to: BOB }, xml("thread", {}, a.thread), xml("feature", "http://jabber.org/protocol/feature-neg", x)));
      await expect.poll(() => bob.errors.length + Number(b.channel.closed.aborted)).toBe(1);
      if (setting === "strict") expect(b.channel.closed.aborted).toBe(false);
      else expect(b.channel.closed.reason.code).toBe("ended-unverified");
    }
  });

  it("somebody else's stanza on the thread changes nothing", async () => {
    const { network, a, b } = await sessionPair();
    const heard = bodies(b);
    network.inject(xml("message", { from: "alice@capulet.lit/other", to: BOB }, xml("thread", {}, a.thread), xml("c", "http://www.xmpp.org/extensions/xep-0200.html#ns")));
    await a.channel.send(body("x"));
    await a.close();
    expect(heard).toEqual(["x"]);
  });

  it("agrees on new keys in both directions at once, between stanzas", async () => {
    const { a, b } = await sessionPair();
    const [atA, atB] = [bodies(a), bodies(b)];
    await expect(a.rekey()).rejects.toMatchObject({ code: "resource-constraint" }); // one stanza at least was agreed
    await Promise.all([a.channel.send(body("first")), b.channel.send(body("first"))]);
    for (let round = 0; round < 4; round++) {
      await Promise.all([a.rekey(), b.rekey(), a.channel.send(body(`a${round}`)), b.channel.send(body(`b${round}`))]);
      await Promise.all([a.channel.send(body(`A${round}`)), b.channel.send(body(`B${round}`))]);
    }
    await expect.poll(() => atA.length + atB.length).toBe(18);
    await Promise.all([a.close(), b.close()]);
    expect(atB).toEqual(["first", "a0", "A0", "a1", "A1", "a2", "A2", "a3", "A3"]);
    expect(atA).toEqual(["first", "b0", "B0", "b1", "B1", "b2", "B2", "b3", "B3"]);
  });

  it("ends before a key encrypts more than it may; a new key in time, and it goes on", async () => {
    const { a, b } = directPair({ mostBlocks: 8 });
    const heard = heardBy(b);
    const say = async (): Promise<void> => await a.channel.send(body("two blocks"));
    for (const round of [1, 2]) {
      for (const _ of [1, 2, 3]) await say();
      if (round === 1) await a.rekey();
    }
    await say();
    await expect(say()).rejects.toMatchObject({ code: "resource-constraint", phase: "session", message: "The session's key has encrypted as much as it may." });
    expect([a.channel.closed.reason.code, b.channel.closed.aborted]).toEqual(["resource-constraint", false]);
    await expect.poll(() => heard.length).toBe(7);
  });

  it("an end on one side is an acknowledged end on both", async () => {
    const { a, b } = await sessionPair();
    await a.close();
    await expect.poll(() => b.channel.closed.aborted).toBe(true);
    expect([a.channel.closed.reason.code, b.channel.closed.reason.code]).toEqual(["closed", "closed"]);
    await expect(a.channel.send(body("x"))).rejects.toMatchObject({ code: "closed" });
  });
});
