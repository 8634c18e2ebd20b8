import { BalconyError } from "@balcony/channel";
import { xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Behaviour, codeOf, juliet, Meadow, NS_ONE, NS_THREE, NS_TWO, network, record, romeo, side, stream, told, transport } from "./rig.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

type Behaviours = Partial<Record<string, Behaviour>>;

function couple(a: Behaviours, b: Behaviours = a) {
  const net = network();
  const meadow = new Meadow();
  const seen = record(net);
  const make = (behaviours: Behaviours) => [NS_ONE, NS_TWO, NS_THREE].map((namespace) => transport(namespace, meadow, behaviours[namespace]));
  return {
    net,
    meadow,
    seen,
    a: side(net, romeo, make(a)),
    b: side(net, juliet, make(b), { onOffer: (offer) => void offer.accept({ application: stream(), timeout: 200_000 }).catch(() => undefined) }),
  };
}

const never: Behaviours = { [NS_ONE]: "never", [NS_TWO]: "never", [NS_THREE]: "never" };

describe("a transport that comes to nothing", () => {
  it("is left at its fair share of the time, so that all get their turn before the session's own deadline", async () => {
    const both = couple({ [NS_ONE]: "never", [NS_TWO]: "never" });
    const steps: [string, number][] = [];
    const begun = performance.now();
    const mine = both.a.jingle.initiate(juliet, {
      application: stream(),
      timeout: 9_000,
      progress: ({ step, error }) => error && steps.push([step, performance.now() - begun]),
    });
    await vi.advanceTimersByTimeAsync(2_999);
    expect(steps).toEqual([]);
    await vi.advanceTimersByTimeAsync(3_002);
    expect((await mine).transport).toBe(NS_THREE);
    expect(steps.map(([step]) => step)).toEqual([`${NS_ONE} did not connect`, `${NS_TWO} did not connect`]);
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("has 10 s at most, and the last one all that is left", async () => {
    const both = couple({ ...never });
    const mine = both.a.jingle.initiate(juliet, { application: stream(), timeout: 120_000 });
    const failed = mine.catch((error: unknown) => error as BalconyError);
    await vi.advanceTimersByTimeAsync(20_001);
    const ofThree = (both.a.jingle.transports[2] as ReturnType<typeof transport>).attempts[0];
    expect(ofThree?.state).toBe("begun");
    await vi.advanceTimersByTimeAsync(99_998);
    expect(ofThree?.state).toBe("begun");
    await vi.advanceTimersByTimeAsync(1);
    const error = await failed;
    expect(error).toMatchObject({
      code: "expired",
      tried: [
        { transport: NS_ONE, code: "timeout" },
        { transport: NS_TWO, code: "timeout" },
      ],
    });
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("while it is being prepared is passed over too", async () => {
    const both = couple({});
    const hanging = { namespace: NS_ONE, attempt: () => ({ ...idle, offer: () => new Promise<never>(() => undefined) }) };
    const c = side(both.net, "benvolio@montague.lit/street", [hanging, transport(NS_TWO, both.meadow)]);
    const mine = c.jingle.initiate(juliet, { application: stream(), timeout: 10_000 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await mine).transport).toBe(NS_TWO);
    expect(told(both.seen)[0]).toBe("benvolio session-initiate");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("and a person who takes her time to accept uses up no transport's share", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow), transport(NS_TWO, meadow)]);
    const b = side(net, juliet, [transport(NS_ONE, meadow), transport(NS_TWO, meadow)]);
    const mine = a.jingle.initiate(juliet, { application: stream(), timeout: 100_000 });
    await vi.advanceTimersByTimeAsync(90_000);
    void b.offers[0]?.accept({ application: stream() });
    expect((await mine).transport).toBe(NS_ONE);
  });
});

describe("a peer", () => {
  it("that never answers the offer ends it at the deadline, saying what was waited for", async () => {
    const both = couple({});
    const c = side(both.net, "nurse@capulet.lit/kitchen", [transport(NS_ONE, both.meadow)]);
    const mine = both.a.jingle.initiate("nurse@capulet.lit/kitchen", { application: stream(), timeout: 30_000 }).catch((error: unknown) => error as BalconyError);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await mine).toMatchObject({ code: "expired", message: "Waited 30 s for nurse@capulet.lit/kitchen to accept the offer." });
    expect([c.offers[0]?.signal.aborted, vi.getTimerCount()]).toEqual([true, 0]);
  });

  it("that never answers a transport-replace does too", async () => {
    const both = couple({ [NS_ONE]: "no-connection" });
    let silent = false;
    both.net.tap((stanza) => {
      silent ||= stanza.getChild("jingle")?.attrs.action === "transport-accept";
      return silent && stanza.attrs.from === juliet ? undefined : stanza;
    });
    const mine = both.a.jingle.initiate(juliet, { application: stream(), timeout: 30_000 }).catch((error: unknown) => error as BalconyError);
    await vi.advanceTimersByTimeAsync(30_000);
    await both.b.jingle.close();
    await vi.advanceTimersByTimeAsync(10_000); // for the farewell that nobody acknowledges
    expect(await mine).toMatchObject({ code: "expired", tried: [{ transport: NS_ONE, reason: `${NS_ONE} leads nowhere` }] });
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });
});

describe("a path that is provisional", () => {
  const pair = async () => {
    const net = network();
    const meadow = new Meadow();
    const make = () => [NS_ONE, NS_TWO].map((namespace) => transport(namespace, meadow));
    const [a, b] = [side(net, romeo, make()), side(net, juliet, make())];
    const mine = a.jingle.initiate(juliet, { application: stream(), provisional: true, timeout: 20_000 });
    await vi.advanceTimersByTimeAsync(0);
    const theirs = b.offers[0]?.accept({ application: stream(), provisional: true, timeout: 20_000 });
    const [near, far] = await Promise.all([mine, theirs]);
    if (!far) throw new Error("no offer");
    return { near, far, meadow, end: async () => await Promise.all([a.jingle.close(), b.jingle.close()]) };
  };
  const broke = new BalconyError("connection-lost", "nothing came");

  it("and by which nothing comes is given up when its transport's time is over", async () => {
    const { near, far, meadow, end } = await pair();
    const before = [near.connection, far.connection];
    await vi.advanceTimersByTimeAsync(9_999);
    expect(before.map(({ bytes }) => bytes.destroyed)).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(1);
    expect(before.map(({ bytes }) => bytes.destroyed)).toEqual([true, true]);
    const after = await Promise.all([near, far].map(async (session, index) => await session.replacement(before[index] ?? session.connection, broke)));
    expect(after).toEqual([near.connection, far.connection]);
    expect([near.transport, far.transport]).toEqual([NS_TWO, NS_TWO]);
    await end();
    expect([meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it.each([["near"], ["far"], ["near", "far"], ["far", "near"]] as const)("and that broke is replaced, whoever notices: %s, %s", async (...order) => {
    const sessions = await pair();
    const { near, far, meadow, end } = sessions;
    const lost = [near.connection, far.connection];
    const found = await Promise.all(order.map(async (name) => await sessions[name].replacement(sessions[name].connection, broke)));
    await vi.advanceTimersByTimeAsync(0);
    expect(found).toEqual(order.map((name) => sessions[name].connection));
    expect([near.transport, far.transport, near.connection.path === far.connection.path]).toEqual([NS_TWO, NS_TWO, true]);
    expect(lost.map(({ bytes }) => bytes.destroyed)).toEqual([true, true]);
    near.settle();
    far.settle();
    await expect(near.replacement(near.connection, broke)).rejects.toBe(broke);
    await end();
    expect([meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("for one side, while the other's is settled, ends the session: what is in use is not replaced", async () => {
    const both = couple({});
    const c = side(
      both.net,
      "nurse@capulet.lit/kitchen",
      [NS_ONE, NS_TWO].map((namespace) => transport(namespace, both.meadow)),
    );
    const mine = both.a.jingle.initiate("nurse@capulet.lit/kitchen", { application: stream(), provisional: true });
    await vi.advanceTimersByTimeAsync(0);
    const far = await c.offers[0]?.accept({ application: stream() });
    const near = await mine;
    expect(await codeOf(near.replacement(near.connection, new BalconyError("connection-lost", "it broke")))).toBe("failed-transport");
    await vi.advanceTimersByTimeAsync(0);
    expect(far?.ended.reason).toMatchObject({ code: "session-ended", condition: "failed-transport" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("whose signalling is gone has no successor", async () => {
    const both = couple({});
    const near = await both.a.jingle.initiate(juliet, { application: stream(), provisional: true });
    both.net.lose(romeo);
    await vi.advanceTimersByTimeAsync(0);
    expect(near.ended.aborted).toBe(false);
    expect(await codeOf(near.replacement(near.connection, new BalconyError("connection-lost", "it broke")))).toBe("connection-lost");
    expect(near.ended.aborted).toBe(true);
  });
});

const idle = {
  offer: async () => xml("transport", NS_ONE),
  answer: async () => xml("transport", NS_ONE),
  accepted: () => undefined,
  info: () => undefined,
  connect: () => new Promise<never>(() => undefined),
  abort: () => undefined,
};
