import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { codeOf, juliet, Meadow, NS_ONE, NS_TWO, network, record, romeo, settle, side, stream, told, transport } from "./rig.js";

function couple() {
  const net = network();
  const meadow = new Meadow();
  const seen = record(net);
  const a = side(net, romeo, [transport(NS_ONE, meadow), transport(NS_TWO, meadow)]);
  const b = side(net, juliet, [transport(NS_ONE, meadow), transport(NS_TWO, meadow)]);
  return { net, meadow, seen, a, b };
}

async function joined({ a, b }: ReturnType<typeof couple>) {
  const initiated = a.jingle.initiate(juliet, { application: stream() });
  await settle();
  const accepted = b.offers[0]?.accept({ application: stream() });
  if (!accepted) throw new Error("no offer came");
  return await Promise.all([initiated, accepted]);
}

describe("a session", () => {
  it("is offered, acknowledged, accepted, connected, used and ended", async () => {
    const both = couple();
    const [mine, theirs] = await joined(both);
    expect(told(both.seen)).toEqual(["romeo session-initiate", "juliet result", "juliet session-accept", "romeo result"]);
    expect([mine.role, theirs.role]).toEqual(["initiator", "responder"]);
    expect(mine.sid).toBe(theirs.sid);
    expect([mine.transport, theirs.transport]).toEqual([NS_ONE, NS_ONE]);
    mine.connection.bytes.write("Good night, good night!");
    const [chunk] = await once(theirs.connection.bytes, "data");
    expect(String(chunk)).toBe("Good night, good night!");
    mine.connection.bytes.end();
    theirs.connection.bytes.resume();
    await once(theirs.connection.bytes, "close");
    await theirs.terminate("success");
    expect(mine.ended.reason.code).toBe("closed");
    expect(theirs.ended.reason.code).toBe("closed");
    expect(mine.connection.bytes.destroyed && theirs.connection.bytes.destroyed).toBe(true);
    expect(told(both.seen).slice(4)).toEqual(["juliet session-terminate", "romeo result"]);
    expect(both.meadow.open).toBe(0);
    expect([...both.a.errors, ...both.b.errors]).toEqual([]);
  });

  it("that is declined rejects with `declined`, and leaves nothing", async () => {
    const { a, b, meadow } = couple();
    const initiated = codeOf(a.jingle.initiate(juliet, { application: stream() }));
    await settle();
    await b.offers[0]?.decline("decline", "Not\u0007 now");
    expect(await initiated).toBe("declined");
    expect(meadow.open).toBe(0);
  });
});
