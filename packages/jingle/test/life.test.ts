import { BalconyError, memoryStanzaPair, stanzaError } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Jingle, type Offer, reasons } from "../src/index.js";
import { codeOf, juliet, Meadow, NS_ONE, NS_STREAM, NS_TWO, NS_XTLS, network, record, romeo, security, settle, side, stream, told, transport } from "./rig.js";

afterEach(() => {
  vi.useRealTimers();
});

const NS = "urn:xmpp:jingle:1";

function couple(behaviour?: "never") {
  const net = network();
  const meadow = new Meadow();
  const seen = record(net);
  const a = side(net, romeo, [transport(NS_ONE, meadow, behaviour), transport(NS_TWO, meadow)]);
  const b = side(net, juliet, [transport(NS_ONE, meadow, behaviour), transport(NS_TWO, meadow)]);
  return { net, meadow, seen, a, b };
}

async function joined({ a, b }: ReturnType<typeof couple>) {
  const initiated = a.jingle.initiate(juliet, { application: stream(), security: security() });
  await settle();
  const accepted = b.offers.at(-1)?.accept({ application: stream(), security: security() });
  if (!accepted) throw new Error("no offer came");
  return await Promise.all([initiated, accepted]);
}

describe("the first offer", () => {
  it("is what XEP-0166 and XEP-0247 say", async () => {
    const { a, b, seen } = couple();
    const mine = codeOf(a.jingle.initiate(juliet, { application: stream(), security: security(), senders: "both" }));
    await settle();
    const [offer] = seen;
    const jingle = offer?.getChild("jingle");
    expect(jingle?.attrs).toMatchObject({ xmlns: NS, action: "session-initiate", initiator: romeo });
    expect(jingle?.attrs.sid).toMatch(/^[\w-]{22}$/);
    expect(jingle?.attrs).not.toHaveProperty("responder");
    const content = jingle?.getChild("content");
    expect(content?.attrs).toMatchObject({ creator: "initiator", name: "xmlstream", senders: "both" });
    expect(content?.getChildElements().map((child) => `${child.name} ${child.getNS()}`)).toEqual([`description ${NS_STREAM}`, `transport ${NS_ONE}`, `security ${NS_XTLS}`]);
    await b.offers[0]?.accept({ application: stream() });
    const accept = seen.find((stanza) => stanza.getChild("jingle")?.attrs.action === "session-accept")?.getChild("jingle");
    expect(accept?.attrs.responder).toBe(juliet);
    expect(accept?.attrs).not.toHaveProperty("initiator");
    expect(accept?.getChild("content")?.getChild("security")).toBeUndefined();
    expect(await mine).toBe("resolved");
  });

  it("to a bare address, or without any transport, is refused to the caller", async () => {
    const { a } = couple();
    expect(await codeOf(a.jingle.initiate("juliet@capulet.lit", { application: stream() }))).toBe("invalid-argument");
    expect(await codeOf(a.jingle.initiate(juliet, { application: stream(), transports: [] }))).toBe("invalid-argument");
    expect(await codeOf(a.jingle.initiate("@", { application: stream() }))).toBe("invalid-jid");
  });

  it("to nobody rejects with peer-unavailable", async () => {
    const { a, meadow } = couple();
    expect(await codeOf(a.jingle.initiate("paris@verona.lit/palace", { application: stream() }))).toBe("peer-unavailable");
    expect(meadow.open).toBe(0);
  });

  it("by a transport that the responder does not want is terminated", async () => {
    const { a, b } = couple();
    const mine = codeOf(a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    expect(await codeOf(b.offers[0]?.accept({ application: stream(), transports: [{ namespace: NS_TWO }] }) ?? Promise.resolve())).toBe("unsupported-transports");
    expect(await mine).toBe("unsupported-transports");
  });

  it("may be accepted before it is acknowledged", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow)]);
    side(net, juliet, [transport(NS_ONE, meadow)], { onOffer: (offer) => void offer.accept({ application: stream() }) });
    const late: Element[] = [];
    const stop = net.tap((stanza) => {
      if (stanza.attrs.type !== "result" || late.length > 0) return stanza;
      late.push(stanza);
      return undefined;
    });
    const session = await a.jingle.initiate(juliet, { application: stream() });
    stop();
    for (const stanza of late) net.inject(stanza);
    await settle();
    expect(session.ended.aborted).toBe(false);
  });
});

describe("acceptance", () => {
  it("in another namespace than the offer's is refused to the caller, and the offer stands", async () => {
    const { a, b } = couple();
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    const [offer] = b.offers;
    expect(await codeOf(offer?.accept({ application: xml("description", "urn:example:other:0") }) ?? Promise.resolve())).toBe("invalid-argument");
    expect(await codeOf(offer?.accept({ application: stream(), security: security() }) ?? Promise.resolve())).toBe("invalid-argument");
    await offer?.accept({ application: stream() });
    expect(await codeOf(offer?.accept({ application: stream() }) ?? Promise.resolve())).toBe("invalid-argument");
    await mine;
  });

  it("of one content of several removes the others first", async () => {
    const { net, b } = couple();
    const seen: Element[] = [];
    const peer = net.connect("benvolio@montague.lit/street");
    peer.onRequest({ type: "set", name: "jingle", xmlns: NS }, ({ payload }) => {
      seen.push(payload);
      return undefined;
    });
    const content = (name: string, application: string) =>
      xml("content", { creator: "initiator", name }, xml("description", application), xml("transport", { xmlns: NS_TWO, sid: `t-${name}` }));
    await peer.request(
      xml(
        "iq",
        { to: juliet, type: "set" },
        xml("jingle", { xmlns: NS, action: "session-initiate", sid: "s1" }, content("voice", "urn:example:rtp"), content("stream", NS_STREAM), content("film", "urn:example:rtp")),
      ),
    );
    expect(b.offers[0]?.application.getNS()).toBe(NS_STREAM);
    const accepted = codeOf(b.offers[0]?.accept({ application: stream() }) ?? Promise.resolve());
    await settle();
    expect(seen.map((jingle) => `${jingle.attrs.action} ${jingle.getChildren("content").map((child) => child.attrs.name)}`)).toEqual([
      "content-remove voice,film",
      "session-accept stream",
    ]);
    const info = xml(
      "jingle",
      { xmlns: NS, action: "transport-info", sid: "s1" },
      xml("content", { creator: "initiator", name: "voice" }, xml("transport", { xmlns: NS_TWO, sid: "x" })),
    );
    await peer.request(xml("iq", { to: juliet, type: "set" }, info)); // what was under way for a removed content is acknowledged
    await b.jingle.close();
    expect(await accepted).toBe("closed");
  });
});

describe("an ended session", () => {
  it.each(reasons)("for %s: both sides say so, and bytes are gone", async (reason) => {
    const both = couple();
    const [mine, theirs] = await joined(both);
    await mine.terminate(reason, "farewell");
    await mine.terminate("gone");
    expect(theirs.ended.reason.code).toBe(reason === "success" ? "closed" : "session-ended");
    expect(theirs.ended.reason.condition).toBe(reason);
    expect(mine.ended.reason.code).toBe(theirs.ended.reason.code);
    expect(mine.connection.bytes.destroyed && theirs.connection.bytes.destroyed).toBe(true);
    expect(told(both.seen).filter((line) => line.endsWith("session-terminate"))).toHaveLength(1);
    expect(await codeOf(mine.sendInfo())).toBe(mine.ended.reason.code);
  });

  it("is ended before the peer has acknowledged", async () => {
    const [mine] = await joined(couple());
    const gone = mine.terminate("success");
    expect(mine.ended.aborted).toBe(true);
    await gone;
  });

  it("needs no acknowledgement: a peer that is gone is told in vain", async () => {
    const both = couple();
    const [mine] = await joined(both);
    both.net.lose(juliet);
    await mine.terminate("success");
    expect(mine.ended.reason.code).toBe("closed");
  });

  it("says what the peer wrote, without what would move the cursor", async () => {
    const both = couple();
    const initiated = both.a.jingle.initiate(juliet, { application: stream() });
    initiated.catch(() => undefined);
    await settle();
    await both.b.offers[0]?.decline("decline", "no\u001b[2J \u202enever");
    await expect(initiated).rejects.toThrow('juliet@capulet.lit/balcony ended the session (decline): "no[2J never".');
  });

  it("of which the peer knows nothing any more ends when that comes to light", async () => {
    const both = couple();
    const [mine, theirs] = await joined(both);
    const stop = both.net.tap(() => undefined);
    void theirs.terminate("gone");
    await settle();
    stop();
    expect(mine.ended.aborted).toBe(false);
    expect(await codeOf(mine.sendInfo())).toBe("stanza-error");
    expect(mine.ended.reason.code).toBe("session-ended");
  });
});

describe("session-info", () => {
  it("without payload is a ping; with one it goes to whoever understands it", async () => {
    const [mine, theirs] = await joined(couple());
    await mine.sendInfo();
    const heard: string[] = [];
    const stop = theirs.onInfo((payload) => {
      if (payload.name === "odd") throw stanzaError("not-acceptable");
      heard.push(payload.name);
      return payload.name === "known";
    });
    await mine.sendInfo(xml("known", "urn:example:info"));
    expect(await codeOf(mine.sendInfo(xml("unknown", "urn:example:info")))).toBe("stanza-error");
    const odd = await mine.sendInfo(xml("odd", "urn:example:info")).catch((error: unknown) => error);
    expect((odd as BalconyError).condition).toBe("not-acceptable");
    stop();
    expect(await codeOf(mine.sendInfo(xml("known", "urn:example:info")))).toBe("stanza-error");
    expect(heard).toEqual(["known", "unknown"]);
    expect(theirs.ended.aborted || mine.ended.aborted).toBe(false);
  });
});

describe("deadlines", () => {
  it("are absolute: an offer that nobody answers expires, and the peer is told", async () => {
    vi.useFakeTimers();
    const both = couple();
    const initiated = both.a.jingle.initiate(juliet, { application: stream(), timeout: 30_000 });
    const code = codeOf(initiated);
    await vi.advanceTimersByTimeAsync(29_999);
    expect(both.b.offers[0]?.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await code).toBe("expired");
    await expect(initiated).rejects.toThrow("Waited 30 s for juliet@capulet.lit/balcony to accept the offer.");
    expect(both.b.offers[0]?.signal.reason.code).toBe("expired");
  });

  it("are not put off by acceptance, nor by a transport's failure", async () => {
    vi.useFakeTimers();
    const both = couple("never");
    const transports = [{ namespace: NS_ONE }];
    const mine = codeOf(both.a.jingle.initiate(juliet, { application: stream(), transports, timeout: 10_000 }));
    await vi.advanceTimersByTimeAsync(6_000);
    const theirs = codeOf(both.b.offers[0]?.accept({ application: stream(), transports }) ?? Promise.resolve());
    await vi.advanceTimersByTimeAsync(4_000);
    expect([await mine, await theirs]).toEqual(["expired", "expired"]);
    expect(both.meadow.open).toBe(0);
  });

  it("end an offer that nobody here decides on, after two minutes", async () => {
    vi.useFakeTimers();
    const both = couple();
    const mine = codeOf(both.a.jingle.initiate(juliet, { application: stream(), timeout: 1_000_000 }));
    await vi.advanceTimersByTimeAsync(120_000);
    expect(both.b.offers[0]?.signal.reason.code).toBe("expired");
    expect(await mine).toBe("expired");
    expect(await codeOf(both.b.offers[0]?.accept({ application: stream() }) ?? Promise.resolve())).toBe("expired");
  });

  it("hold for those who wait their turn", async () => {
    vi.useFakeTimers();
    const both = couple();
    const first = codeOf(both.a.jingle.initiate(juliet, { application: stream(), timeout: 20_000 }));
    const second = codeOf(both.a.jingle.initiate(juliet, { application: stream(), timeout: 5_000 }));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await second).toBe("timeout");
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await first).toBe("expired");
  });

  it("do not touch a session that stands", async () => {
    vi.useFakeTimers();
    const both = couple();
    const [mine, theirs] = await joined(both);
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(mine.ended.aborted || theirs.ended.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a caller's signal", () => {
  it.each(["before", "while offered", "while connecting"])("%s ends the wait with aborted, and the peer is told", async (when) => {
    const both = couple("never");
    const stop = new AbortController();
    if (when === "before") stop.abort();
    const mine = codeOf(both.a.jingle.initiate(juliet, { application: stream(), signal: stop.signal }));
    await settle();
    const theirs = when === "while connecting" ? codeOf(both.b.offers[0]?.accept({ application: stream() }) ?? Promise.resolve()) : undefined;
    await settle();
    stop.abort();
    expect(await mine).toBe("aborted");
    await settle();
    if (when === "while offered") expect(both.b.offers[0]?.signal.reason.code).toBe("cancelled");
    if (theirs) expect(await theirs).toBe("cancelled");
    if (when === "before") expect(both.seen).toEqual([]);
    expect(both.meadow.open).toBe(0);
  });

  it("of the responder declines", async () => {
    const both = couple("never");
    const mine = codeOf(both.a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    const stop = new AbortController();
    const theirs = codeOf(both.b.offers[0]?.accept({ application: stream(), signal: stop.signal }) ?? Promise.resolve());
    await settle();
    const why = new BalconyError("not-trusted", "not this one");
    stop.abort(why);
    expect([await mine, await theirs]).toEqual(["declined", "not-trusted"]);
  });

  it("after the session stands has no say", async () => {
    const both = couple();
    const stop = new AbortController();
    const mine = both.a.jingle.initiate(juliet, { application: stream(), signal: stop.signal });
    await settle();
    await both.b.offers[0]?.accept({ application: stream() });
    const session = await mine;
    stop.abort();
    expect(session.ended.aborted).toBe(false);
  });
});

describe("a lost channel", () => {
  it("ends what is being negotiated, and leaves the bytes of sessions that stand", async () => {
    const both = couple();
    const [mine] = await joined(both);
    const pending = codeOf(both.a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    both.net.lose(romeo);
    expect(await pending).toBe("connection-lost");
    expect(mine.signallingLost.aborted).toBe(true);
    expect(mine.ended.aborted).toBe(false);
    expect(mine.connection.bytes.destroyed).toBe(false);
    expect(await codeOf(both.a.jingle.initiate(juliet, { application: stream() }))).toBe("connection-lost");
    await mine.terminate("success");
    expect(mine.ended.reason.code).toBe("closed");
    expect(mine.connection.bytes.destroyed).toBe(true);
  });

  it("withdraws offers that nobody has decided on", async () => {
    const both = couple();
    const pending = codeOf(both.a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    both.net.lose(juliet);
    expect(both.b.offers[0]?.signal.reason.code).toBe("connection-lost");
    await both.a.jingle.close();
    expect(await pending).toBe("closed");
  });
});

describe("close()", () => {
  it("ends all sessions with gone, offers with cancel, and answers nobody afterwards", async () => {
    const both = couple();
    const [mine, theirs] = await joined(both);
    const pending = codeOf(both.a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    await both.a.jingle.close();
    expect(await pending).toBe("closed");
    expect(mine.ended.reason.code).toBe("closed");
    expect(theirs.ended.reason.condition).toBe("gone");
    expect(both.b.offers.at(-1)?.signal.reason.code).toBe("cancelled");
    expect(await codeOf(both.b.jingle.initiate(romeo, { application: stream() }))).toBe("peer-unavailable");
    expect(await codeOf(both.a.jingle.initiate(juliet, { application: stream() }))).toBe("closed");
  });
});

describe("on a channel to one peer alone", () => {
  it("sessions are made as on a wide one", async () => {
    const [left, right] = memoryStanzaPair({ a: romeo, b: juliet });
    const meadow = new Meadow();
    const make = (channel: typeof left, onOffer: (offer: Offer) => void) =>
      new Jingle(channel, {
        transports: [transport(NS_ONE, meadow)],
        applications: [{ namespace: NS_STREAM }],
        knows: () => true,
        onOffer,
        report: (error) => {
          throw error;
        },
      });
    const a = make(left, () => undefined);
    make(right, (offer) => void offer.accept({ application: stream() }));
    const session = await a.initiate(juliet, { application: stream() });
    expect(session.peer).toBe(juliet);
    await a.close();
  });
});

describe("an onOffer that throws", () => {
  it("is reported, and the peer hears general-error", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow)]);
    const b = side(net, juliet, [transport(NS_ONE, meadow)], {
      onOffer: () => {
        throw new Error("a defect");
      },
    });
    expect(await codeOf(a.jingle.initiate(juliet, { application: stream() }))).toBe("session-ended");
    expect(b.errors.map(String)).toEqual(["Error: a defect"]);
  });
});
