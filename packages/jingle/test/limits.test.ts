import { xml } from "@balcony/xml";
import { describe, expect, it } from "vitest";
import { codeOf, juliet, Meadow, NS_FILE, NS_ONE, network, romeo, settle, side, stream, transport } from "./rig.js";

const NS = "urn:xmpp:jingle:1";
const offer = (sid: string) =>
  xml(
    "iq",
    { to: juliet, type: "set" },
    xml(
      "jingle",
      { xmlns: NS, action: "session-initiate", sid },
      xml("content", { creator: "initiator", name: "x" }, stream(), xml("transport", { xmlns: NS_ONE, sid: `t${sid}` })),
    ),
  );

function host(options: Parameters<typeof side>[3] = {}) {
  const net = network();
  const meadow = new Meadow();
  const b = side(net, juliet, [transport(NS_ONE, meadow)], options);
  let sids = 0;
  const offerFrom = async (address: string) => {
    const channel = clients.get(address) ?? net.connect(address);
    clients.set(address, channel);
    return await channel.request(offer(`s${++sids}`)).then(
      () => "taken",
      (error: { condition?: string }) => error.condition ?? "",
    );
  };
  const clients = new Map<string, ReturnType<typeof net.connect>>();
  return { net, meadow, b, offerFrom };
}

describe("pending offers", () => {
  it("are four to a bare address, whatever the resource", async () => {
    const { b, offerFrom } = host();
    const answers = [];
    for (let n = 0; n < 6; n++) answers.push(await offerFrom(`romeo@montague.lit/${n}`));
    expect(answers).toEqual(["taken", "taken", "taken", "taken", "resource-constraint", "resource-constraint"]);
    expect(await offerFrom("nurse@capulet.lit/kitchen")).toBe("taken");
    await b.offers[0]?.decline("busy");
    expect(await offerFrom("romeo@montague.lit/5")).toBe("taken");
    await b.jingle.close();
  });

  it("are 64 in all", async () => {
    const { b, offerFrom } = host();
    const answers = [];
    for (let n = 0; n < 65; n++) answers.push(await offerFrom(`user${n}@montague.lit/x`));
    expect(answers.filter((answer) => answer === "taken")).toHaveLength(64);
    expect(answers[64]).toBe("resource-constraint");
    await b.jingle.close();
  });

  it("of invented addresses fill no more than half, and make room for those we know", async () => {
    const { b, offerFrom } = host({ favours: (from) => from.startsWith("friend"), limits: { pending: 8 } });
    const strangers = [];
    for (let n = 0; n < 6; n++) strangers.push(await offerFrom(`invented${n}@evil.lit/x`));
    expect(strangers).toEqual(["taken", "taken", "taken", "taken", "resource-constraint", "resource-constraint"]);
    const friends = [];
    for (let n = 0; n < 9; n++) friends.push(await offerFrom(`friend${n}@montague.lit/x`));
    expect(friends.filter((answer) => answer === "taken")).toHaveLength(8);
    expect(friends[8]).toBe("resource-constraint");
    const evicted = b.offers.filter(({ signal }) => signal.aborted);
    expect(evicted.map(({ peer }) => peer)).toEqual([0, 1, 2, 3].map((n) => `invented${n}@evil.lit/x`));
    expect(evicted[0]?.signal.reason.code).toBe("resource-constraint");
    await b.jingle.close();
  });

  it("no longer count once their sessions stand", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow)]);
    const b = side(net, juliet, [transport(NS_ONE, meadow)], { limits: { pendingPerPeer: 1 } });
    const sids = new Set<string>();
    for (let n = 0; n < 20; n++) {
      const mine = a.jingle.initiate(juliet, { application: stream() });
      await settle();
      await b.offers.at(-1)?.accept({ application: stream() });
      sids.add((await mine).sid);
    }
    expect(sids.size).toBe(20);
  });
});

describe("sessions in all", () => {
  it("have a limit for those who call and those who are called", async () => {
    const net = network();
    const meadow = new Meadow();
    const a = side(net, romeo, [transport(NS_ONE, meadow)], { limits: { sessions: 1 } });
    const b = side(net, juliet, [transport(NS_ONE, meadow)], { limits: { sessions: 1 } });
    const mine = a.jingle.initiate(juliet, { application: stream() });
    await settle();
    await b.offers[0]?.accept({ application: stream() });
    await mine;
    expect(await codeOf(a.jingle.initiate(juliet, { application: xml("description", NS_FILE) }))).toBe("resource-constraint");
    const c = side(net, "benvolio@montague.lit/street", [transport(NS_ONE, meadow)]);
    expect(await codeOf(c.jingle.initiate(juliet, { application: stream() }))).toBe("busy");
  });
});
