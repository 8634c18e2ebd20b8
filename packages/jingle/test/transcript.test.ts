import { xml } from "@balcony/xml";
import { expect, it } from "vitest";
import { juliet, Meadow, NS_ONE, NS_TWO, NS_XTLS, network, romeo, security, settle, side, stream, transport } from "./rig.js";

/** Two who come together, by the first transport or by the second. */
async function joined(first: "works" | "no-connection") {
  const net = network();
  const meadow = new Meadow();
  const a = side(net, romeo, [transport(NS_ONE, meadow, first), transport(NS_TWO, meadow)]);
  const b = side(net, juliet, [transport(NS_ONE, meadow, first), transport(NS_TWO, meadow)]);
  const initiated = a.jingle.initiate(juliet, { application: stream(), security: security() });
  await settle();
  const accepted = b.offers[0]?.accept({ application: stream() });
  if (!accepted) throw new Error("no offer came");
  return await Promise.all([initiated, accepted]);
}

it("what one side has sent is what the other has received, and the other way round, whichever transport it came to", async () => {
  for (const first of ["works", "no-connection"] as const) {
    const [mine, theirs] = (await joined(first)).map((session) => session.takeTranscript());
    expect(mine?.sent).toEqual(theirs?.received);
    expect(mine?.received).toEqual(theirs?.sent);
    expect(mine?.sent[0]).toMatchObject({ action: "session-initiate", contents: [{ name: "xmlstream", creator: "initiator", transportNamespace: NS_ONE }] });
    expect(mine?.sent[0]?.contents[0]?.security).toContain(NS_XTLS);
    expect(mine?.received[0]).toMatchObject({ action: "session-accept", contents: [{ security: undefined }] });
    const replaced = [...(mine?.sent ?? []), ...(theirs?.sent ?? [])].map(({ action }) => action).filter((action) => action.startsWith("transport-"));
    expect(replaced.includes("transport-replace")).toBe(first === "no-connection");
  }
});

it("it is kept until it is taken, and what comes later is not written down", async () => {
  const [mine, theirs] = await joined("works");
  expect(mine.takeTranscript().sent).toHaveLength(1);
  theirs.onInfo(() => true);
  await mine.sendInfo(xml("any", "urn:example:any"));
  expect([mine.takeTranscript(), theirs.takeTranscript().received.map(({ action }) => action)]).toEqual([{ sent: [], received: [] }, ["session-initiate"]]);
});
