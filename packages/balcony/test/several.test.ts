import type { Element } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { message, NS_JINGLE, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import type { Session } from "../src/index.js";

const on = stage();

const theOnly = (sessions: ReadonlySet<Session>): Session => {
  expect(sessions.size).toBe(1);
  return [...sessions][0] as Session;
};

describe("both open at once", () => {
  it.each([1, 2, 3, 4, 5])("and get the one and the same session, round %i", async (round) => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    // In even rounds the server holds one side's offer back until something of the other's has passed.
    const slow = round === 2 ? romeo.self : juliet.self;
    let held: Element[] = [];
    on.interfere = (stanza, { direction, session }) => {
      if (round % 2 === 1 || direction !== "out") return stanza;
      if (session === slow && stanza.getChild("jingle", NS_JINGLE)?.attrs.action === "session-initiate" && stanza.attrs.id !== held[0]?.attrs.id) {
        held = [stanza];
        return undefined;
      }
      if (session !== slow || held.length === 0) return stanza;
      const late = held;
      held = [];
      return [stanza, ...late];
    };
    const [toJuliet, toRomeo] = await Promise.all([romeo.e2e.open(juliet.self), juliet.e2e.open(romeo.self)]);
    expect([toJuliet.role, toRomeo.role].sort()).toEqual(["initiator", "responder"]);
    expect(theOnly(romeo.e2e.sessions)).toBe(toJuliet);
    expect(theOnly(juliet.e2e.sessions)).toBe(toRomeo);
    const heard = next<ReturnType<typeof message>>(toRomeo, "stanza");
    await toJuliet.send(message("one"));
    expect((await heard).getChildText("body")).toBe("one");
  });
});

describe("twenty streams between the same two", () => {
  it("stand side by side, keep apart, and close in any order", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const far: Session[] = [];
    const all = new Promise<void>((resolve) => juliet.e2e.on("session", (session) => void (far.push(session) === 20 && resolve())));
    const sessions = await Promise.all(Array.from({ length: 20 }, async () => await romeo.e2e.open(juliet.self)));
    await all;
    expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size, new Set(sessions).size]).toEqual([20, 20, 20]);
    const heard = Promise.all(far.map(async (session) => (await next<ReturnType<typeof message>>(session, "stanza")).getChildText("body")));
    await Promise.all(sessions.map(async (session, index) => await session.send(message(String(index)))));
    expect((await heard).map(Number).sort((a, b) => a - b)).toEqual(sessions.map((_, index) => index));
    const over = Promise.all(far.map(async (session) => await next(session, "close")));
    for (const [index, session] of sessions.entries()) if (index % 3 === 0) await session.close();
    await Promise.all(sessions.map(async (session) => await session.close()));
    await over;
    expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size]).toEqual([0, 0]);
  });
});

it("a connection that drops in the middle ends streams on both sides, and the client that comes back opens new ones", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet", { timeouts: {} });
  romeo.xmpp.reconnect.delay = 1;
  const [toJuliet, toRomeo] = await streamBetween(romeo, juliet);
  const lost = Promise.all([next<Error>(toJuliet, "error"), next(toJuliet, "close")]);
  const back = next<string>(romeo.e2e, "ready");
  const far = next(toRomeo, "close");
  on.server.drop(romeo.self);
  expect((await lost)[0]).toMatchObject({ code: "connection-lost" });
  const self = await back;
  expect(self).not.toBe(romeo.self);
  void toRomeo.send(message("are you there?")).catch(() => undefined); // what a silent end looks like from afar
  await far;
  const [again] = await streamBetween({ ...romeo, self }, juliet);
  expect(again.security).toMatchObject({ firstUse: false, peer: toJuliet.security.peer });
});
