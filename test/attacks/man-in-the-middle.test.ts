import type { BalconyError } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import type { Session } from "balcony";
import { expect, it } from "vitest";
import { type LoggedIn, next, streamBetween } from "../rigs/login.js";
import { codeOf, keyOf, message, nextError, stage } from "./stage.js";

const on = stage();
const JULIET = "juliet@capulet.lit";
const ROMEO = "romeo@montague.lit";

/** A server that has logged in as both, with keys of its own, and stands between them: each talks to the other's double and sees the address they expect. */
async function between(romeo: LoggedIn, juliet: LoggedIn): Promise<{ readonly falseJuliet: LoggedIn; readonly falseRomeo: LoggedIn }> {
  const falseJuliet = await on.login("juliet", { resource: "double" });
  const falseRomeo = await on.login("romeo", { resource: "double" });
  on.interfere = (stanza: Element, { direction }) => {
    if (direction !== "in") return stanza;
    const { attrs } = stanza;
    if (attrs.from === romeo.self && attrs.to === juliet.self) attrs.to = falseJuliet.self;
    else if (attrs.from === juliet.self && attrs.to === romeo.self) attrs.to = falseRomeo.self;
    else if (attrs.from === falseJuliet.self && attrs.to === romeo.self) attrs.from = juliet.self;
    else if (attrs.from === falseRomeo.self && attrs.to === juliet.self) attrs.from = romeo.self;
    return stanza;
  };
  return { falseJuliet, falseRomeo };
}

const sessionOf = ({ e2e }: LoggedIn): Promise<Session> => new Promise((resolve) => e2e.once("session", resolve));

it("reads everything at first contact, and both are told that the other is not verified", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const { falseJuliet, falseRomeo } = await between(romeo, juliet);
  const [caught, answered] = [sessionOf(falseJuliet), sessionOf(juliet)];
  const toJuliet = await romeo.e2e.open(juliet.self);
  const onward = await falseRomeo.e2e.open(juliet.self);
  (await caught).on("stanza", (stanza) => void onward.send(message(`${stanza.getChildText("body")} (read)`)));
  const toRomeo = await answered;
  const heard = next<Element>(toRomeo, "stanza");
  await toJuliet.send(message("a rose"));
  expect((await heard).getChildText("body")).toBe("a rose (read)");
  expect([toJuliet.security.trust, toRomeo.security.trust]).toEqual(["unverified", "unverified"]);
  expect(keyOf(toJuliet)).not.toBe(toRomeo.security.own.fingerprint); // what comparing fingerprints shows
});

it("is blocked once the key was verified, before a byte of ours left under its TLS", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [honest] = await streamBetween(romeo, juliet);
  await romeo.e2e.store.setVerified(ROMEO, JULIET, keyOf(honest), "fingerprint");
  await honest.close();
  const { falseJuliet } = await between(romeo, juliet);
  const failed = nextError(falseJuliet);
  const refused = await romeo.e2e.open(juliet.self).catch((error: BalconyError) => error);
  const known = [{ fingerprint: keyOf(honest), status: "verified", how: "fingerprint" }];
  expect(refused).toMatchObject({ code: "key-changed", peer: JULIET, key: { shown: (await falseJuliet.e2e.identity()).spki, known } }); // what a dialog needs
  await failed;
  expect(falseJuliet.e2e.store.list(JULIET)).toEqual([]); // not even our certificate came to it
});

it("is blocked as the one who calls, too", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [honest, far] = await streamBetween(romeo, juliet);
  await juliet.e2e.store.setVerified(JULIET, ROMEO, keyOf(far), "fingerprint");
  await honest.close();
  const { falseRomeo } = await between(romeo, juliet);
  const failed = nextError(juliet);
  expect(await codeOf(falseRomeo.e2e.open(juliet.self))).toMatch(/^(tls-rejected|session-ended|connection-lost)$/);
  expect((await failed).code).toBe("key-changed");
  expect(juliet.e2e.sessions.size).toBe(0);
});

it("is shown as a key never seen before where the address is known and was not verified", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  await streamBetween(romeo, juliet);
  await between(romeo, juliet);
  const session = await romeo.e2e.open(juliet.self);
  expect(session.security).toMatchObject({ trust: "unverified", firstUse: true, alerts: [{ kind: "new-key" }] });
});

it("cannot use a key that was revoked, in either role", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [honest] = await streamBetween(romeo, juliet);
  const stolen = keyOf(honest);
  await honest.close();
  await romeo.e2e.store.revoke(ROMEO, JULIET, stolen);
  expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-revoked");
  const failed = nextError(romeo);
  await codeOf(juliet.e2e.open(romeo.self));
  expect((await failed).code).toBe("key-revoked");
});

it("gains nothing by a new key once one was revoked", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [honest] = await streamBetween(romeo, juliet);
  await honest.close();
  await romeo.e2e.store.revoke(ROMEO, JULIET, keyOf(honest));
  await between(romeo, juliet);
  expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-changed");
});

it("cannot use a revoked key under another address either", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [honest] = await streamBetween(romeo, juliet);
  await romeo.e2e.store.revoke(ROMEO, "tybalt@capulet.lit", keyOf(honest));
  expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-revoked");
});

it("gains nothing by a device that was vouched for by a key that is revoked", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [honest] = await streamBetween(romeo, juliet);
  await honest.close();
  const { falseJuliet } = await between(romeo, juliet);
  await romeo.e2e.store.setVerified(ROMEO, JULIET, keyOf(honest), "qr");
  await romeo.e2e.store.vouch(ROMEO, JULIET, { by: keyOf(honest), spki: (await falseJuliet.e2e.identity()).spki });
  const session = await romeo.e2e.open(juliet.self);
  expect(session.security).toMatchObject({ trust: "verified", verified: { how: "vouched", by: keyOf(honest) } });
  await session.close();
  await romeo.e2e.store.revoke(ROMEO, JULIET, keyOf(honest));
  expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("key-changed");
});

it("is not let in at first contact where the person requires a verified key of this peer", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  await romeo.e2e.store.require(ROMEO, JULIET, "verified");
  expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("not-trusted");
});
