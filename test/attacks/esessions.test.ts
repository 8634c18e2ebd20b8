import { StanzaRouter } from "@balcony/channel";
import { type ESession, ESessions, memorySecrets } from "@balcony/esessions";
import { nodeArithmetic, nodeCrypto } from "@balcony/esessions/node";
import { clone, type Element, serialize } from "@balcony/xml";
import type { Session } from "balcony";
import { describe, expect, it } from "vitest";
import { next } from "../rigs/login.js";
import { codeOf, message, nextError, stage } from "./stage.js";

const on = stage();
const fallback = () => true;

/** The server negotiates an ESession of its own with each of the two, in the other's name, and can read all. */
function between(romeo: string, juliet: string) {
  const legs: ESessions[] = [];
  const sessions: Record<"toRomeo" | "toJuliet", ESession | undefined> = { toRomeo: undefined, toJuliet: undefined };
  const leg = (as: string, to: string, onSession: (session: ESession) => void): { channel: StanzaRouter; esessions: ESessions } => {
    const channel = new StanzaRouter({
      self: as,
      transmit: (stanza) => {
        const copy = clone(stanza);
        Object.assign(copy.attrs, { from: as, to, xmlns: "jabber:client" });
        on.server.inject(to, serialize(copy));
        return Promise.resolve();
      },
      shutdown: () => Promise.resolve(),
      report: () => undefined,
    });
    const options = { crypto: nodeCrypto, arithmetic: nodeArithmetic, secrets: memorySecrets(), accept: () => true, onSession, report: () => undefined };
    const esessions = new ESessions(channel, options);
    legs.push(esessions);
    return { channel, esessions };
  };
  const toJuliet = leg(romeo, juliet, () => undefined);
  const toRomeo = leg(juliet, romeo, (session) => {
    sessions.toRomeo = session;
    void toJuliet.esessions.initiate(juliet).then((other) => {
      sessions.toJuliet = other;
      for (const [one, far] of [
        [session, other],
        [other, session],
      ] as const) {
        // What the one says, the other hears: proofs of keys too.
        one.channel.onRequest({ type: "set", name: "device", xmlns: "urn:xmpp:balcony:device:0" }, async ({ stanza }) => {
          const answer = await far.channel.request(stanza);
          return answer.children.find((child): child is Element => typeof child !== "string");
        });
        one.deliver();
      }
    });
  });
  on.interfere = (stanza, { direction, session }) => {
    if (direction !== "in" || stanza.name !== "message" || !stanza.getChild("thread")) return stanza;
    const { channel } = session === romeo ? toRomeo : toJuliet;
    channel.receive(stanza, session);
    return undefined;
  };
  return sessions;
}

describe("a server between two ESessions", () => {
  it("that hands on the proofs of both keys is found out: each has signed another negotiation", async () => {
    const romeo = await on.login("romeo", { policy: { fallback } });
    const juliet = await on.login("juliet", { transports: [], policy: { fallback } });
    const sessions = between(romeo.self, juliet.self);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("esession-check");
    expect([sessions.toRomeo, sessions.toJuliet].every(Boolean)).toBe(true); // both of its legs stood
    expect(juliet.e2e.sessions.size).toBe(0);
  });

  it.each([
    ["a type", (stanza: Element) => Object.assign(stanza.attrs, { type: "headline" })],
    ["an id", (stanza: Element) => Object.assign(stanza.attrs, { id: "x" })],
  ])("that gives a stanza %s ends the session as `tampered`", async (_, alter) => {
    const [toJuliet, toRomeo] = await sealed();
    on.interfere = (stanza, { direction }) => {
      if (direction === "out" && stanza.getChild("c")) alter(stanza);
      return stanza;
    };
    const failed = next<{ code: string }>(toRomeo, "error");
    await toJuliet.send(message("x"));
    expect((await failed).code).toBe("tampered");
  });

  it("that says something in clear on its thread, or beside what is encrypted, is not heard, and reported", async () => {
    const [toJuliet, toRomeo, juliet] = await sealed();
    const heard: (string | null)[] = [];
    const all = new Promise<void>((resolve) => {
      toRomeo.on("stanza", (stanza) => {
        heard.push(stanza.getChildText("body"));
        if (heard.at(-1) === "last") resolve();
      });
    });
    let once = true;
    on.interfere = (stanza, { direction }) => {
      const c = direction === "out" ? stanza.getChild("c") : undefined;
      if (!c) return stanza;
      const forged = clone(stanza);
      forged.children = [...forged.children.filter((child) => typeof child !== "string" && child.name === "thread"), ...message("in clear").children];
      stanza.append(...(message("beside").children as Element[]));
      const both = once ? [forged, stanza] : [stanza];
      once = false;
      return both;
    };
    const reported = nextError(juliet);
    await toJuliet.send(message("first"));
    await toJuliet.send(message("last"));
    await all;
    expect([heard, (await reported).code]).toEqual([["first", "last"], "tampered"]);
  });

  it("that drops one stanza ends the session, and nothing behind it is heard", async () => {
    const [toJuliet, toRomeo] = await sealed();
    let count = 0;
    on.interfere = (stanza, { direction }) => (direction === "out" && stanza.getChild("c") && ++count === 1 ? undefined : stanza);
    const heard: unknown[] = [];
    toRomeo.on("stanza", (stanza) => heard.push(stanza));
    const failed = next<{ code: string }>(toRomeo, "error");
    await toJuliet.send(message("lost"));
    await toJuliet.send(message("behind it"));
    expect([(await failed).code, heard]).toEqual(["stanza-unverified", []]);
  });
});

async function sealed() {
  const romeo = await on.login("romeo", { policy: { fallback } });
  const juliet = await on.login("juliet", { transports: [], policy: { fallback } });
  const answered = next<Session>(juliet.e2e, "session");
  return [await romeo.e2e.open(juliet.self), await answered, juliet] as const;
}
