import { xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { overrules } from "../src/admission.js";
import { refusal } from "../src/refusal.js";
import { codeOf, juliet, Meadow, NS_FILE, NS_ONE, NS_TWO, network, record, romeo, security, settle, side, stream, told, transport } from "./rig.js";

function couple(options: { b?: readonly string[] } = {}) {
  const net = network();
  const meadow = new Meadow();
  const seen = record(net);
  const make = (namespaces: readonly string[]) => namespaces.map((namespace) => transport(namespace, meadow));
  const a = side(net, romeo, make([NS_ONE, NS_TWO]));
  const b = side(net, juliet, make(options.b ?? [NS_ONE, NS_TWO]));
  return { net, meadow, seen, a, b };
}

describe("which offer overrules which", () => {
  it.each([
    ["a", "b", true],
    ["b", "a", false],
    ["Z", "a", true], // octets, not letters
    ["a", "aa", true],
    ["", "a", true],
    ["\u{ffff}", "\u{10000}", true], // UTF-16 would have it the other way round
    ["\u{10000}", "\u{ffff}", false],
  ])("sid %j against %j: %s", (one, other, expected) => {
    expect(overrules({ sid: one, initiator: romeo }, { sid: other, initiator: juliet })).toBe(expected);
  });

  it("of equal sids that of the lower address", () => {
    expect(overrules({ sid: "s", initiator: juliet }, { sid: "s", initiator: romeo })).toBe(true);
    expect(overrules({ sid: "s", initiator: romeo }, { sid: "s", initiator: juliet })).toBe(false);
  });
});

describe("two who offer each other the same at the same time", () => {
  it("get one and the same session, and nobody is asked", async () => {
    const { a, b, meadow, seen } = couple();
    const [mine, theirs] = await Promise.all([a.jingle.initiate(juliet, { application: stream() }), b.jingle.initiate(romeo, { application: stream() })]);
    expect(mine.sid).toBe(theirs.sid);
    expect(new Set([mine.role, theirs.role])).toEqual(new Set(["initiator", "responder"]));
    expect([a.offers.length, b.offers.length]).toEqual([0, 0]);
    const offers = seen.filter((stanza) => stanza.getChild("jingle")?.attrs.action === "session-initiate").map((stanza) => stanza.getChild("jingle")?.attrs.sid ?? "");
    expect(offers).toHaveLength(2);
    expect(mine.sid).toBe(offers.sort()[0]);
    const conflicts = seen.filter((stanza) => stanza.attrs.type === "error");
    expect(conflicts).toHaveLength(1);
    expect(conflicts[0]?.getChild("error")?.toString()).toBe(
      '<error type="cancel"><conflict xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><tie-break xmlns="urn:xmpp:jingle:errors:1"/></error>',
    );
    expect(told(seen)).not.toContain("romeo session-terminate");
    expect(meadow.open).toBe(0);
  });

  it("get as many sessions as the one who asks for more, however many ask at once", async () => {
    const { a, b } = couple();
    const mine = Array.from({ length: 3 }, () => a.jingle.initiate(juliet, { application: stream() }));
    const theirs = Array.from({ length: 2 }, () => b.jingle.initiate(romeo, { application: stream() }));
    for (;;) {
      await settle();
      const open = [...a.offers, ...b.offers].filter(({ signal }) => !signal.aborted);
      if (open.length === 0) break;
      for (const offer of open) await offer.accept({ application: stream() }).catch(() => undefined);
      a.offers.length = 0;
      b.offers.length = 0;
    }
    const sessions = await Promise.all([...mine, ...theirs]);
    expect(new Set(sessions.map(({ sid }) => sid)).size).toBeGreaterThanOrEqual(3);
    const alive = sessions.filter(({ ended }) => !ended.aborted);
    expect(alive).toHaveLength(5);
  });

  it("keep their own securities: the answer has one only where the offer has", async () => {
    const { a, b } = couple();
    const [mine, theirs] = await Promise.all([a.jingle.initiate(juliet, { application: stream(), security: security() }), b.jingle.initiate(romeo, { application: stream() })]);
    const agreed = mine.role === "initiator" ? [mine.localSecurity?.name, theirs.localSecurity] : [mine.localSecurity, theirs.localSecurity];
    expect(agreed).toEqual(mine.role === "initiator" ? ["security", undefined] : [undefined, undefined]);
  });

  it("can say what the other's offer is accepted with", async () => {
    const { a, b } = couple();
    const describe = (who: string) => xml("description", { xmlns: "urn:xmpp:jingle:apps:xmlstream:0", who });
    const onTieBreak = () => ({ application: describe("answer") });
    const [mine, theirs] = await Promise.all([
      a.jingle.initiate(juliet, { application: describe("offer"), onTieBreak }),
      b.jingle.initiate(romeo, { application: describe("offer"), onTieBreak }),
    ]);
    for (const session of [mine, theirs]) {
      expect(session.localApplication.attrs.who).toBe(session.role === "initiator" ? "offer" : "answer");
      expect(session.remoteApplication.attrs.who).toBe(session.role === "initiator" ? "answer" : "offer");
    }
  });

  it("do not tie where the applications differ", async () => {
    const { a, b } = couple();
    const mine = a.jingle.initiate(juliet, { application: stream() });
    const theirs = b.jingle.initiate(romeo, { application: xml("description", NS_FILE) });
    await settle();
    await Promise.all([a.offers[0]?.accept({ application: xml("description", NS_FILE) }), b.offers[0]?.accept({ application: stream() })]);
    expect((await mine).sid).not.toBe((await theirs).sid);
  });

  it("both hear why, where the winning offer is by a transport that the other does not know", async () => {
    const { a, b, meadow } = couple({ b: [NS_TWO] });
    const codes = await Promise.all([codeOf(a.jingle.initiate(juliet, { application: stream() })), codeOf(b.jingle.initiate(romeo, { application: stream() }))]);
    expect(codes.every((code) => code === "unsupported-transports" || code === "resolved")).toBe(true);
    expect(new Set(codes).size).toBe(1);
    expect(meadow.open).toBe(0);
  });

  it("one of whom stops: the other hears it", async () => {
    const { a, b, meadow } = couple();
    const stop = new AbortController();
    const mine = codeOf(a.jingle.initiate(juliet, { application: stream(), signal: stop.signal }));
    const theirs = codeOf(b.jingle.initiate(romeo, { application: stream(), timeout: 1_000 }));
    stop.abort();
    expect(await mine).toBe("aborted");
    await settle();
    for (const offer of a.offers) await offer.decline("decline");
    expect(["cancelled", "declined"]).toContain(await theirs);
    expect(meadow.open).toBe(0);
  });
});

describe("an offer that waits for a person", () => {
  it("becomes the session of an initiate() to the same peer", async () => {
    const { a, b } = couple();
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    const theirs = b.jingle.initiate(romeo, { application: stream() });
    expect((await mine).sid).toBe((await theirs).sid);
    expect((await theirs).role).toBe("responder");
    const [offer] = b.offers;
    expect(offer?.signal.reason.code).toBe("tie-break");
    expect(await codeOf(offer?.accept({ application: stream() }) ?? Promise.resolve())).toBe("tie-break");
    await offer?.decline("decline");
    expect((await mine).ended.aborted).toBe(false);
  });

  it("that is being accepted is left alone: the initiate() waits and makes a second session", async () => {
    const { a, b } = couple();
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    const accepted = b.offers[0]?.accept({ application: stream() });
    const theirs = b.jingle.initiate(romeo, { application: stream() });
    await Promise.all([mine, accepted]);
    await settle();
    const back = await a.offers[0]?.accept({ application: stream() });
    expect((await theirs).sid).toBe(back?.sid);
    expect((await theirs).sid).not.toBe((await mine).sid);
  });
});

describe("a peer that breaks ties of its own", () => {
  it("and whose offer never came leaves `tie-break`", async () => {
    const { net, a } = couple();
    const nobody = net.connect("benvolio@montague.lit/street");
    nobody.onRequest({ type: "set", name: "jingle", xmlns: "urn:xmpp:jingle:1" }, () => {
      throw refusal("tie-break");
    });
    expect(await codeOf(a.jingle.initiate("benvolio@montague.lit/street", { application: stream() }))).toBe("tie-break");
  });
});
