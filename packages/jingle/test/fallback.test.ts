import { type Element, xml } from "@balcony/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Behaviour, codeOf, juliet, Meadow, NS_ONE, NS_THREE, NS_TWO, network, record, romeo, settle, side, stream, transport } from "./rig.js";

afterEach(() => {
  vi.useRealTimers();
});

type Behaviours = Partial<Record<string, Behaviour>>;

function couple(a: Behaviours, b: Behaviours, namespaces = [NS_ONE, NS_TWO, NS_THREE]) {
  const net = network();
  const meadow = new Meadow();
  const seen = record(net);
  const make = (behaviours: Behaviours) => namespaces.map((namespace) => transport(namespace, meadow, behaviours[namespace]));
  const sides = { a: side(net, romeo, make(a)), b: side(net, juliet, make(b)) };
  return { net, meadow, seen, ...sides };
}

async function negotiate({ a, b }: ReturnType<typeof couple>, timeout = 30_000) {
  const steps: string[] = [];
  const mine = a.jingle.initiate(juliet, {
    application: stream(),
    timeout,
    progress: ({ step, transport: by, error }) => steps.push(`${by.split(":")[3]} ${step.replace(/urn:example:transports:|:0$/g, "").replace(/:0 /, " ")}${error ? " !" : ""}`),
  });
  mine.catch(() => undefined);
  await settle();
  const theirs = b.offers[0]?.accept({ application: stream(), timeout }) ?? Promise.reject(new Error("no offer"));
  theirs.catch(() => undefined);
  await settle();
  return { mine, theirs, steps };
}

const actions = (seen: readonly Element[]) =>
  seen.flatMap((stanza) => {
    const jingle = stanza.getChild("jingle");
    return jingle ? [`${stanza.attrs.from?.split("@")[0]} ${jingle.attrs.action} ${jingle.getChild("content")?.getChild("transport")?.getNS()?.split(":")[3] ?? ""}`.trim()] : [];
  });

describe("a transport that does not connect", () => {
  it("is replaced by the initiator with the next one, and so on", async () => {
    const both = couple({ [NS_ONE]: "no-connection", [NS_TWO]: "no-connection" }, { [NS_ONE]: "no-connection", [NS_TWO]: "no-connection" });
    const { mine, theirs, steps } = await negotiate(both);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_THREE, NS_THREE]);
    expect(actions(both.seen)).toEqual([
      "romeo session-initiate one",
      "juliet session-accept one",
      "romeo transport-replace two",
      "juliet transport-accept two",
      "romeo transport-replace three",
      "juliet transport-accept three",
    ]);
    expect(steps).toEqual([
      "one offered",
      "one acknowledged by the peer",
      "one connecting by one",
      "one one did not connect !",
      "two connecting by two",
      "two two did not connect !",
      "three connecting by three",
      expect.stringMatching(/^three connected: meadow/),
    ]);
    expect(both.meadow.open).toBe(0);
  });

  it("ends the session with failed-transport where it was the last", async () => {
    const both = couple({ [NS_ONE]: "no-connection" }, { [NS_ONE]: "no-connection" }, [NS_ONE]);
    const { mine, theirs } = await negotiate(both);
    expect([await codeOf(mine), await codeOf(theirs)]).toEqual(["failed-transport", "failed-transport"]);
    const reason = both.seen.map((stanza) => stanza.getChild("jingle")?.getChild("reason")).find((element) => element !== undefined);
    expect(reason?.toString()).toBe("<reason><failed-transport/></reason>");
    expect(both.meadow.open).toBe(0);
  });

  it("on the responder's side alone is replaced by the responder, if the initiator has not within 5 s", async () => {
    vi.useFakeTimers();
    const both = couple({ [NS_ONE]: "never" }, { [NS_ONE]: "no-connection" });
    const { mine, theirs } = await negotiate(both);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(actions(both.seen)).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(actions(both.seen).slice(2)).toEqual(["juliet transport-replace two", "romeo transport-accept two"]);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_TWO, NS_TWO]);
    expect(both.meadow.open).toBe(0);
  });

  it("on the responder's side, with none left, ends the session after 5 s", async () => {
    vi.useFakeTimers();
    const both = couple({ [NS_ONE]: "never" }, { [NS_ONE]: "no-connection" }, [NS_ONE]);
    const { mine, theirs } = await negotiate(both);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([await codeOf(mine), await codeOf(theirs)]).toEqual(["failed-transport", "failed-transport"]);
  });

  it("whose replacements cross: the initiator's goes on", async () => {
    vi.useFakeTimers();
    const both = couple({ [NS_ONE]: "never" }, { [NS_ONE]: "no-connection" });
    const { mine, theirs } = await negotiate(both);
    // The initiator's connection fails just when the responder's patience ends.
    const held: Element[] = [];
    const stop = both.net.tap((stanza) => {
      if (stanza.getChild("jingle")?.attrs.action !== "transport-replace") return stanza;
      held.push(stanza);
      return undefined;
    });
    await vi.advanceTimersByTimeAsync(5_000);
    attemptsOf(both.a.jingle.transports[0])[0]?.fail();
    await vi.advanceTimersByTimeAsync(0);
    stop();
    expect(held.map((stanza) => stanza.attrs.from)).toEqual([juliet, romeo]);
    for (const stanza of held) both.net.inject(stanza);
    await vi.advanceTimersByTimeAsync(0);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_TWO, NS_TWO]);
    expect(both.seen.filter((stanza) => stanza.getChild("error")?.getChild("tie-break")).map((stanza) => stanza.attrs.from)).toEqual([romeo]);
    expect(both.meadow.open).toBe(0);
  });

  it("for the initiator, while the responder's stands, ends the session: what stands is not replaced", async () => {
    const both = couple({ [NS_ONE]: "never" }, {});
    const { mine, theirs } = await negotiate(both);
    const sid = both.seen[0]?.getChild("jingle")?.getChild("content")?.getChild("transport")?.attrs.sid ?? "";
    both.meadow.meet(sid, () => undefined);
    const session = await theirs;
    attemptsOf(both.a.jingle.transports[0])[0]?.fail();
    expect(await codeOf(mine)).toBe("failed-transport");
    await settle();
    expect(actions(both.seen).slice(2)).toEqual([
      "romeo transport-replace two",
      "juliet transport-reject two",
      "romeo transport-replace three",
      "juliet transport-reject three",
      "romeo session-terminate",
    ]);
    expect(session.ended.reason.code).toBe("session-ended");
    expect(session.ended.reason.condition).toBe("failed-transport");
  });
});

describe("a transport that cannot even be prepared", () => {
  it("is passed over before anything is sent", async () => {
    const both = couple({ [NS_ONE]: "no-offer", [NS_TWO]: "no-offer" }, {});
    const { mine } = await negotiate(both);
    expect((await mine).transport).toBe(NS_THREE);
    expect(actions(both.seen)[0]).toBe("romeo session-initiate three");
  });

  it("if none can, the peer hears nothing", async () => {
    const both = couple({ [NS_ONE]: "no-offer", [NS_TWO]: "no-offer", [NS_THREE]: "no-offer" }, {});
    const { mine } = await negotiate(both);
    expect(await codeOf(mine)).toBe("failed-transport");
    expect(both.seen).toEqual([]);
    expect(both.meadow.open).toBe(0);
  });

  it("as a replacement is passed over too", async () => {
    const both = couple({ [NS_ONE]: "no-connection", [NS_TWO]: "no-offer" }, { [NS_ONE]: "no-connection" });
    const { mine } = await negotiate(both);
    expect((await mine).transport).toBe(NS_THREE);
  });
});

describe("an offer that our transport cannot answer", () => {
  it("is replaced by the responder before it accepts, and then accepted", async () => {
    const both = couple({}, { [NS_ONE]: "no-answer" });
    const { mine, theirs } = await negotiate(both);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_TWO, NS_TWO]);
    expect(actions(both.seen)).toEqual(["romeo session-initiate one", "juliet transport-replace two", "romeo transport-accept two", "juliet session-accept two"]);
    expect(both.meadow.open).toBe(0);
  });

  it("nor the initiator the responder's: the next, until one will do", async () => {
    const both = couple({ [NS_TWO]: "no-answer" }, { [NS_ONE]: "no-answer" });
    const { mine, theirs } = await negotiate(both);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_THREE, NS_THREE]);
    expect(actions(both.seen).slice(1)).toEqual([
      "juliet transport-replace two",
      "romeo transport-reject two",
      "juliet transport-replace three",
      "romeo transport-accept three",
      "juliet session-accept three",
    ]);
    expect(both.meadow.open).toBe(0);
  });

  it("ends the session where it is the only one", async () => {
    const both = couple({}, { [NS_ONE]: "no-answer" }, [NS_ONE]);
    const { mine, theirs } = await negotiate(both);
    expect([await codeOf(mine), await codeOf(theirs)]).toEqual(["failed-transport", "failed-transport"]);
    expect(both.meadow.open).toBe(0);
  });

  it("as a replacement is rejected, and the next is tried", async () => {
    const both = couple({ [NS_ONE]: "no-connection" }, { [NS_ONE]: "no-connection", [NS_TWO]: "no-answer" });
    const { mine } = await negotiate(both);
    expect((await mine).transport).toBe(NS_THREE);
    expect(actions(both.seen).slice(2)).toEqual(["romeo transport-replace two", "juliet transport-reject two", "romeo transport-replace three", "juliet transport-accept three"]);
  });

  it("because the peer knows it not: a replacement is rejected, and the next is tried", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow, "no-connection"), transport(NS_TWO, meadow), transport(NS_THREE, meadow)]);
    const b = side(net, juliet, [transport(NS_ONE, meadow, "no-connection"), transport(NS_THREE, meadow)]);
    const { mine } = await negotiate({ a, b } as ReturnType<typeof couple>);
    expect((await mine).transport).toBe(NS_THREE);
  });
});

describe("transport-info", () => {
  it("goes to the attempt, in order, also what came before acceptance", async () => {
    const both = couple({}, {});
    const mine = both.a.jingle.initiate(juliet, { application: stream() });
    await settle();
    const offering = attemptsOf(both.a.jingle.transports[0])[0];
    for (const cid of ["1", "2", "3"]) await offering?.context.sendInfo(xml("transport", { xmlns: NS_ONE, sid: "x", cid }));
    expect(attemptsOf(both.b.jingle.transports[0])).toEqual([]);
    await both.b.offers[0]?.accept({ application: stream() });
    await mine;
    expect(attemptsOf(both.b.jingle.transports[0])[0]?.infos.map(({ attrs }) => attrs.cid)).toEqual(["1", "2", "3"]);
  });

  it("is not sent before the offer it belongs to", async () => {
    const both = couple({}, {});
    const early = transport(NS_ONE, both.meadow);
    const begin = early.attempt.bind(early);
    const sent: Promise<void>[] = [];
    const eager = {
      ...early,
      attempt: (context: Parameters<typeof begin>[0]) => {
        sent.push(context.sendInfo(xml("transport", { xmlns: NS_ONE, sid: "x" })));
        return begin(context);
      },
    };
    const c = side(both.net, "benvolio@montague.lit/street", [eager]);
    const mine = c.jingle.initiate(juliet, { application: stream() });
    await settle();
    await both.b.offers[0]?.accept({ application: stream() });
    await Promise.all([mine, ...sent]);
    expect(actions(both.seen)).toEqual(["benvolio session-initiate one", "benvolio transport-info one", "juliet session-accept one"]);
  });

  it("beyond what is held for a person who thinks is refused", async () => {
    const both = couple({}, {});
    const mine = codeOf(both.a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    const offering = attemptsOf(both.a.jingle.transports[0])[0];
    const codes = [];
    for (let n = 0; n < 33; n++) codes.push(await codeOf(offering?.context.sendInfo(xml("transport", { xmlns: NS_ONE, sid: "x" })) ?? Promise.resolve()));
    expect(codes.slice(0, 32).every((code) => code === "resolved")).toBe(true);
    expect(codes[32]).toBe("stanza-error");
    await both.b.offers[0]?.decline("decline");
    await mine;
  });

  it("that was held and turns out malformed fails the attempt", async () => {
    const both = couple({}, {}, [NS_ONE]);
    const mine = codeOf(both.a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    await attemptsOf(both.a.jingle.transports[0])[0]?.context.sendInfo(xml("transport", NS_ONE));
    expect(await codeOf(both.b.offers[0]?.accept({ application: stream() }) ?? Promise.resolve())).toBe("failed-transport");
    expect(await mine).toBe("failed-transport");
    expect(both.meadow.open).toBe(0);
  });
});

function attemptsOf(made: unknown) {
  return (made as ReturnType<typeof transport>).attempts;
}
