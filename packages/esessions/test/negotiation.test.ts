import { memoryStanzaNetwork } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { breaches, formOf } from "../../../interop/bots/breaches.js";
import type { Parameters } from "../src/index.js";
import { ALICE, BOB, sessionPair, side } from "./pair.js";

const body = (text: string) => xml("message", {}, xml("body", {}, text));
const fieldOf = (stanza: Element, name: string): Element | undefined =>
  (stanza.getChild("feature") ?? stanza.getChild("init"))
    ?.getChild("x")
    ?.getChildren("field")
    .find(({ attrs }) => attrs.var === name);

const combinations: Partial<Parameters>[] = (["strict", "deployed"] as const).flatMap((setting) =>
  [14, 15, 16].flatMap((group) =>
    (["aes128-ctr", "aes192-ctr", "aes256-ctr"] as const).map((cipher): Partial<Parameters> => ({ settings: [setting], groups: [group], ciphers: [cipher] })),
  ),
);

describe("a four-message negotiation (XEP-0116, XEP-0217)", () => {
  it.each([...combinations, { groups: [17] }, { groups: [18] }])("completes, and stanzas go both ways: %j", async (parameters) => {
    const { a, b } = await sessionPair({ alice: parameters, bob: { ...parameters, settings: ["strict", "deployed"] } });
    const heard: string[] = [];
    for (const session of [a, b]) session.channel.onStanza(({ stanza }) => void heard.push(stanza.getChildText("body") ?? ""));
    await a.channel.send(body("Grüße"));
    await b.channel.send(body("from Bob"));
    await Promise.all([a.close(), b.close()]);
    expect(heard.sort()).toEqual(["Grüße", "from Bob"].sort());
    expect(a.security).toMatchObject({ protocol: "ESession", group: parameters.groups?.[0], balcony: true, sas: undefined, retained: "none" });
  });

  it("keeps a secret from one session to the next, and says so", async () => {
    const { alice, bob, a } = await sessionPair();
    await a.close();
    const [again, theirs] = await Promise.all([alice.sessions.initiate(BOB), bob.incoming()]);
    expect([again.security.retained, theirs.security.retained]).toEqual(["matched", "matched"]);
  });

  it.each(["behind the last form, in one piece with it", "within the last form"])("what is encrypted %s is not lost", async (where) => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    let held: Element | undefined;
    network.tap((stanza) => {
      if (stanza.getChild("init")) {
        held = stanza;
        return undefined;
      }
      const c = stanza.getChild("c");
      if (!held || !c) return stanza;
      const last = held;
      held = undefined;
      if (where.startsWith("behind")) return [last, stanza];
      last.append(c);
      return last;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14] } });
    const bob = side(network, BOB, { parameters: { groups: [14] } });
    const starting = alice.sessions.initiate(BOB);
    const theirs = await bob.incoming();
    theirs.deliver();
    await theirs.channel.send(body("first"));
    const session = await starting;
    const heard: (string | null)[] = [];
    session.channel.onStanza(({ stanza }) => void heard.push(stanza.getChildText("body")));
    session.deliver();
    await theirs.channel.send(body("second"));
    await theirs.close();
    expect(heard).toEqual(["first", "second"]);
  });

  it("many sessions with the same address stand side by side", async () => {
    const { alice, bob, a, b } = await sessionPair();
    const [a2, b2] = await Promise.all([alice.sessions.initiate(BOB), bob.incoming()]);
    b2.deliver();
    const heard: string[] = [];
    b.channel.onStanza(({ stanza }) => void heard.push(`1 ${stanza.getChildText("body")}`));
    b2.channel.onStanza(({ stanza }) => void heard.push(`2 ${stanza.getChildText("body")}`));
    await a2.channel.send(body("x"));
    await a.channel.send(body("y"));
    await Promise.all([a.close(), a2.close()]);
    expect(heard.sort()).toEqual(["1 y", "2 x"]);
  });

  it.each(breaches)("$what is found out, and answered as the text says", async ({ change, condition, role }) => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    const conditions: (string | undefined)[] = [];
    network.tap((stanza) => {
      const found = formOf(stanza);
      if (stanza.attrs.type === "error") conditions.push(stanza.getChild("error")?.getChildElements()[0]?.name);
      else if (found) change[found.type]?.(found.form);
      return stanza;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14], settings: ["deployed"] } });
    side(network, BOB, { parameters: { groups: [14] } });
    const error = await alice.sessions.initiate(BOB).catch((reason: unknown) => reason);
    // Whoever got what was broken says so, and the other one hears it.
    expect(error).toMatchObject({ code: role === "responder" ? (condition === "not-acceptable" ? "esession-options" : "esession-check") : "stanza-error" });
    await expect.poll(() => conditions).toEqual([condition]);
  });

  it.each(["form", "submit"])("a form altered on the way ends in no session: %s", async (type) => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    network.tap((stanza) => {
      const x = stanza.getChild("feature")?.getChild("x");
      if (x?.attrs.type === type && stanza.attrs.type !== "error") fieldOf(stanza, "accept")?.append(xml("desc", {}, "x"));
      return stanza;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14] } });
    side(network, BOB, { parameters: { groups: [14] } });
    await expect(alice.sessions.initiate(BOB)).rejects.toMatchObject({ code: type === "form" ? "stanza-error" : "esession-check" });
  });

  it("our own field stripped from the offer is found out", async () => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    network.tap((stanza) => {
      const field = fieldOf(stanza, "urn:xmpp:balcony:esessions:0");
      if (field) stanza.getChild("feature")?.getChild("x")?.remove(field);
      return stanza;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14] } });
    side(network, BOB, { parameters: { groups: [14] } });
    await expect(alice.sessions.initiate(BOB)).rejects.toMatchObject({ code: "stanza-error" });
  });

  it("no option in common is answered not-acceptable, with the fields", async () => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    const answers: Element[] = [];
    network.tap((stanza) => {
      if (stanza.attrs.type === "error") answers.push(stanza);
      return stanza;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14] } });
    side(network, BOB, { parameters: { groups: [15] } });
    await expect(alice.sessions.initiate(BOB)).rejects.toMatchObject({ code: "stanza-error", condition: "not-acceptable" });
    expect(
      answers[0]
        ?.getChild("error")
        ?.getChild("feature")
        ?.getChildren("field")
        .map(({ attrs }) => attrs.var),
    ).toEqual(["modp"]);
  });

  it.each([1, 2, 5, 13, 19])("group %i is never offered nor taken", async (group) => {
    const network = memoryStanzaNetwork();
    expect(() => side(network, ALICE, { parameters: { groups: [group] } })).toThrow(/never used/);
  });

  it("whoever policy does not accept gets no answer at all, and nothing is computed for them", async () => {
    const network = memoryStanzaNetwork();
    const seen: Element[] = [];
    network.tap((stanza) => {
      seen.push(stanza);
      return stanza;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14] } });
    const asked = new Promise<void>((resolve) => {
      side(network, BOB, {
        accept: () => {
          resolve();
          return false;
        },
        arithmetic: { prime: () => new Uint8Array(), powers: () => Promise.reject(new Error("computed for a stranger")) },
      });
    });
    const ended = new AbortController();
    const opening = alice.sessions.initiate(BOB, { signal: ended.signal });
    await asked;
    await new Promise((resolve) => setImmediate(resolve));
    ended.abort();
    await expect(opening).rejects.toMatchObject({ code: "aborted" });
    expect(seen).toHaveLength(1);
  });

  it("an offer that a server had stored is never answered", async () => {
    const network = memoryStanzaNetwork();
    let forms = 0;
    network.tap((stanza) => {
      forms++;
      stanza.append(xml("delay", { xmlns: "urn:xmpp:delay", stamp: "2026-01-01T00:00:00Z" }));
      return stanza;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14] } });
    side(network, BOB);
    const ended = new AbortController();
    const opening = alice.sessions.initiate(BOB, { signal: ended.signal });
    await expect.poll(() => forms).toBe(1);
    ended.abort();
    await expect(opening).rejects.toMatchObject({ code: "aborted" });
    expect(forms).toBe(1);
  });

  it("of several resources that answer the first is taken, and each other is told", async () => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    const cancelled: (string | undefined)[] = [];
    network.tap((stanza) => {
      if (fieldOf(stanza, "accept")?.getChildText("value") === "0") cancelled.push(stanza.attrs.to);
      return stanza;
    });
    const alice = side(network, ALICE, { parameters: { groups: [14] } });
    side(network, BOB, { parameters: { groups: [14] } });
    side(network, "bob@montague.lit/balcony", { parameters: { groups: [14] } });
    const session = await alice.sessions.initiate("bob@montague.lit");
    expect(["bob@montague.lit/orchard", "bob@montague.lit/balcony"]).toContain(session.peer);
    await expect.poll(() => cancelled.length).toBe(1);
    expect(cancelled[0]).not.toBe(session.peer);
  });
});
