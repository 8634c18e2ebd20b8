import { type Element, xml } from "@balcony/xml";
import { describe, expect, it, vi } from "vitest";
import { next } from "../rigs/login.js";
import { heardFrom, probes } from "./probes.js";
import { codeOf, stage } from "./stage.js";

const on = stage();

describe("a stranger", () => {
  it.each(probes)("hears of %s what the server says of an absent resource, to the byte", async (_, type, payload) => {
    const accept = vi.fn(() => true);
    const romeo = await on.login("romeo", { policy: { allow: () => false, accept } });
    const tybalt = await on.login("tybalt");
    const heard = await heardFrom(tybalt, romeo.self, type, payload());
    expect(heard).toBe(await heardFrom(tybalt, "romeo@montague.lit/absent", type, payload()));
    expect(heard).toContain("service-unavailable");
    expect(accept).not.toHaveBeenCalled();
    expect([romeo.e2e.sessions.size, romeo.errors.length]).toEqual([0, 0]);
  });

  it("cannot open a stream, and hears what somebody hears who calls an absent resource", async () => {
    const accept = vi.fn(() => true);
    const romeo = await on.login("romeo", { policy: { allow: () => false, accept } });
    const tybalt = await on.login("tybalt");
    const [there, absent] = await Promise.all([romeo.self, "romeo@montague.lit/absent"].map(async (address) => await codeOf(tybalt.e2e.open(address))));
    expect([there, absent]).toEqual(["peer-unavailable", "peer-unavailable"]);
    expect(accept).not.toHaveBeenCalled();
  });

  it("who shows presence is not shown ours", async () => {
    const romeo = await on.login("romeo", { policy: { allow: () => false } });
    const tybalt = await on.login("tybalt");
    await tybalt.xmpp.send(xml("presence", { to: romeo.self }) as never);
    await heardFrom(tybalt, romeo.self, "get", xml("ping", "urn:xmpp:ping")); // whatever would come of it has come by now
    expect(on.seen.filter(({ direction, session, xml: text }) => direction === "in" && session === romeo.self && text.startsWith("<presence"))).toEqual([]);
  });

  it("who knows the id of a session with somebody else cannot touch it", async () => {
    const romeo = await on.login("romeo", { policy: { allow: (address) => address.startsWith("juliet@") } });
    const juliet = await on.login("juliet");
    const tybalt = await on.login("tybalt");
    const answered = next<{ status: string }>(romeo.e2e, "session");
    const session = await juliet.e2e.open(romeo.self);
    const [sid] = on.seen.flatMap(({ xml: text }) => /jingle[^>]* sid=["']([^"']+)["']/.exec(text)?.[1] ?? []);
    const [ibb] = on.seen.flatMap(({ xml: text }) => /<open[^>]* sid=["']([^"']+)["']/.exec(text)?.[1] ?? []);
    for (const payload of [
      xml("jingle", { xmlns: "urn:xmpp:jingle:1", action: "session-terminate", sid }, xml("reason", {}, xml("success"))),
      xml("jingle", { xmlns: "urn:xmpp:jingle:1", action: "session-info", sid }),
      xml("data", { xmlns: "http://jabber.org/protocol/ibb", sid: ibb, seq: "0" }, "AAAA"),
      xml("close", { xmlns: "http://jabber.org/protocol/ibb", sid: ibb }),
      xml("open", { xmlns: "http://jabber.org/protocol/ibb", sid: ibb, "block-size": "4096" }),
    ]) {
      expect(await heardFrom(tybalt, romeo.self, "set", payload)).toBe(await heardFrom(tybalt, "romeo@montague.lit/absent", "set", payload));
    }
    const heard = next<Element>((await answered) as never, "stanza");
    await session.send(xml("message", {}, xml("body", {}, "still here")));
    expect((await heard).getChildText("body")).toBe("still here");
  });
});

describe("who is allowed, and has nothing to do with a session of somebody else,", () => {
  it("cannot touch it either, and is told that there is none", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const tybalt = await on.login("tybalt");
    const session = await juliet.e2e.open(romeo.self);
    const [sid] = on.seen.flatMap(({ xml: text }) => /jingle[^>]* sid=["']([^"']+)["']/.exec(text)?.[1] ?? []);
    const heard = await heardFrom(tybalt, romeo.self, "set", xml("jingle", { xmlns: "urn:xmpp:jingle:1", action: "session-terminate", sid }, xml("reason", {}, xml("success"))));
    expect(heard).toContain("unknown-session");
    expect(session.status).toBe("online");
  });
});

it("policy that throws lets nobody in, and ends nothing", async () => {
  const romeo = await on.login("romeo", {
    policy: {
      allow: () => {
        throw new Error("a defect of the application's");
      },
    },
  });
  const tybalt = await on.login("tybalt");
  expect(await codeOf(tybalt.e2e.open(romeo.self))).toBe("peer-unavailable");
  expect(romeo.errors.map(({ message }) => message)).toContain("a defect of the application's");
});
