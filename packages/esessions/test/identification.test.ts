import { BalconyError, memoryStanzaNetwork } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import type { Keys, Parameters } from "../src/index.js";
import { keyValue } from "../src/key-value.js";
import { nodeVerify } from "../src/node/index.js";
import { toBase64 } from "../src/octets.js";
import { keys, sameKey, signers } from "./keys.js";
import { ALICE, BOB, sessionPair, side } from "./pair.js";

const body = (text: string) => xml("message", {}, xml("body", {}, text));
const both = { alice: keys("alice"), bob: keys("bob") };
const byKey: Partial<Parameters> = { groups: [14], identify: ["key"], require: ["key"] };

const combinations = ([4, 3] as const).flatMap((messages) =>
  (["none", "key", "hash"] as const).flatMap((initiator) =>
    (["none", "key", "hash"] as const).map((responder) => ({ messages, initiator, responder, setting: initiator === responder ? ("deployed" as const) : ("strict" as const) })),
  ),
);

/** Alice starts; what each side ends with, and what a bystander sees. */
async function attempt(alice: { keys: Keys; parameters: Partial<Parameters>; messages?: 3 | 4 }, bob: { keys?: Keys; parameters: Partial<Parameters> }) {
  const network = memoryStanzaNetwork({ report: () => undefined });
  const errors: Element[] = [];
  network.tap((stanza) => {
    if (stanza.attrs.type === "error") errors.push(stanza);
    return stanza;
  });
  const a = side(network, ALICE, alice);
  const b = side(network, BOB, bob);
  const outcome = await a.sessions.initiate(BOB, { messages: alice.messages ?? 4 }).catch((reason: unknown) => reason as BalconyError);
  await expect.poll(() => errors.length).toBeGreaterThan(0);
  const answers = errors.map((stanza) => {
    const error = stanza.getChild("error");
    const fields = error?.getChild("feature")?.getChildren("field") ?? [];
    return { from: stanza.attrs.from, condition: error?.getChildElements()[0]?.name, fields: fields.map(({ attrs }) => attrs.var) };
  });
  return { outcome, answers, errors: [a.errors, b.errors] as const };
}

describe("identification by RSA keys (XEP-0116)", () => {
  it.each(combinations.filter(({ initiator, messages, responder }) => messages === 4 || (initiator !== "none" && responder !== "none")))(
    "$messages messages, Alice by $initiator, Bob by $responder ($setting)",
    async ({ initiator, messages, responder, setting }) => {
      const settings = [setting];
      const { network, a, b } = await sessionPair({
        alice: { identify: [initiator], require: [responder], settings },
        bob: { identify: [responder], require: [initiator], settings, messages: [messages] },
        keys: both,
        initiate: { messages },
      });
      const heard: string[] = [];
      for (const session of [a, b]) session.channel.onStanza(({ stanza }) => void heard.push(stanza.getChildText("body") ?? ""));
      const seen: string[] = [];
      network.tap((stanza) => {
        seen.push(stanza.toString());
        return stanza;
      });
      await Promise.all([a.channel.send(body("Grüße")), b.channel.send(body("from Bob"))]);
      await Promise.all([a.channel.send(body("again")), b.channel.send(body("again, from Bob"))]);
      await Promise.all([a.close(), b.close()]);
      expect(heard.sort()).toEqual(["Grüße", "again", "again, from Bob", "from Bob"].sort());
      expect(sameKey(a.security.peerKey, signers.bob.publicKey)).toBe(responder !== "none");
      expect(sameKey(b.security.peerKey, signers.alice.publicKey)).toBe(initiator !== "none");
    },
  );

  it("shows neither key to whoever carries the stanzas", async () => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    let seen = "";
    network.tap((stanza) => {
      seen += stanza.toString();
      return stanza;
    });
    const alice = side(network, ALICE, { keys: both.alice, parameters: byKey });
    const bob = side(network, BOB, { keys: both.bob, parameters: byKey });
    await Promise.all([alice.sessions.initiate(BOB), bob.incoming()]);
    for (const { publicKey } of Object.values(signers)) {
      expect(seen).not.toContain(toBase64(publicKey.modulus).slice(0, 40));
      expect(seen).not.toContain(Buffer.from(keyValue(publicKey)).toString("base64").slice(0, 80));
    }
  });

  it("Bob says how Alice is to identify herself, Alice how Bob is: each by the other's order of preference", async () => {
    const { a, b } = await sessionPair({
      alice: { identify: ["none", "key"], require: ["key", "none"] },
      bob: { identify: ["none", "key"], require: ["key", "none"] },
      keys: both,
    });
    expect(sameKey(a.security.peerKey, signers.bob.publicKey)).toBe(true);
    expect(sameKey(b.security.peerKey, signers.alice.publicKey)).toBe(true);
  });

  it("where policy asks for a key, nobody without one gets a session", async () => {
    const plain = { groups: [14] };
    const without = await attempt({ keys: both.alice, parameters: plain }, { keys: both.bob, parameters: { ...byKey, identify: ["none"] } });
    expect(without.outcome).toMatchObject({ code: "stanza-error", condition: "not-acceptable" });
    expect(without.answers).toMatchObject([{ from: BOB, condition: "not-acceptable", fields: ["init_pubkey"] }]);
    const asking = await attempt({ keys: both.alice, parameters: byKey }, { parameters: plain });
    expect(asking.answers).toMatchObject([{ from: BOB, condition: "not-acceptable", fields: ["init_pubkey", "resp_pubkey"] }]);
  });

  it.each([4, 3] as const)("a key that is not accepted ends the negotiation on both sides, and the one who asked knows why (%i messages)", async (messages) => {
    const parameters = { ...byKey, messages: [messages] };
    const changed = new BalconyError("key-changed", "Another key was verified.");
    const throwing = keys("alice", { trust: () => Promise.reject(changed) });
    expect(await attempt({ keys: throwing, parameters, messages }, { keys: both.bob, parameters })).toMatchObject({
      outcome: { code: "key-changed" },
      answers: [{ from: ALICE, condition: "feature-not-implemented" }],
    });
    const refusing = keys("bob", { trust: () => false });
    const refused = await attempt({ keys: both.alice, parameters, messages }, { keys: refusing, parameters });
    expect(refused.answers).toMatchObject([{ from: BOB, condition: "feature-not-implemented" }]);
    expect(refused.errors[1]).toMatchObject([{ code: "not-trusted" }]);
  });

  it.each([4, 3] as const)("the fingerprint of a key that is not known ends it (%i messages)", async (messages) => {
    const parameters: Partial<Parameters> = { groups: [14], identify: ["hash"], require: ["hash"], messages: [messages] };
    const unknowing = (own: "alice" | "bob") => keys(own, { find: () => Promise.resolve(undefined) });
    const atAlice = await attempt({ keys: unknowing("alice"), parameters, messages }, { keys: both.bob, parameters });
    expect(atAlice).toMatchObject({ outcome: { code: "not-trusted" }, answers: [{ from: ALICE, condition: "feature-not-implemented" }] });
    const atBob = await attempt({ keys: both.alice, parameters, messages }, { keys: unknowing("bob"), parameters });
    expect(atBob.answers).toMatchObject([{ from: BOB, condition: "feature-not-implemented" }]);
    expect(atBob.errors[1]).toMatchObject([{ code: "not-trusted" }]);
  });

  it.each([4, 3] as const)("a signature by another key than the one that is shown is found out (%i messages)", async (messages) => {
    const parameters = { ...byKey, messages: [messages] };
    const forging = keys("bob", { signer: { publicKey: signers.bob.publicKey, sign: signers.alice.sign } });
    const forged = await attempt({ keys: both.alice, parameters, messages }, { keys: forging, parameters });
    expect(forged).toMatchObject({ outcome: { code: "esession-check" }, answers: [{ from: ALICE, condition: "feature-not-implemented" }] });
  });

  it("our own key shown to us is `reflection`", async () => {
    const mirrored = keys("bob", { signer: signers.alice });
    const parameters = { ...byKey, messages: [3 as const] }; // in which Bob shows his first
    const { outcome } = await attempt({ keys: both.alice, parameters, messages: 3 }, { keys: mirrored, parameters });
    expect(outcome).toMatchObject({ code: "reflection" });
  });

  it("a key that is too short is refused before anybody is asked about it", async () => {
    const short = { modulus: signers.bob.publicKey.modulus.subarray(0, 128), exponent: signers.bob.publicKey.exponent };
    let asked = 0;
    const asking = keys("alice", { trust: () => ++asked > 0, verify: (...all) => nodeVerify(...all).then(() => ++asked > 0) });
    const weak = keys("bob", { signer: { publicKey: short, sign: signers.bob.sign } });
    expect(await attempt({ keys: asking, parameters: byKey }, { keys: weak, parameters: byKey })).toMatchObject({ outcome: { code: "key-unacceptable" } });
    expect(asked).toBe(0);
  });

  it.each([
    [4, "alice"],
    [3, "bob"],
  ] as const)("stanzas that come while a key is looked into wait, and none is lost (%i messages)", async (messages, waiting) => {
    let look = (): void => undefined;
    const looked = new Promise<void>((resolve) => {
      look = resolve;
    });
    const network = memoryStanzaNetwork({ report: () => undefined });
    const slow = keys(waiting, { trust: () => looked.then(() => true) });
    const parameters = { ...byKey, messages: [messages] };
    const alice = side(network, ALICE, { keys: waiting === "alice" ? slow : both.alice, parameters });
    const bob = side(network, BOB, { keys: waiting === "bob" ? slow : both.bob, parameters });
    const [atAlice, atBob] = [alice.sessions.initiate(BOB, { messages }), bob.incoming()];
    const early = await (waiting === "alice" ? atBob : atAlice);
    for (const text of ["1", "2", "3"]) await early.channel.send(body(text));
    look();
    const late = await (waiting === "alice" ? atAlice : atBob);
    const heard: string[] = [];
    late.channel.onStanza(({ stanza }) => void heard.push(stanza.getChildText("body") ?? ""));
    late.deliver();
    early.deliver();
    await early.channel.send(body("4"));
    await early.close();
    expect(heard).toEqual(["1", "2", "3", "4"]);
  });

  it("needs keys, and says so at once", async () => {
    const network = memoryStanzaNetwork();
    expect(() => side(network, ALICE, { parameters: { identify: ["key"] } })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(() => side(network, BOB, { parameters: { require: ["hash", "none"] } })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});

describe("a negotiation of three messages (XEP-0116, SIGMA-I)", () => {
  it("is three messages, and has neither string nor retained secret", async () => {
    const network = memoryStanzaNetwork({ report: () => undefined });
    const seen: string[] = [];
    network.tap((stanza) => {
      seen.push(stanza.attrs.from ?? "");
      return stanza;
    });
    const parameters = { ...byKey, messages: [3 as const], wholeStanzas: false };
    const alice = side(network, ALICE, { keys: both.alice, parameters });
    const bob = side(network, BOB, { keys: both.bob, parameters });
    for (let round = 0; round < 2; round++) {
      seen.length = 0;
      const [a, b] = await Promise.all([alice.sessions.initiate(BOB, { messages: 3 }), bob.incoming()]);
      expect(seen).toEqual([ALICE, BOB, ALICE]);
      for (const { security } of [a, b]) expect(security).toMatchObject({ sas: undefined, retained: "none" });
    }
  });

  it("is not taken where policy does not say so, and answered with the field that it is known by", async () => {
    const { answers, errors, outcome } = await attempt({ keys: both.alice, parameters: byKey, messages: 3 }, { keys: both.bob, parameters: byKey });
    expect(outcome).toMatchObject({ code: "stanza-error", condition: "feature-not-implemented" });
    expect(answers).toEqual([{ from: BOB, condition: "feature-not-implemented", fields: ["dhkeys"] }]);
    expect(errors[1]).toMatchObject([{ code: "esession-check" }]);
  });

  it("four messages are not taken where policy says three alone", async () => {
    const { answers } = await attempt({ keys: both.alice, parameters: byKey }, { keys: both.bob, parameters: { ...byKey, messages: [3] } });
    expect(answers).toEqual([{ from: BOB, condition: "feature-not-implemented", fields: ["dhhashes"] }]);
  });

  it("never goes without keys, nor with another shared secret", async () => {
    const network = memoryStanzaNetwork();
    const plain = side(network, ALICE, { parameters: { groups: [14] } });
    await expect(plain.sessions.initiate(BOB, { messages: 3 })).rejects.toMatchObject({ code: "invalid-argument" });
    const keyed = side(network, "alice@capulet.lit/other", { keys: both.alice, parameters: byKey });
    await expect(keyed.sessions.initiate(BOB, { messages: 3, otherSecret: new Uint8Array(8) })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("takes no `none` for an answer, though it would in four messages", async () => {
    const mixed: Partial<Parameters> = { groups: [14], identify: ["none", "key"], require: ["none", "key"], messages: [3, 4] };
    const { a, b } = await sessionPair({ alice: mixed, bob: mixed, keys: both, initiate: { messages: 3 } });
    expect([a, b].map(({ security }) => security.peerKey !== undefined)).toEqual([true, true]);
  });
});

describe("a single stanza under keys of its own (XEP-0116, three messages with terminate)", () => {
  const parameters: Partial<Parameters> = { ...byKey, messages: [3], wholeStanzas: false };

  /** Bob's side hears at most one stanza of each session. */
  function pair() {
    const network = memoryStanzaNetwork({ report: () => undefined });
    const wire: Element[] = [];
    network.tap((stanza) => {
      wire.push(stanza);
      return stanza;
    });
    const alice = side(network, ALICE, { keys: both.alice, parameters });
    const bob = side(network, BOB, { keys: both.bob, parameters });
    return { network, wire, alice, bob };
  }

  it("arrives in the third message, and the session is over on both sides", async () => {
    const { alice, bob, wire } = pair();
    const [, theirs] = await Promise.all([alice.sessions.sendOnce(BOB, body("Good night")), bob.incoming()]);
    const heard: (string | null)[] = [];
    theirs.channel.onStanza(({ stanza }) => void heard.push(stanza.getChildText("body")));
    await expect(theirs.channel.send(body("x"))).rejects.toMatchObject({ code: "closed" });
    theirs.deliver();
    expect([heard, theirs.channel.closed.reason.code]).toEqual([["Good night"], "closed"]);
    expect(wire.map((stanza) => [stanza.attrs.from, stanza.getChild("c") !== undefined])).toEqual([
      [ALICE, false],
      [BOB, false],
      [ALICE, true],
    ]);
    expect(wire[2]?.toString()).not.toContain("Good night");
    expect(sameKey(theirs.security.peerKey, signers.alice.publicKey)).toBe(true);
    expect([alice.errors, bob.errors]).toEqual([[], []]);
  });

  it("that a server has altered, or whose form it has altered, is not taken", async () => {
    for (const alter of ["data", "terminate"]) {
      const { alice, bob, network } = pair();
      network.tap((stanza) => {
        const c = stanza.getChild("c");
        const x = stanza.getChild("feature")?.getChild("x");
        const field = x?.getChildren("field").find(({ attrs }) => attrs.var === "terminate");
        const data = c?.getChild("data");
        if (alter === "data" && data) data.children = [toBase64(new Uint8Array(32))];
        if (alter === "terminate" && field) x?.remove(field);
        return stanza;
      });
      await alice.sessions.sendOnce(BOB, body("x"));
      if (alter === "terminate") {
        await expect.poll(() => bob.errors).toMatchObject([{ code: "esession-check" }]);
        continue;
      }
      const theirs = await bob.incoming();
      theirs.deliver();
      expect(theirs.channel.closed.reason.code).toBe("stanza-unverified");
    }
  });

  it("is a message, and needs keys", async () => {
    const { alice } = pair();
    for (const stanza of [xml("presence"), xml("message", { type: "error" }), xml("message", {}, xml("body", {}, "\0"))]) {
      await expect(alice.sessions.sendOnce(BOB, stanza)).rejects.toMatchObject({ code: "invalid-argument" });
    }
    const network = memoryStanzaNetwork();
    await expect(side(network, ALICE).sessions.sendOnce(BOB, body("x"))).rejects.toMatchObject({ code: "invalid-argument" });
  });
});
