import { type Element, xml } from "@balcony/xml";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NS_SIDE_BY_SIDE, type Reach, type Session, sideBySide, type Transport } from "../../src/index.js";
import { type Behaviour, codeOf, juliet, type Made, Meadow, NS_ONE, NS_THREE, NS_TWO, network, record, romeo, settle, side, stream, transport } from "../rig.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const NS_LAST = "urn:example:transports:last:0";
const any: AddressPolicyLike = { paths: "any", privateNetworks: true };
type AddressPolicyLike = { readonly paths: "any" | "direct" | "relayed"; readonly privateNetworks: boolean };

const reaches: Readonly<Record<string, readonly Reach[]>> = { [NS_ONE]: ["direct", "relayed"], [NS_TWO]: ["direct"], [NS_THREE]: ["relayed"] };
const able = [NS_ONE, NS_TWO, NS_THREE] as const;

/** Two clients with three transports side by side, each also by itself, and one that always works, last. */
function couple(behaviours: Partial<Record<string, Behaviour>>, { addresses = any, knows = able as readonly string[] } = {}) {
  const net = network();
  const meadow = new Meadow();
  const seen = record(net);
  const make = (namespaces: readonly string[]) => {
    const made = namespaces.map((namespace) => transport(namespace, meadow, behaviours[namespace], reaches[namespace]));
    return { made, all: [sideBySide(made), ...made, transport(NS_LAST, meadow, "works", ["relayed"])] satisfies Transport[] };
  };
  const [one, two] = [make(able), make(knows)];
  const sides = { a: side(net, romeo, one.all, { addresses: () => addresses }), b: side(net, juliet, two.all, { addresses: () => addresses }) };
  return { net, meadow, seen, made: one.made, theirs: two.made, ...sides };
}

type Couple = ReturnType<typeof couple>;

async function negotiate({ a, b }: Couple, { provisional = false } = {}) {
  const steps: string[] = [];
  const short = (text: string): string => text.replace(/urn:example:transports:(\w+):0/g, "$1");
  const mine = a.jingle.initiate(juliet, {
    application: stream(),
    provisional,
    progress: ({ step, transport: by, error }) => steps.push(`${short(by)}: ${short(step)}${error ? " !" : ""}`),
  });
  mine.catch(() => undefined);
  await settle();
  const theirs = b.offers[0]?.accept({ application: stream(), provisional }) ?? Promise.reject(new Error("no offer"));
  theirs.catch(() => undefined);
  await settle();
  return { mine, theirs, steps };
}

/** What was said of the ways, in order: "romeo offer 0", "juliet answer 0". */
const said = (seen: readonly Element[]): string[] =>
  seen.flatMap((stanza) => {
    const transport = stanza.getChild("jingle")?.getChild("content")?.getChild("transport", NS_SIDE_BY_SIDE);
    return (transport?.getChildElements() ?? []).map((item) => `${stanza.attrs.from?.split("@")[0]} ${item.getName()} ${item.attrs.way}`);
  });

const states = (made: readonly Made[]): string[] => made.flatMap(({ attempts, namespace }) => attempts.map(({ state }) => `${namespace.split(":")[3]} ${state}`));

describe("transports side by side", () => {
  it("begin with the first alone, and where that connects there is nothing else", async () => {
    const both = couple({});
    const { mine, theirs } = await negotiate(both);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_ONE, NS_ONE]);
    expect(said(both.seen)).toEqual(["romeo offer 0", "juliet answer 0", "romeo chosen 0"]);
    expect([states(both.made), states(both.theirs), both.meadow.open, vi.getTimerCount()]).toEqual([["one connected"], ["one connected"], 0, 0]);
  });

  it("go on to the others after the head start, and take what works", async () => {
    const both = couple({ [NS_ONE]: "never" });
    const { mine, theirs, steps } = await negotiate(both);
    await vi.advanceTimersByTimeAsync(249);
    expect(states(both.made)).toEqual(["one begun"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(states(both.made)).toEqual(["one begun", "two connected"]);
    await vi.advanceTimersByTimeAsync(400); // for what is preferred
    const sessions = [await mine, await theirs];
    for (const { connection, transport } of sessions) expect([transport, connection.bytes.destroyed]).toEqual([NS_TWO, false]);
    expect(steps).toEqual(expect.arrayContaining(["one: connecting by one (direct)", "two: connecting by two (direct)"]));
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("keep a relayed path until the direct ones have had their time", async () => {
    const both = couple({ [NS_ONE]: "never", [NS_TWO]: "never" });
    const { mine } = await negotiate(both);
    let stands = false;
    void mine.then(() => {
      stands = true;
    });
    await vi.advanceTimersByTimeAsync(2_999);
    expect(stands).toBe(false); // the first relayed one is `one` again, and leads nowhere
    await vi.advanceTimersByTimeAsync(2);
    expect((await mine).transport).toBe(NS_THREE);
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("take a relayed path at once where nothing leads directly", async () => {
    const both = couple({ [NS_ONE]: "no-connection", [NS_TWO]: "no-offer" });
    const { mine, theirs } = await negotiate(both);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_THREE, NS_THREE]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("leave out what the other side does not know", async () => {
    const both = couple({}, { knows: [NS_TWO] });
    const { mine, theirs } = await negotiate(both);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_TWO, NS_TWO]);
    expect(said(both.seen)).toEqual(["romeo offer 0", "juliet failed 0", "romeo offer 1", "juliet answer 1", "romeo chosen 1"]);
  });

  it("are replaced by what they do not cover where none connects, and each way says why", async () => {
    const both = couple({ [NS_ONE]: "no-connection", [NS_TWO]: "no-connection", [NS_THREE]: "no-connection" });
    const { mine, theirs, steps } = await negotiate(both);
    expect([(await mine).transport, (await theirs).transport]).toEqual([NS_LAST, NS_LAST]);
    for (const way of ["one: one (direct)", "two: two (direct)", "one: one (relayed)", "three: three (relayed)"]) expect(steps).toContain(`${way} did not connect !`);
    expect(both.made.map(({ attempts }) => attempts.length)).toEqual([2, 1, 1]);
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("are followed by each of the others alone where a path that they found breaks before it is settled", async () => {
    const both = couple({});
    const { mine } = await negotiate(both, { provisional: true });
    const session: Session = await mine;
    const { connection } = session;
    connection.bytes.destroy();
    const next = session.replacement(connection, new Error("it broke"));
    await settle();
    expect([(await next).path === connection.path, session.transport]).toEqual([false, NS_TWO]);
    session.settle();
  });

  it("are not offered to whoever does not have them, nor by whoever was offered one of them alone", async () => {
    const both = couple({ [NS_ONE]: "no-connection" });
    const mine = both.a.jingle.initiate(juliet, { application: stream(), transports: [{ namespace: NS_ONE }, { namespace: NS_TWO }] });
    await settle();
    void both.b.offers[0]?.accept({ application: stream() });
    await settle();
    expect((await mine).transport).toBe(NS_TWO);
    expect(said(both.seen)).toEqual([]);
  });

  it.each(["direct", "relayed"] as const)("try %s paths alone where no other are wanted", async (paths) => {
    const both = couple({ [NS_ONE]: "no-connection", [NS_TWO]: "no-connection", [NS_THREE]: "no-connection" }, { addresses: { paths, privateNetworks: true } });
    await negotiate(both);
    const tried = both.made.filter(({ attempts }) => attempts.length > 0).map(({ namespace }) => namespace);
    expect(tried).toEqual(able.filter((namespace) => reaches[namespace]?.includes(paths)));
    for (const { attempts } of both.made) for (const { context } of attempts) expect(context.addresses.paths).toBe(paths);
  });

  it("let go of everything when the session is cancelled", async () => {
    const both = couple({ [NS_ONE]: "never", [NS_TWO]: "never", [NS_THREE]: "never" });
    const { mine } = await negotiate(both);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(both.meadow.open).toBe(6); // three ways, on either side
    await both.a.jingle.close();
    expect(await codeOf(mine)).toBe("closed");
    await settle();
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it("drop a connection that comes once another was chosen", async () => {
    const both = couple({ [NS_ONE]: "never" });
    const { mine } = await negotiate(both);
    await vi.advanceTimersByTimeAsync(750 + 400);
    expect((await mine).transport).toBe(NS_TWO);
    for (const { attempts } of [...both.made, ...both.theirs]) for (const attempt of attempts) attempt.fail();
    await settle();
    expect([both.meadow.open, vi.getTimerCount()]).toEqual([0, 0]);
  });
});

describe("what the other side says", () => {
  /** An attempt that was offered two ways, both of which hang. */
  async function answered() {
    const meadow = new Meadow();
    const made = [NS_ONE, NS_TWO].map((namespace) => transport(namespace, meadow, "never", ["direct"]));
    const sent: Element[] = [];
    const errors: string[] = [];
    const net = network();
    const attempt = sideBySide(made).attempt({
      channel: net.connect(juliet).to(romeo),
      role: "responder",
      sid: "j1",
      addresses: any,
      sendInfo: async (element) => void sent.push(element),
      progress: (step, error) => error && errors.push(step),
    });
    const offer = (way: string, namespace: string) => xml("offer", { way, reach: "direct" }, xml("transport", { xmlns: namespace, sid: `s${way}` }));
    const answer = await attempt.answer(xml("transport", NS_SIDE_BY_SIDE, offer("0", NS_ONE), offer("1", NS_TWO)));
    return { attempt, answer, made, sent };
  }

  it("is answered way by way, in the first element where that can wait for it", async () => {
    const { answer, attempt } = await answered();
    expect(answer.getChildElements().map((item) => [item.getName(), item.attrs.way, item.getChildElements()[0]?.getNS()])).toEqual([
      ["answer", "0", NS_ONE],
      ["answer", "1", NS_TWO],
    ]);
    attempt.abort();
  });

  it("reaches the way that it is about, and none other", async () => {
    const { attempt, made } = await answered();
    attempt.info(xml("transport", NS_SIDE_BY_SIDE, xml("info", { way: "1" }, xml("transport", { xmlns: NS_TWO, sid: "s1" }))));
    expect(made.map(({ attempts }) => attempts[0]?.infos.length)).toEqual([0, 1]);
    attempt.abort();
  });
});
