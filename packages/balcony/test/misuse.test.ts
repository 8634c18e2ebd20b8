import { TrustStore } from "@balcony/trust";
import { client } from "@xmpp/client";
import { describe, expect, it } from "vitest";
import { codeOf, nextError, stage } from "../../../test/attacks/stage.js";
import { streamBetween } from "../../../test/rigs/login.js";
import { type BalconyError, balcony, type Policy, xml } from "../src/index.js";

const on = stage();

const failureOf = async (work: Promise<unknown>): Promise<BalconyError> =>
  await work.then(
    () => Promise.reject(new Error("It went well.")),
    (error: BalconyError) => error,
  );

describe("balcony()", () => {
  it("refuses a client that was started before", async () => {
    const xmpp = client({ service: on.server.service, domain: "montague.lit", username: "romeo", password: "secret" });
    await xmpp.start();
    expect(await failureOf(balcony(xmpp, { store: await TrustStore.inMemory() }))).toMatchObject({ code: "invalid-argument", phase: "client" });
    xmpp.reconnect.stop();
    await xmpp.stop();
  });

  it("refuses what is no client", async () => {
    const emitter = { status: "offline", jid: null, send: async () => undefined, on: () => undefined, removeListener: () => undefined };
    expect(await codeOf(balcony(emitter, { store: await TrustStore.inMemory() }))).toBe("invalid-argument");
  });

  it("is not online before the client is", async () => {
    const xmpp = client({ service: on.server.service, domain: "montague.lit", username: "romeo", password: "secret" });
    const e2e = await balcony(xmpp, { store: await TrustStore.inMemory() });
    expect(await codeOf(e2e.open("juliet@capulet.lit/x"))).toBe("client-offline");
    expect(await codeOf(e2e.identity())).toBe("client-offline");
    await e2e.close();
  });
});

describe("open()", () => {
  it.each([
    ["our own full address", (self: string) => self, "invalid-argument"],
    ["what is no address", () => "@@", "invalid-jid"],
    ["nothing", () => "", "invalid-jid"],
    ["a full address where nobody is", () => "juliet@capulet.lit/absent", "peer-unavailable"],
    ["an account that does not exist", () => "nobody@capulet.lit/x", "peer-unavailable"],
    ["a domain that does not exist", () => "juliet@nowhere.example/x", "peer-unavailable"],
  ])("of %s is refused with its code, phase and a message", async (_, address, code) => {
    const romeo = await on.login("romeo");
    const error = await failureOf(romeo.e2e.open(address(romeo.self)));
    expect(error).toMatchObject({ code, phase: "discover" });
    expect(error.message).toMatch(/\.$/);
  });

  it.each([["juliet@capulet.lit"], ["romeo@montague.lit"]])("of %s, of which no device is known, says so with a hint once none has shown itself", async (address) => {
    const romeo = await on.login("romeo", { timeouts: { presence: 50 } });
    const error = await failureOf(romeo.e2e.open(address));
    expect(error).toMatchObject({ code: "unknown-resource", phase: "discover", peer: address });
    expect(error.hint).toContain(`${address}/`);
  });

  it("of a client that knows no streams says so", async () => {
    const romeo = await on.login("romeo");
    const plain = client({ service: on.server.service, domain: "capulet.lit", username: "juliet", password: "secret" });
    plain.iqCallee.get("http://jabber.org/protocol/disco#info", "query", () => xml("query", "http://jabber.org/protocol/disco#info"));
    const self = String(await plain.start());
    expect(await failureOf(romeo.e2e.open(self))).toMatchObject({ code: "unsupported-peer", phase: "discover" });
    plain.reconnect.stop();
    await plain.stop();
  });

  it("takes an address as people type it", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet", { resource: "Balcony", policy: { allow: () => true } });
    const session = await romeo.e2e.open("JULIET@Capulet.Lit/Balcony");
    expect(session.peer).toBe(juliet.self);
  });
});

describe("policy", () => {
  const refused: readonly (readonly [string, Partial<Policy>, theirs: string, ours: string | undefined])[] = [
    ["that declines the offer", { accept: () => false }, "declined", undefined],
    ["that throws", { accept: () => Promise.reject(new Error("a defect of the application's")) }, "session-ended", "internal"],
    ["that does not take the key", { firstUse: () => false }, "session-ended", "not-trusted"],
    ["that wants a verified key", { require: "verified" }, "session-ended", "not-trusted"],
  ];

  it.each(refused)("of the one called, %s, is told to both in their own words", async (_, policy, theirs, ours) => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet", { policy: { allow: () => true, ...policy } });
    const failed = nextError(juliet);
    const code = await codeOf(romeo.e2e.open(juliet.self));
    expect(code).toBe(theirs);
    if (ours !== undefined) expect((await failed).code).toBe(ours);
    expect(juliet.e2e.store.list("juliet@capulet.lit")).toEqual([]);
    expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size]).toEqual([0, 0]);
  });

  it.each([
    ["that does not take the key", { firstUse: () => false }],
    ["that wants a verified key", { require: "verified" }],
  ] as const)("of the one who calls, %s, stops before anything is remembered", async (_, policy) => {
    const romeo = await on.login("romeo", { policy: { allow: () => true, ...policy } });
    const juliet = await on.login("juliet");
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("not-trusted");
    await failed;
    expect(romeo.e2e.store.list("romeo@montague.lit")).toEqual([]);
  });

  it("that wants a verified key takes one", async () => {
    const store = await TrustStore.inMemory();
    const romeo = await on.login("romeo", { store, policy: { allow: () => true, require: "verified" } });
    const juliet = await on.login("juliet");
    const { spki } = await juliet.e2e.identity();
    await store.setVerified("romeo@montague.lit", "juliet@capulet.lit", spki, "fingerprint");
    const [session] = await streamBetween(romeo, juliet);
    expect(session.security.trust).toBe("verified");
  });

  it("that never decides is not waited for past the deadline, on either side", async () => {
    const romeo = await on.login("romeo", { timeouts: { negotiation: 200 } });
    const never: Partial<Policy> = { accept: () => new Promise<boolean>(() => undefined) };
    const juliet = await on.login("juliet", { timeouts: { person: 100 }, policy: never });
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toMatch(/^(declined|expired|timeout|session-ended)$/);
    expect((await failed).code).toMatch(/^(timeout|expired)$/);
  });
});
