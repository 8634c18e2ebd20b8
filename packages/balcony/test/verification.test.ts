import { TrustStore } from "@balcony/trust";
import { describe, expect, it } from "vitest";
import { codeOf, message, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import { type BalconyError, type Ceremony, type Session, type VerificationRequest, xml } from "../src/index.js";

const on = stage();

/** Two people with a stream between them. */
async function pair() {
  const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet")];
  const [ours, theirs] = await streamBetween(romeo, juliet);
  return { romeo, juliet, ours, theirs };
}

/** Both with both strings on their screens. */
async function both(ours: Session, theirs: Session, readAloud = false): Promise<[Ceremony, Ceremony]> {
  const asked = next<VerificationRequest>(theirs, "verification");
  const [mine, request] = [ours.verify({ readAloud }), await asked];
  return await Promise.all([mine, request.accept()]);
}

describe("two people", () => {
  it("verify each other, and are verified at once in the next session", async () => {
    const { juliet, ours, romeo, theirs } = await pair();
    const [mine, hers] = await both(ours, theirs);
    expect(mine.symbols).toEqual(hers.symbols);
    const heard = next<string>(hers, "peer");
    await mine.confirm();
    expect([await heard, ours.security.trust, theirs.security.trust]).toEqual(["match", "verified", "unverified"]);
    await hers.confirm();
    expect(theirs.security).toMatchObject({ trust: "verified", verified: { how: "symbols", at: expect.any(String) } });
    await ours.close();
    const [again, there] = await streamBetween(romeo, juliet);
    expect([again.security, there.security]).toMatchObject([
      { trust: "verified", verified: { how: "symbols" } },
      { trust: "verified", verified: { how: "symbols" } },
    ]);
  });

  it("verify by reading aloud", async () => {
    const { ours, theirs } = await pair();
    const [typist, reader] = await both(ours, theirs, true);
    expect([typist.mode, reader.mode]).toEqual(["type", "read"]);
    expect(() => typist.symbols).toThrow("nothing to show");
    expect(await typist.enter("1")).toBe(false);
    expect(await typist.enter(reader.symbols.numbers.join(" "))).toBe(true);
    expect(ours.security).toMatchObject({ trust: "verified", verified: { how: "read-aloud" } });
    await reader.cancel();
    expect(theirs.security.trust).toBe("unverified");
  });

  it("who both ask at once have one ceremony, and nobody is asked again", async () => {
    const { ours, theirs } = await pair();
    const [mine, hers] = await Promise.all([ours.verify(), theirs.verify()]);
    expect(mine.symbols).toEqual(hers.symbols);
    await Promise.all([mine.confirm(), hers.confirm()]);
  });

  it("who see that they differ have it on record, and the stream closes on both sides", async () => {
    const { ours, romeo, theirs } = await pair();
    const [mine, hers] = await both(ours, theirs);
    const ends = Promise.all([next<Error>(hers, "end"), next(ours, "close"), next(theirs, "close")]);
    await mine.differ();
    expect((await ends)[0]).toMatchObject({ code: "verification-differs", hint: expect.stringContaining("Somebody may be between you") });
    expect(romeo.e2e.store.show("romeo@montague.lit", "juliet@capulet.lit")?.devices).toMatchObject([{ status: "unverified", differed: expect.any(String) }]);
  });

  it("may finish locally after the stream is gone", async () => {
    const { juliet, ours, theirs } = await pair();
    const [mine, hers] = await both(ours, theirs);
    const gone = next(theirs, "close");
    await ours.close();
    await gone;
    await Promise.all([mine.confirm(), hers.confirm()]);
    expect(juliet.e2e.store.show("juliet@capulet.lit", "romeo@montague.lit")?.devices).toMatchObject([{ status: "verified" }]);
  });

  it("cannot send what they compare over the stream, nor by any other way of XMPP", async () => {
    const { juliet, ours, romeo, theirs } = await pair();
    const [mine, hers] = await both(ours, theirs);
    const [{ emoji, numbers }] = [mine.symbols];
    const [first = "", second = ""] = emoji.map(({ name }) => name);
    for (const body of [numbers[0] ?? "", [...(numbers[1] ?? "")].join(" "), emoji[2]?.symbol ?? "", `${first} and ${second}`]) {
      if (first === second && body.startsWith(first)) continue;
      expect(await codeOf(ours.send(message(`mine: ${body}`))), body).toBe("verification-open");
    }
    const telling = xml("query", "urn:example:any", String(numbers[0]));
    const ways: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["sendMany", () => ours.sendMany([message("well"), message(`it is ${numbers[1]}`)])],
      ["iqCaller.set", () => ours.iqCaller.set(telling)],
      ["iqCaller.request", () => ours.iqCaller.request(xml("iq", { type: "get" }, telling))],
      ["the channel", () => ours.channel.send(message(numbers.join(" ")))],
      ["a narrowed channel", () => ours.channel.to(ours.peer).request(xml("iq", { type: "set" }, telling))],
      ["the client, to the peer", () => romeo.xmpp.send(xml("message", { to: juliet.self }, xml("body", {}, numbers.join(" "))))],
      ["the client, to a friend", () => romeo.xmpp.send(xml("message", { to: "benvolio@montague.lit" }, xml("body", {}, numbers.join(" "))))],
      ["the client, many at once", () => romeo.xmpp.sendMany([xml("message", { to: juliet.self }, xml("body", {}, numbers.join(" ")))])],
      ["the client's iqCaller", () => romeo.xmpp.iqCaller.set(telling, juliet.self)],
    ];
    for (const [way, send] of ways) expect(await codeOf(send()), way).toBe("verification-open");
    expect(on.seen.filter(({ xml: text }) => text.includes("urn:example:any") || numbers.some((number) => text.includes(`>${number}`)))).toEqual([]);
    expect(await codeOf(ours.send(xml("message", {}, xml("data", "http://jabber.org/protocol/ibb", numbers.join("AA")))))).toBe("none");
    expect(await codeOf(ours.send(message("are you there?")))).toBe("none");
    await Promise.all([mine.cancel(), next(hers, "end")]);
    expect(await codeOf(ours.send(message(numbers[0] ?? "")))).toBe("none");
  });

  it("who have begun three times without confirming begin no more today", async () => {
    const store = await TrustStore.inMemory();
    for (let time = 0; time < 3; time++) await store.chargeGuess("juliet@capulet.lit", "romeo@montague.lit");
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet", { store })];
    const [ours, theirs] = await streamBetween(romeo, juliet);
    const asked = next<VerificationRequest>(theirs, "verification");
    const mine = codeOf(ours.verify());
    expect(await codeOf((await asked).accept())).toBe("guesses-spent");
    expect(await mine).toBe("verification-cancelled");
  });
});

describe("a request", () => {
  it("is taken once a minute, and declined where nobody listens", async () => {
    const { ours, theirs } = await pair();
    expect(await codeOf(ours.verify())).toBe("verification-unsupported");
    theirs.on("verification", (request) => void request.decline());
    expect(await codeOf(ours.verify())).toBe("verification-cancelled");
    expect(await codeOf(ours.verify())).toBe("verification-busy");
  });

  it("that comes while one is open is one too many", async () => {
    const { ours, theirs } = await pair();
    const asked = next<VerificationRequest>(theirs, "verification");
    const verifying = codeOf(ours.verify());
    const request = await asked;
    const again = xml("request", { xmlns: "urn:xmpp:balcony:verification:0", half: "ab".repeat(16), initiator: "romeo@montague.lit", responder: "juliet@capulet.lit" });
    expect(await ours.iqCaller.set(again).catch((error: { condition?: string }) => error.condition)).toBe("resource-constraint");
    await request.decline();
    expect(await verifying).toBe("verification-cancelled");
  });

  it("between other addresses asks nobody, and is told", async () => {
    const { juliet, ours, theirs } = await pair();
    const asked: VerificationRequest[] = [];
    theirs.on("verification", (request) => asked.push(request));
    const told = next<BalconyError>(juliet.e2e, "error");
    const misrouted = xml("request", { xmlns: "urn:xmpp:balcony:verification:0", half: "ab".repeat(16), initiator: "romeo@montague.lit", responder: "benvolio@montague.lit" });
    await ours.iqCaller.set(misrouted);
    expect(await told).toMatchObject({ code: "address-mismatch", peer: expect.stringContaining("romeo@montague.lit") });
    expect(asked).toEqual([]);
  });

  it("that is malformed is refused as bad, and no message without one is known", async () => {
    const { ours, theirs } = await pair();
    const asked: VerificationRequest[] = [];
    theirs.on("verification", (request) => asked.push(request));
    const ns = "urn:xmpp:balcony:verification:0";
    const table: readonly (readonly [string, Record<string, string>, string])[] = [
      ["request", {}, "bad-request"],
      ["request", { half: "zz", initiator: "romeo@montague.lit", responder: "juliet@capulet.lit" }, "bad-request"],
      ["request", { half: "AB".repeat(16), initiator: "romeo@montague.lit", responder: "juliet@capulet.lit" }, "bad-request"],
      ["request", { half: "ab".repeat(16), initiator: "@", responder: "juliet@capulet.lit" }, "bad-request"],
      ["request", { half: "ab".repeat(16), initiator: "romeo@montague.lit", responder: "juliet@capulet.lit", mode: "\u202e" }, "bad-request"],
      ["reveal", { id: "ab".repeat(32), value: "ab".repeat(31) }, "bad-request"],
      ["commit", { id: "ab".repeat(32), value: "ab".repeat(32) }, "item-not-found"],
      ["reveal", { id: "ab".repeat(32), value: "ab".repeat(32) }, "item-not-found"],
      ["cancel", { id: "ab".repeat(16) }, "item-not-found"],
    ];
    for (const [name, attributes, condition] of table) {
      const answer = ours.iqCaller.set(xml(name, { xmlns: ns, ...attributes })).catch((error: { condition?: string }) => error.condition);
      expect(await answer, `${name} ${JSON.stringify(attributes)}`).toBe(condition);
    }
    expect(asked).toEqual([]);
  });
});
