import { BalconyError } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { asClient, asServer, kinds, outcome } from "../pairs.js";
import { gone } from "./peers.js";

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

// Node 20 to 26 crashes where the socket below goes before TLS does with something still being written: a crash here ends the whole test process.
describe.each(kinds)("a channel that goes at any moment, over %s", (_kind, pair) => {
  it.each([
    ["the client's, with an error", 0, new BalconyError("session-ended", "Over.")],
    ["the server's, with an error", 1, new BalconyError("session-ended", "Over.")],
    ["the client's, without a word", 0, undefined],
    ["the server's, without a word", 1, undefined],
  ] as const)("%s, takes TLS with it and nothing else", async (_what, whose, error) => {
    for (let moment = 0; moment < 25; moment++) {
      const ends = await pair();
      const work = [asClient(ends[0]), asServer(ends[1])];
      const settled = Promise.all(work.map(outcome));
      await turns(moment);
      ends[whose].destroy(error);
      for (const code of await settled) expect(["accepted", "connection-lost", "session-ended"]).toContain(code);
      const sockets = (await Promise.allSettled(work)).flatMap((one) => (one.status === "fulfilled" ? [one.value.bytes.resume()] : []));
      await gone(...ends, ...sockets);
    }
  });

  it.each([0, 1] as const)("within accept(), at end %i", async (whose) => {
    const ends = await pair();
    const accept = () => void ends[whose].destroy(new BalconyError("session-ended", "Over."));
    const work = [asClient(ends[0], whose === 0 ? { accept } : {}), asServer(ends[1], whose === 1 ? { accept } : {})];
    await Promise.all(work.map(outcome));
    const sockets = (await Promise.allSettled(work)).flatMap((one) => (one.status === "fulfilled" ? [one.value.bytes.resume()] : []));
    await gone(...ends, ...sockets);
  });

  it("in the very microtask behind the handshake, with data being written, and TLS destroyed on top", async () => {
    for (let round = 0; round < 20; round++) {
      const ends = await pair();
      const [client, server] = await Promise.all([asClient(ends[0]), asServer(ends[1])]);
      for (const { bytes } of [client, server]) bytes.write(Buffer.alloc(100_000));
      ends[round % 2]?.destroy(round % 4 < 2 ? new BalconyError("session-ended", "Over.") : undefined);
      for (const { bytes } of [client, server]) bytes.destroy();
      await gone(...ends, client.bytes, server.bytes);
    }
  });
});
