import type { BalconyError } from "@balcony/channel";
import { createIdentity, exportIdentity } from "@balcony/tls";
import { TrustStore } from "@balcony/trust";
import { type Element, xml } from "@balcony/xml";
import type { Ceremony, Session, VerificationRequest } from "balcony";
import { describe, expect, it } from "vitest";
import { type LoggedIn, next, streamBetween } from "../rigs/login.js";
import { codeOf, keyOf, message, nextError, stage } from "./stage.js";

const on = stage();
const JULIET = "juliet@capulet.lit";
const ROMEO = "romeo@montague.lit";

type Requires = "both" | "initiator" | "responder";

/** Two of whom one or both take verified keys alone, and a stream that is there to verify. */
async function toVerify(requires: Requires): Promise<{ readonly romeo: LoggedIn; readonly juliet: LoggedIn; readonly ours: Session; readonly theirs: Session }> {
  const strict = { policy: { require: "verified" } } as const;
  const romeo = await on.login("romeo", requires === "responder" ? {} : strict);
  const juliet = await on.login("juliet", requires === "initiator" ? {} : strict);
  const answered = next<Session>(juliet.e2e, "restricted");
  const ours = await romeo.e2e.verify(juliet.self);
  return { romeo, juliet, ours, theirs: await answered };
}

async function both(ours: Session, theirs: Session): Promise<[Ceremony, Ceremony]> {
  const asked = next<VerificationRequest>(theirs, "verification");
  const [mine, request] = [ours.verify(), await asked];
  return await Promise.all([mine, request.accept()]);
}

const devices = ({ e2e }: LoggedIn, account: string, peer: string) => e2e.store.show(account, peer)?.devices.map(({ spki, status }) => ({ spki, status })) ?? [];
const ping = xml("ping", "urn:xmpp:ping");

describe.each(["both", "initiator", "responder"] as const)("where %s take verified keys alone", (requires) => {
  it("nothing but the verification goes, both ways, and nothing is pinned; once it is done the stream is like any other", async () => {
    const { juliet, ours, romeo, theirs } = await toVerify(requires);
    expect([ours.restricted, theirs.restricted]).toEqual([true, true]);
    const came: string[] = [];
    for (const session of [ours, theirs]) session.on("stanza", (stanza) => came.push(stanza.name));
    for (const session of [ours, theirs]) {
      expect(await codeOf(session.send(message("too early")))).toBe("verification-required");
      expect(await codeOf(session.sendMany([xml("presence")]))).toBe("verification-required");
      expect(await codeOf(session.iqCaller.get(ping))).toBe("verification-required");
      expect(await codeOf(session.channel.to(session.peer).request(xml("iq", { type: "set" }, ping)))).toBe("verification-required");
    }
    if (requires !== "responder") expect(devices(romeo, ROMEO, JULIET)).toEqual([]);
    if (requires !== "initiator") expect(devices(juliet, JULIET, ROMEO)).toEqual([]);
    const [mine, hers] = await both(ours, theirs);
    expect(mine.symbols).toEqual(hers.symbols);
    const free = Promise.all([ours, theirs].map(async (session) => await next(session, "unrestricted")));
    await mine.confirm();
    expect(await codeOf(ours.send(message("not yet")))).toBe(requires === "initiator" ? "none" : "verification-required");
    await hers.confirm();
    await free;
    expect([ours.restricted, theirs.restricted, ours.security.trust, theirs.security.trust]).toEqual([false, false, "verified", "verified"]);
    expect(devices(romeo, ROMEO, JULIET)).toEqual([{ spki: keyOf(ours), status: "verified" }]);
    const heard = new Promise<boolean>((resolve) => theirs.on("stanza", (stanza) => stanza.getChildText("body") === "now" && resolve(true)));
    await ours.send(message("now"));
    expect([await heard, came.includes("presence")]).toEqual([true, false]);
    await ours.close();
    const [again] = await streamBetween(romeo, juliet);
    expect([again.restricted, again.security.trust]).toEqual([false, "verified"]);
  });
});

describe("on a stream for verification", () => {
  it("each other stanza of a peer that sends it all the same is refused with a typed error, and reaches nobody", async () => {
    const { juliet, ours, theirs } = await toVerify("responder");
    const answered: unknown[] = [];
    theirs.on("stanza", (stanza) => answered.push(stanza));
    const raw = ours.channel as unknown as { guard: unknown };
    raw.guard = undefined; // a peer that keeps to no rule
    const refused = next<Element>(ours, "stanza");
    await ours.channel.send(xml("message", { id: "m1" }, xml("body", {}, "let me in")));
    const error = await refused;
    expect([error.name, error.attrs.type, error.attrs.id]).toEqual(["message", "error", "m1"]);
    expect(error.getChild("error")?.getChild("verification-required", "urn:xmpp:balcony:verification:0")).toBeDefined();
    await expect(ours.channel.request(xml("iq", { type: "get" }, ping))).rejects.toMatchObject({ code: "stanza-error", condition: "not-authorized" });
    await expect(ours.channel.request(xml("iq", { type: "set" }, xml("query", "urn:example:any")))).rejects.toMatchObject({ condition: "not-authorized" });
    expect([answered, theirs.restricted, juliet.errors.map((one) => (one as BalconyError).code)]).toEqual([
      [],
      true,
      ["verification-required", "verification-required", "verification-required"],
    ]);
  });

  it("the peer's word that nothing is restricted any more lifts what is the peer's to lift, and nothing of ours", async () => {
    const { ours, theirs } = await toVerify("both");
    await ours.channel.request(xml("iq", { type: "set" }, xml("unrestricted", "urn:xmpp:balcony:verification:0")));
    expect([theirs.restricted, await codeOf(theirs.send(message("?")))]).toEqual([true, "verification-required"]);
  });

  it("symbols that differ leave the key on record and blocked: a stream for verification is no way in", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const [honest] = await streamBetween(romeo, juliet);
    await romeo.e2e.store.setVerified(ROMEO, JULIET, keyOf(honest), "qr");
    await honest.close();
    const double = await on.login("juliet", { resource: "double" });
    expect(await codeOf(romeo.e2e.open(double.self))).toBe("key-changed");
    const answered = new Promise<Session>((resolve) => double.e2e.once("session", resolve).once("restricted", resolve));
    const ours = await romeo.e2e.verify(double.self);
    const [mine] = await both(ours, await answered);
    await mine.differ();
    await romeo.e2e.store.refresh(); // behind what is being written
    expect(devices(romeo, ROMEO, JULIET)).toHaveLength(2);
    expect(await codeOf(romeo.e2e.open(double.self))).toBe("key-changed");
  });

  it("a device that replaces a verified one is verified, where its person answers", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const [honest] = await streamBetween(romeo, juliet);
    await romeo.e2e.store.setVerified(ROMEO, JULIET, keyOf(honest), "qr");
    const renewed = await on.login("juliet", { resource: "new" });
    const answered = next<Session>(renewed.e2e, "restricted");
    const ours = await romeo.e2e.verify(renewed.self);
    const theirs = await answered;
    const [mine, hers] = await both(ours, theirs);
    await Promise.all([mine.confirm(), hers.confirm()]);
    expect([ours.restricted, ours.security.trust]).toEqual([false, "verified"]);
  });
});

describe("a stream for verification is not had", () => {
  it("with a key that was revoked", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const [honest] = await streamBetween(romeo, juliet);
    await romeo.e2e.store.revoke(ROMEO, JULIET, keyOf(honest));
    expect(await codeOf(romeo.e2e.verify(juliet.self))).toBe("key-revoked");
  });

  it("with a key that somebody else has shown before it was revoked there", async () => {
    const romeo = await on.login("romeo");
    const identity = createIdentity(JULIET);
    const store = await TrustStore.inMemory();
    await store.identity(JULIET, async () => exportIdentity(identity));
    const juliet = await on.login("juliet", { store });
    await romeo.e2e.store.revoke(ROMEO, "tybalt@capulet.lit", identity.spki);
    expect(await codeOf(romeo.e2e.verify(juliet.self))).toBe("key-revoked");
  });

  it("from an application that does not listen for any: the key is refused as ever, and nothing is told but that", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet", { policy: { require: "verified" } });
    const failed = nextError(juliet);
    expect(await codeOf(romeo.e2e.verify(juliet.self))).toMatch(/^(tls-rejected|session-ended|connection-lost)$/);
    expect((await failed).code).toBe("not-trusted");
  });

  it("by calling open(): who takes verified keys alone says so within TLS, and the caller knows what to do", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet", { policy: { require: "verified" } });
    juliet.e2e.on("restricted", () => undefined);
    const refused = await romeo.e2e.open(juliet.self).catch((error: BalconyError) => error);
    expect(refused).toMatchObject({ code: "verification-required", hint: expect.stringContaining("verify") });
  });

  it("where both accept each other's key already: it is an ordinary stream at once", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const answered = next<Session>(juliet.e2e, "session");
    expect([(await romeo.e2e.verify(juliet.self)).restricted, (await answered).restricted]).toEqual([false, false]);
  });
});
