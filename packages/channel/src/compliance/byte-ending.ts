import { Buffer } from "node:buffer";
import type { ByteCase, ByteContext } from "./byte-case.js";
import { pattern, Reading, writeAll, written } from "./byte-watch.js";
import { check, checkBytes, checkEqual, checkList } from "./check.js";
import { turns } from "./run.js";

const bothClose = ({ watchA, watchB, within }: ByteContext) => within(Promise.all([watchA.saw("close"), watchB.saw("close")]), "both sides to close");

function checkNoErrors({ watchA, watchB }: ByteContext): void {
  checkList([...watchA.errors, ...watchB.errors].map(String), [], "errors of a and b");
}

/** `end()` flushes and closes both ways, and nothing is lost by it. */
export const endingCases: readonly ByteCase[] = [
  {
    name: "end() comes behind everything that was written",
    run: async (context) => {
      const { a, b, size, within } = context;
      const bytes = pattern(size, 20);
      const all = new Reading(b).toEnd();
      a.resume();
      a.write(bytes);
      a.end();
      checkBytes(await within(all, "b to read to the end"), bytes, "what b read");
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "many small writes and end() at once lose nothing",
    run: async (context) => {
      const { a, b, within } = context;
      const all = new Reading(b).toEnd();
      a.resume();
      for (let at = 0; at < 1000; at++) a.write(Buffer.of(at & 0xff));
      a.end();
      checkBytes(await within(all, "b to read to the end"), Buffer.from(Array.from({ length: 1000 }, (_, at) => at & 0xff)), "what b read");
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "end(bytes) sends them first",
    run: async (context) => {
      const { a, b, within } = context;
      const all = new Reading(b).toEnd();
      a.resume();
      a.write("one ");
      a.end("two");
      checkEqual((await within(all, "b to read to the end")).toString(), "one two", "what b read");
      await bothClose(context);
    },
  },
  {
    name: "end() before anything was written closes both sides",
    run: async (context) => {
      const { a, b, within } = context;
      const all = new Reading(b).toEnd();
      a.resume();
      a.end();
      checkEqual((await within(all, "b's end")).length, 0, "bytes that b read");
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "end() closes both sides although nobody reads, where there is nothing to read",
    run: async (context) => {
      context.a.end();
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "there is no half-close: the other side's end ends this one by itself",
    run: async (context) => {
      const { a, b, watchB, within } = context;
      a.resume();
      b.resume();
      a.end("goodbye");
      await within(watchB.saw("end"), "b to read to the end");
      await within(watchB.saw("finish"), "b to finish by itself");
      checkEqual(b.writableEnded, true, "writableEnded of b");
      await bothClose(context);
    },
  },
  {
    name: "after our end() we still read what the other side had written",
    run: async (context) => {
      const { a, b, within } = context;
      const bytes = pattern(3000, 21);
      await within(written(b, bytes), "b's write");
      const atA = new Reading(a).toEnd();
      b.resume();
      a.end("goodbye");
      checkBytes(await within(atA, "a to read to the end"), bytes, "what a read");
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "what came before the end is kept until it is read",
    run: async (context) => {
      const { a, b, watchA, watchB, within } = context;
      const bytes = pattern(3000, 22);
      a.resume();
      a.end(bytes);
      await within(watchA.saw("finish"), "a to finish");
      await turns(10);
      checkList(watchB.events, [], "events of b before it reads");
      checkBytes(await within(new Reading(b).toEnd(), "b to read to the end"), bytes, "what b read");
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "end() from both sides at once loses nothing",
    run: async (context) => {
      const { a, b, within } = context;
      const [atA, atB] = [new Reading(a).toEnd(), new Reading(b).toEnd()];
      a.write("from ");
      b.write("also from ");
      a.end("a");
      b.end("b");
      checkEqual((await within(atA, "a to read to the end")).toString(), "also from b", "what a read");
      checkEqual((await within(atB, "b to read to the end")).toString(), "from a", "what b read");
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "end() from both sides at once with much on the way loses nothing",
    run: async (context) => {
      const { a, b, size, within } = context;
      const [up, down] = [pattern(Math.min(size, 1024 * 1024), 23), pattern(Math.min(size, 1024 * 1024), 24)];
      const [atA, atB] = [new Reading(a).toEnd(), new Reading(b).toEnd()];
      await within(Promise.all([writeAll(a, up).then(() => a.end()), writeAll(b, down).then(() => b.end())]), "both to write");
      checkBytes(await within(atA, "a to read to the end"), down, "what a read");
      checkBytes(await within(atB, "b to read to the end"), up, "what b read");
      await bothClose(context);
      checkNoErrors(context);
    },
  },
  {
    name: "the order is end and finish, then close, once each",
    run: async (context) => {
      const { a, b, watchA, watchB } = context;
      a.resume();
      b.resume();
      a.end("x");
      await bothClose(context);
      await turns();
      for (const [name, { events }] of Object.entries({ a: watchA, b: watchB })) {
        checkList([...events].sort(), ["close", "end", "finish"], `events of ${name}`);
        checkEqual(events.at(-1), "close", `last event of ${name}`);
      }
    },
  },
  {
    name: "after the end the channel says that it is over",
    run: async (context) => {
      const { a, b } = context;
      a.resume();
      b.resume();
      a.end("x");
      await bothClose(context);
      for (const [name, channel] of Object.entries({ a, b })) {
        const { destroyed, closed, readable, writable, readableEnded, writableEnded, writableFinished, errored } = channel;
        checkList(
          [destroyed, closed, readableEnded, writableEnded, writableFinished],
          [true, true, true, true, true],
          `destroyed, closed, readableEnded, writableEnded, writableFinished of ${name}`,
        );
        checkList([readable, writable, errored], [false, false, null], `readable, writable, errored of ${name}`);
      }
    },
  },
  {
    name: "end() a second time does no harm",
    run: async (context) => {
      const { a, b, within } = context;
      const all = new Reading(b).toEnd();
      a.resume();
      a.end("x");
      a.end();
      checkEqual((await within(all, "b to read to the end")).toString(), "x", "what b read");
      await bothClose(context);
      a.end();
      await turns();
      checkNoErrors(context);
    },
  },
  {
    name: "the callback of end() comes once, when all is sent",
    run: async (context) => {
      const { a, b, within } = context;
      a.resume();
      b.resume();
      let callbacks = 0;
      const called = new Promise<void>((resolve) =>
        a.end("x", () => {
          callbacks++;
          resolve();
        }),
      );
      await within(called, "the callback");
      checkEqual(a.writableFinished, true, "writableFinished when the callback comes");
      await bothClose(context);
      await turns();
      checkEqual(callbacks, 1, "calls of the callback");
    },
  },
  {
    name: "a write after end() fails, and nothing of it arrives",
    run: async ({ a, b, watchA, watchB, within }) => {
      const reading = new Reading(b);
      a.resume();
      a.end("x");
      const error = await within(written(a, "too late"), "the callback of the late write");
      check(error !== undefined, "a write after end() was taken");
      await within(Promise.all([watchA.saw("close"), watchB.saw("close")]), "both sides to close");
      check(!reading.bytes.includes("too late"), "bytes written after end() arrived");
    },
  },
  {
    name: "a write after the other side's end fails",
    run: async ({ a, b, watchB, within }) => {
      a.resume();
      b.resume();
      a.end();
      await within(watchB.saw("close"), "b to close");
      check((await within(written(b, "too late"), "the callback of the late write")) !== undefined, "a write after the other side's end was taken");
    },
  },
  {
    name: "a side that writes until it hears our end closes in good order, and is heard in order as far as it is heard",
    run: async (context) => {
      const { a, b, watchB, within } = context;
      const atA = new Reading(a);
      const words = pattern(100_000, 25);
      let sent = 0;
      const chatter = async () => {
        while (!b.writableEnded && !b.destroyed) {
          b.write(words.subarray(sent, sent + 4));
          sent += 4;
          await turns(1);
        }
      };
      const talking = chatter();
      await within(atA.upTo(20), "b's first words");
      b.resume();
      a.end();
      await within(talking, "b to hear the end");
      await within(watchB.saw("close"), "b to close");
      await bothClose(context);
      // Without half-close, what b writes while our end is under way need not arrive: TLS drops it behind its close_notify.
      checkBytes(atA.bytes, words.subarray(0, atA.length), "what a read");
      checkNoErrors(context);
    },
  },
];
