import { TrustStore } from "@balcony/trust";
import { describe, expect, it } from "vitest";
import { codeOf, message, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import { BalconyError, type Invitation, type Session, xml } from "../src/index.js";

const on = stage();
const addresses = { romeo: "romeo@montague.lit", juliet: "juliet@capulet.lit" } as const;

/** Romeo, and juliet who has invited him. */
async function invited(options: Parameters<typeof invite>[1] = { peer: addresses.romeo }) {
  const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet")];
  return { romeo, juliet, invitation: await invite(juliet, options) };
}

const invite = async (person: Awaited<ReturnType<typeof on.login>>, options: { peer?: string; form?: "words" | "qr"; lifetime?: number }): Promise<Invitation> =>
  await person.e2e.invite(options);

/** Another code than this one, with a last digit that fits. */
async function another(person: Awaited<ReturnType<typeof on.login>>): Promise<string> {
  const made = await invite(person, { peer: "nobody@capulet.lit" });
  made.withdraw();
  return made.code;
}

describe("a code", () => {
  it("verifies both as the stream is opened, and is remembered as what it is", async () => {
    const { invitation, juliet, romeo } = await invited();
    expect(invitation).toMatchObject({
      code: expect.stringMatching(/^[a-z]+-[a-z]+-\d{4}$/u),
      peer: addresses.romeo,
      uri: `xmpp:juliet@capulet.lit?balcony-code;secret=${invitation.code}`,
    });
    const session = await romeo.e2e.open(juliet.self, { code: invitation.code.toUpperCase().replaceAll("-", "  ") });
    const hers = await invitation.accepted;
    for (const { security } of [session, hers]) expect(security).toMatchObject({ trust: "verified", verified: { how: "code", at: expect.any(String) } });
    expect([hers.peer, session.peer]).toEqual([romeo.self, juliet.self]);
    await session.close();
    const [again, there] = await streamBetween(romeo, juliet);
    for (const { security } of [again, there]) expect(security).toMatchObject({ trust: "verified", verified: { how: "code" } });
  });

  it("verifies a stream that is open already, whoever opened it", async () => {
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet")];
    const [ours, theirs] = await streamBetween(romeo, juliet);
    const { accepted, code } = await invite(romeo, {}); // for anybody
    const heard = next(ours, "security");
    expect(await theirs.verify({ code })).toMatchObject({ trust: "verified", verified: { how: "code" } });
    await heard;
    expect([await accepted, ours.security.trust]).toEqual([ours, "verified"]);
  });

  it("to scan is the same by 128 bits, and for nobody else's stream", async () => {
    const { invitation, juliet, romeo } = await invited({ peer: addresses.romeo, form: "qr" });
    expect(invitation.code).toMatch(/^[0-9a-f]{32}$/u);
    expect(await codeOf(romeo.e2e.open("benvolio@montague.lit", { code: invitation.uri }))).toBe("address-mismatch");
    const session = await romeo.e2e.open(juliet.self, { code: invitation.uri });
    expect(session.security.verified).toMatchObject({ how: "code" });
  });

  it("lets the invited in, who else would be a stranger, for as long as it waits", async () => {
    const juliet = await on.login("juliet", { policy: { allow: () => false } });
    const romeo = await on.login("romeo", { policy: { allow: () => false } });
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("peer-unavailable");
    const { code, withdraw } = await invite(juliet, { peer: `${addresses.romeo}/anywhere` });
    const benvolio = await on.login("benvolio", { policy: { allow: () => false } });
    expect(await codeOf(benvolio.e2e.open(juliet.self, { code }))).toBe("peer-unavailable");
    withdraw();
    expect(await codeOf(romeo.e2e.open(juliet.self, { code }))).toBe("peer-unavailable");
    const second = await invite(juliet, { peer: addresses.romeo });
    expect((await romeo.e2e.open(juliet.self, { code: second.code })).security.trust).toBe("verified");
  });

  it.each(["romeo", "juliet", "both"] as const)("lifts what blocks a new key, where %s has verified another one before", async (who) => {
    const stores = { romeo: await TrustStore.inMemory(), juliet: await TrustStore.inMemory() };
    const another = "0".repeat(63);
    if (who !== "juliet") await stores.romeo.setVerified(addresses.romeo, addresses.juliet, `${another}1`, "fingerprint");
    if (who !== "romeo") await stores.juliet.setVerified(addresses.juliet, addresses.romeo, `${another}2`, "fingerprint");
    const [romeo, juliet] = [await on.login("romeo", { store: stores.romeo }), await on.login("juliet", { store: stores.juliet })];
    if (who !== "juliet") expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-changed");
    const invitation = await invite(juliet, { peer: addresses.romeo });
    const ours = await romeo.e2e.open(juliet.self, { code: invitation.code });
    const theirs = await invitation.accepted;
    for (const { restricted, security } of [ours, theirs])
      expect([restricted, security]).toEqual([false, expect.objectContaining({ trust: "verified", verified: expect.objectContaining({ how: "code" }) })]);
    const said = async (session: Session) =>
      await new Promise<string | null>((resolve) => session.on("stanza", (stanza) => stanza.name === "message" && resolve(stanza.getChildText("body"))));
    const heard = Promise.all([said(theirs), said(ours)]);
    await Promise.all([ours.send(message("there")), theirs.send(message("back"))]);
    expect(await heard).toEqual(["there", "back"]);
  });

  it("that is wrong is used up, says so on both sides, and opens nothing", async () => {
    const { invitation, juliet, romeo } = await invited();
    const entered = next<{ security: { trust: string } }>(juliet.e2e, "session");
    expect(await codeOf(romeo.e2e.open(juliet.self, { code: await another(juliet) }))).toBe("code-wrong");
    expect(await codeOf(invitation.accepted)).toBe("code-wrong");
    expect([(await entered).security.trust, romeo.e2e.sessions.size]).toEqual(["unverified", 0]);
    expect(await codeOf(romeo.e2e.open(juliet.self, { code: invitation.code }))).toBe("code-unknown"); // the right one, too late
    for (const [person, other] of [
      [romeo, addresses.juliet],
      [juliet, addresses.romeo],
    ] as const) {
      expect(person.e2e.store.show(person === romeo ? addresses.romeo : addresses.juliet, other)).toMatchObject({
        guesses: [expect.any(String)],
        codes: [{ hash: expect.any(String) }],
      });
    }
  });

  it("has one try with the same store, also at another session and after the invitation was made anew", async () => {
    const { juliet, romeo } = await invited();
    const [ours] = await streamBetween(romeo, juliet);
    const wrong = await another(juliet);
    expect(await codeOf(ours.verify({ code: wrong }))).toBe("code-wrong");
    await invite(juliet, { peer: addresses.romeo });
    expect(await codeOf(ours.verify({ code: wrong }))).toBe("code-spent");
    const [second] = await streamBetween(romeo, juliet);
    expect(await codeOf(second.verify({ code: wrong }))).toBe("code-spent");
  });

  it("that is no code, or nobody waits for, costs nothing", async () => {
    const { invitation, juliet, romeo } = await invited();
    expect(await codeOf(romeo.e2e.open(juliet.self, { code: "ridge lemon" }))).toBe("code-invalid");
    invitation.withdraw();
    expect(await codeOf(invitation.accepted)).toBe("verification-cancelled");
    expect(await codeOf(romeo.e2e.open(juliet.self, { code: invitation.code }))).toBe("code-unknown");
    expect(romeo.e2e.store.show(addresses.romeo, addresses.juliet)).not.toHaveProperty("guesses");
  });

  it("is refused after three tries within a day that led to nothing; one that nobody guesses is not", async () => {
    const store = await TrustStore.inMemory();
    for (let time = 0; time < 3; time++) await store.chargeGuess(addresses.juliet, addresses.romeo);
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet", { store })];
    const invitation = await invite(juliet, { peer: addresses.romeo });
    expect(await codeOf(romeo.e2e.open(juliet.self, { code: invitation.code }))).toBe("verification-cancelled");
    const scanned = await invite(juliet, { peer: addresses.romeo, form: "qr" }); // nobody guesses 128 bits
    expect((await romeo.e2e.open(juliet.self, { code: scanned.code })).security.trust).toBe("verified");
  });

  it("of each other's invitation, tried by both at once, is one try: the responder's own", async () => {
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet")];
    const [ours, theirs] = await streamBetween(romeo, juliet);
    const [his, hers] = [await invite(romeo, { peer: addresses.juliet }), await invite(juliet, { peer: addresses.romeo })];
    const securities = await Promise.all([ours.verify({ code: hers.code }), theirs.verify({ code: his.code })]);
    expect(securities).toMatchObject([{ trust: "verified" }, { trust: "verified" }]);
    expect([await hers.accepted, juliet.e2e.store.show(addresses.juliet, addresses.romeo)?.codes?.length]).toEqual([theirs, 1]);
    his.withdraw();
    expect(await codeOf(his.accepted)).toBe("verification-cancelled");
  });

  it("is used up where the stream is lost between the disk and the answer, and both hear of it", async () => {
    const store = await TrustStore.inMemory();
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet", { store })];
    const [ours, theirs] = await streamBetween(romeo, juliet);
    const invitation = await invite(juliet, { peer: addresses.romeo });
    const spend = store.spendCode.bind(store);
    store.spendCode = async (...code) => {
      await spend(...code);
      await theirs.close();
    };
    expect(["connection-lost", "closed"]).toContain(await codeOf(ours.verify({ code: invitation.code })));
    expect(await codeOf(juliet.e2e.open(romeo.self, { code: invitation.code }))).toBe("code-unknown");
    expect([ours.security.trust, store.show(addresses.juliet, addresses.romeo)?.codes?.length, romeo.e2e.store.show(addresses.romeo, addresses.juliet)?.codes?.length]).toEqual([
      "unverified",
      1,
      1,
    ]);
  });

  it("cannot be told over XMPP while it waits", async () => {
    const { invitation, juliet, romeo } = await invited();
    const [, theirs] = await streamBetween(romeo, juliet);
    const [first = "", second = "", number = ""] = invitation.code.split("-");
    for (const body of [invitation.code, `it is ${first.toUpperCase()} ${second}, ${number}!`, invitation.uri]) {
      expect(await codeOf(theirs.send(message(body))), body).toBe("verification-open");
    }
    expect(await codeOf(juliet.xmpp.send(xml("message", { to: addresses.romeo }, xml("body", {}, invitation.code))))).toBe("verification-open");
    expect(await codeOf(theirs.send(message(`${first} and ${second}`)))).toBe("none");
    await (await romeo.e2e.open(juliet.self, { code: invitation.code })).close();
    expect(await codeOf(theirs.send(message(invitation.code)))).toBe("none"); // used up
  });

  it("ends with Balcony, and only while it waits", async () => {
    const { invitation, juliet } = await invited();
    await juliet.e2e.close();
    expect(await codeOf(invitation.accepted)).toBe("closed");
  });

  it("is asked for with sense", async () => {
    const { juliet } = await invited();
    for (const lifetime of [0, -1, Number.NaN, 24 * 3_600_000 + 1]) expect(await codeOf(invite(juliet, { lifetime }))).toBe("invalid-argument");
    expect(await codeOf(invite(juliet, { peer: "@" }))).toBe("invalid-jid");
  });
});

describe("a message", () => {
  it("that is malformed is refused as bad, and none without a run is known", async () => {
    const [romeo, juliet] = [await on.login("romeo"), await on.login("juliet")];
    const [ours] = await streamBetween(romeo, juliet);
    const invitation = await invite(juliet, {});
    const ns = "urn:xmpp:balcony:verification:0";
    const whom = { initiator: addresses.romeo, responder: addresses.juliet };
    const [half, id, share, tag] = ["ab".repeat(16), "ab".repeat(32), "ab".repeat(32), "ab".repeat(64)];
    const table: readonly (readonly [string, Record<string, string>, string])[] = [
      ["code-request", {}, "bad-request"],
      ["code-request", { half: "zz", ...whom }, "bad-request"],
      ["code-request", { half: half.toUpperCase(), ...whom }, "bad-request"],
      ["code-request", { half: `${half}ab`, ...whom }, "bad-request"],
      ["code-request", { half, ...whom, responder: "@" }, "bad-request"],
      ["code-ready", { id: half, ...whom }, "bad-request"],
      ["code-share", { id, share: half }, "bad-request"],
      ["code-share", { id }, "bad-request"],
      ["code-answer", { id, share }, "bad-request"],
      ["code-answer", { id, share, tag: share }, "bad-request"],
      ["code-tag", { id, tag: share }, "bad-request"],
      ["code-wrong", {}, "bad-request"],
      ["code-cancel", { id: "ab" }, "bad-request"],
      ["code-ready", { id, ...whom }, "item-not-found"],
      ["code-share", { id, share }, "item-not-found"],
      ["code-answer", { id, share, tag }, "item-not-found"],
      ["code-tag", { id, tag }, "item-not-found"],
      ["code-wrong", { id }, "item-not-found"],
      ["code-cancel", { id: half }, "item-not-found"],
      ["code-what", { id: half }, "service-unavailable"],
    ];
    for (const [name, attributes, condition] of table) {
      const answer = ours.iqCaller.set(xml(name, { xmlns: ns, ...attributes })).catch((error: { condition?: string }) => error.condition);
      expect(await answer, `${name} ${JSON.stringify(attributes)}`).toBe(condition);
    }
    expect(await ours.verify({ code: invitation.code })).toMatchObject({ trust: "verified" }); // and none of it has used the code up
  });

  it("of two at once: while a code is tried, nothing else can be verified with the same address", async () => {
    const { invitation, juliet, romeo } = await invited();
    const [ours, theirs] = await streamBetween(romeo, juliet);
    theirs.on("verification", () => undefined);
    const [first, second] = await Promise.allSettled([ours.verify({ code: invitation.code }), ours.verify()]);
    expect(first.status).toBe("fulfilled");
    expect(second.status === "rejected" && second.reason instanceof BalconyError && second.reason.code).toBe("verification-busy");
  });

  it("of the person's Ctrl-C: an abort ends the try", async () => {
    const { invitation, juliet, romeo } = await invited();
    const [ours] = await streamBetween(romeo, juliet);
    expect(await codeOf(ours.verify({ code: invitation.code, signal: AbortSignal.abort() }))).toBe("aborted");
    expect(ours.security.trust).toBe("unverified");
  });
});
