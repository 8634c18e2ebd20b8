import type { Duplex } from "node:stream";
import type { ByteCase } from "./byte-case.js";
import { pattern, Reading, writeAll, written } from "./byte-watch.js";
import { check, checkBytes, checkEqual, checkList } from "./check.js";
import { turns } from "./run.js";

function listeners(channel: Duplex): string[] {
  return channel
    .eventNames()
    .map((event) => `${String(event)}: ${channel.listenerCount(event)}`)
    .sort();
}

/** A channel among others, and what it leaves behind. */
export const sharingCases: readonly ByteCase[] = [
  {
    name: "several channels at once do not mix",
    run: async (context) => {
      const { within } = context;
      const size = Math.min(context.size, 100_000);
      const pairs = [context, await context.another(), await context.another(), await context.another(), await context.another()];
      const readings = pairs.map(({ a, b }) => [new Reading(a).upTo(size), new Reading(b).upTo(size)] as const);
      await within(Promise.all(pairs.flatMap(({ a, b }, index) => [writeAll(a, pattern(size, 100 + index), 3001), writeAll(b, pattern(size, 200 + index), 2999)])), "all to write");
      for (const [index, [atA, atB]] of readings.entries()) {
        checkBytes(await within(atB, "b to read"), pattern(size, 100 + index), `what b of channel ${index} read`);
        checkBytes(await within(atA, "a to read"), pattern(size, 200 + index), `what a of channel ${index} read`);
      }
    },
  },
  {
    name: "the end of one channel leaves the others alone",
    run: async ({ a, b, watchA, watchB, another, within }) => {
      const other = await another();
      a.resume();
      b.resume();
      a.end("x");
      await within(Promise.all([watchA.saw("close"), watchB.saw("close")]), "both sides to close");
      const read = new Reading(other.b).upTo(5);
      other.a.write("alive");
      checkEqual((await within(read, "the other channel")).toString(), "alive", "what the other b read");
      check(!other.a.destroyed && !other.b.destroyed, "the other channel was closed too");
    },
  },
  {
    name: "giving up one channel leaves the others alone",
    run: async ({ a, b, watchA, watchB, another, within }) => {
      const other = await another();
      a.write("x");
      a.destroy(new Error("given up"));
      b.resume();
      await within(Promise.all([watchA.saw("close"), watchB.saw("close")]), "both sides to close");
      const read = new Reading(other.a).upTo(5);
      other.b.write("alive");
      checkEqual((await within(read, "the other channel")).toString(), "alive", "what the other a read");
      check(!other.a.destroyed && !other.b.destroyed, "the other channel was closed too");
    },
  },
  {
    name: "a channel that nobody reads does not keep others from being read",
    run: async ({ a, another, within, size }) => {
      const other = await another();
      a.write(pattern(size));
      const bytes = pattern(Math.min(size, 100_000), 40);
      const read = new Reading(other.b).upTo(bytes.length);
      await within(writeAll(other.a, bytes), "the other a to write");
      checkBytes(await within(read, "the other b to read"), bytes, "what the other b read");
    },
  },
  {
    name: "no listeners gather while data flows, on either side",
    run: async ({ a, b, within }) => {
      const [atA, atB] = [new Reading(a), new Reading(b)];
      const exchange = async (rounds: number) => {
        const from = [atA.length, atB.length] as const;
        for (let round = 1; round <= rounds; round++) {
          await within(Promise.all([written(a, "question"), written(b, "answer")]), "both to write");
          await within(Promise.all([atB.upTo(from[1] + round * 8), atA.upTo(from[0] + round * 6)]), "both to read");
        }
      };
      await exchange(2);
      const before = [listeners(a), listeners(b)];
      await exchange(30);
      await within(Promise.all([writeAll(a, pattern(50_000)), writeAll(b, pattern(50_000))]), "both to write more");
      await turns();
      checkList(listeners(a), before[0] ?? [], "listeners on a");
      checkList(listeners(b), before[1] ?? [], "listeners on b");
    },
  },
  {
    name: "channels come and go many times",
    run: async ({ another, within }) => {
      for (let round = 0; round < 10; round++) {
        const { a, b } = await another();
        const closed = Promise.all([a, b].map((channel) => new Promise<void>((resolve) => channel.once("close", resolve))));
        const read = new Reading(b).toEnd();
        a.resume();
        a.end(`round ${round}`);
        checkEqual((await within(read, `b of round ${round}`)).toString(), `round ${round}`, "what b read");
        await within(closed, `both sides of round ${round} to close`);
      }
    },
  },
];
