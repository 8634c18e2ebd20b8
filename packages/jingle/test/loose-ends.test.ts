import { memoryBytePair } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Connection, Jingle, Offer, Transport } from "../src/index.js";
import { step } from "../src/machine.js";
import { codeOf, juliet, Meadow, NS_ONE, NS_THREE, NS_TWO, network, record, romeo, settle, side, stream, told, transport } from "./rig.js";
import { content, failure, jingle, outcome, read, states, via, walk } from "./states.js";

afterEach(() => {
  vi.useRealTimers();
});

describe("the acknowledgement", () => {
  it.each([
    ["an acceptance that needs no thought", { onOffer: (offer: Offer) => void offer.accept({ application: stream() }).catch(() => undefined) }, "juliet session-accept"],
    ["a refusal that needs none", { onOffer: (offer: Offer) => void offer.decline("busy") }, "juliet session-terminate"],
    ["a termination for want of a transport", { transports: [] }, "juliet session-terminate"],
  ])("goes before %s", async (_, options, then) => {
    const net = network();
    const meadow = new Meadow();
    const seen = record(net);
    const a = side(net, romeo, [transport(NS_ONE, meadow, "never")]);
    const b = side(net, juliet, [transport(NS_ONE, meadow, "never")], options);
    const mine = codeOf(a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    expect(told(seen).slice(0, 3)).toEqual(["romeo session-initiate", "juliet result", then]);
    await Promise.all([a, b].map((one) => one.jingle.close()));
    await mine;
  });
});

describe("an acceptance that cannot be read", () => {
  it.each([
    ["has no content", []],
    ["has a content without transport", [xml("content", { creator: "initiator", name: "xmlstream" }, stream())]],
    ["is by a transport that was not offered", [xml("content", { creator: "initiator", name: "xmlstream" }, stream(), xml("transport", { xmlns: NS_TWO, sid: "t" }))]],
  ])("ends the session at once where it %s: no better one will follow", async (_, contents) => {
    const net = network();
    const a = side(net, romeo, [transport(NS_ONE, new Meadow(), "never")]);
    const wire = net.connect(juliet);
    const seen: Element[] = [];
    wire.onRequest({ type: "set", name: "jingle", xmlns: "urn:xmpp:jingle:1" }, ({ payload }) => {
      seen.push(payload);
      return undefined;
    });
    const mine = codeOf(a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    const accept = xml("jingle", { xmlns: "urn:xmpp:jingle:1", action: "session-accept", sid: seen[0]?.attrs.sid }, ...contents);
    expect(await codeOf(wire.request(xml("iq", { to: romeo, type: "set" }, accept)))).toBe("stanza-error");
    expect(await mine).toBe("bad-request");
    await settle();
    expect(seen.map(({ attrs }) => attrs.action)).toEqual(["session-initiate", "session-terminate"]);
    await a.jingle.close();
  });
});

describe("a connection that comes too late", () => {
  it("is destroyed, whatever its transport made of the abort", async () => {
    const net = network();
    const meadow = new Meadow();
    const late: ((connection: Connection) => void)[] = [];
    const working = transport(NS_ONE, meadow);
    const deaf: Transport = {
      namespace: NS_ONE,
      attempt: (context) => {
        const attempt = working.attempt(context);
        attempt.connect = () => new Promise((resolve) => late.push(resolve));
        return attempt;
      },
    };
    const a = side(net, romeo, [deaf]);
    const b = side(net, juliet, [transport(NS_ONE, meadow, "never")]);
    const stop = new AbortController();
    const mine = codeOf(a.jingle.initiate(juliet, { application: stream(), signal: stop.signal }));
    await settle();
    const theirs = codeOf(b.offers[0]?.accept({ application: stream() }) ?? Promise.resolve());
    await settle();
    stop.abort();
    expect([await mine, await theirs]).toEqual(["aborted", "cancelled"]);
    const [bytes, far] = memoryBytePair();
    far.on("error", () => undefined);
    late[0]?.({ bytes, path: "late" });
    await settle();
    expect(bytes.destroyed).toBe(true);
  });
});

describe("bytes that fail before anybody listens", () => {
  it("do not end the process: a peer could time that", async () => {
    const net = network();
    const [near, far] = memoryBytePair();
    const meadow = new Meadow();
    const straight = (bytes: Connection["bytes"]): Transport => {
      const working = transport(NS_ONE, meadow);
      return {
        namespace: NS_ONE,
        attempt: (context) => {
          const attempt = working.attempt(context);
          attempt.connect = async () => ({ bytes, path: "straight" });
          return attempt;
        },
      };
    };
    const a = side(net, romeo, [straight(near)]);
    const b = side(net, juliet, [straight(far)]);
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    const theirs = await b.offers[0]?.accept({ application: stream() });
    const session = await mine;
    await theirs?.terminate("gone");
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(session.connection.bytes.destroyed).toBe(true);
    expect(session.connection.bytes.errored).toMatchObject({ code: expect.stringMatching(/session-ended|connection-lost/) });
  });
});

describe("a security precondition that we do not know", () => {
  it("is not shown, so that the answer goes without", async () => {
    const net = network();
    const b = side(net, juliet, [transport(NS_ONE, new Meadow())]);
    const offer = jingle("session-initiate", content(stream(), via(NS_ONE), xml("security", "urn:example:security:0")));
    await net.connect(romeo).request(xml("iq", { to: juliet, type: "set" }, offer));
    expect(b.offers[0]?.security).toBeUndefined();
    await b.jingle.close();
  });
});

describe("the timer of a responder who waits for a replacement", () => {
  it("is gone once one has come", async () => {
    vi.useFakeTimers();
    const net = network();
    const meadow = new Meadow();
    const make = () => [transport(NS_ONE, meadow, "no-connection"), transport(NS_TWO, meadow)];
    const a = side(net, romeo, make());
    const b = side(net, juliet, make());
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    await b.offers[0]?.accept({ application: stream() });
    await mine;
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a transport that the peer has proposed", () => {
  it("and that failed is not proposed again", () => {
    const fails = walk(states["considering I"], { type: "answered", attempt: 2, transport: via(NS_TWO, "t2") });
    expect(outcome(fails, step(fails, { type: "failed", attempt: 2, error: failure }))).toBe("⇒failed, abort, prepare three as 3");
  });

  it("may be one that has failed before", () => {
    const again = step(states["failed R"], { type: "received", from: romeo, action: read(jingle("transport-replace", content(via(NS_ONE, "t9")))) });
    expect(outcome(states["failed R"], again)).toBe("⇒considering, check-transport, abort, answer one as 2");
  });
});

describe("a preference for another session", () => {
  it("names it, both ways", async () => {
    const net = network();
    const meadow = new Meadow();
    const seen: Element[] = record(net);
    const a = side(net, romeo, [transport(NS_ONE, meadow)]);
    const b = side(net, juliet, [transport(NS_ONE, meadow)]);
    const mine = a.jingle.initiate(juliet, { application: stream() });
    mine.catch(() => undefined);
    await settle();
    await b.offers[0]?.decline("alternative-session", { text: "that one", alternative: "b84tkkwlmb48kgfb" });
    await expect(mine).rejects.toMatchObject({ code: "session-ended", condition: "alternative-session" });
    const reason = seen
      .find((stanza) => stanza.getChild("jingle")?.attrs.action === "session-terminate")
      ?.getChild("jingle")
      ?.getChild("reason");
    expect(reason?.toString()).toBe("<reason><alternative-session><sid>b84tkkwlmb48kgfb</sid></alternative-session><text>that one</text></reason>");
  });
});

describe("a transport that is not known to the session's own side", () => {
  it("is no choice of the caller's", async () => {
    const net = network();
    const a = side(net, romeo, [transport(NS_ONE, new Meadow())]);
    const only = (jingleOf: Jingle) => jingleOf.initiate(juliet, { application: stream(), transports: [{ namespace: NS_THREE }] });
    expect(await codeOf(only(a.jingle))).toBe("invalid-argument");
    expect(await codeOf(a.jingle.initiate(romeo, { application: stream() }))).toBe("invalid-argument");
  });
});
