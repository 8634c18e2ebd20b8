import type { Buffer } from "node:buffer";
import { addAbortSignal } from "node:stream";
import type { ByteCase, ByteContext } from "./byte-case.js";
import { drained, pattern, Reading, written } from "./byte-watch.js";
import { check, checkBytes, checkEqual, checkList } from "./check.js";
import { turns } from "./run.js";

class TestError extends Error {
  override readonly name = "TestError";
}

/** After `a` was given up in whatever way: both close; b may have heard of it by 'end' or by 'error'. */
async function bothGone({ b, watchA, watchB, within }: ByteContext): Promise<void> {
  await within(watchA.saw("close"), "a to close");
  b.resume();
  await within(watchB.saw("close"), "b to hear that a is gone and close");
  await turns();
}

/** Makes a's buffers full: its last write is pending, since b does not read. */
async function pending({ a, inFlight }: ByteContext): Promise<{ readonly lastWrite: Promise<Error | undefined> }> {
  const piece = pattern(65_536);
  for (let sent = 0; sent <= inFlight; sent += piece.length) a.write(piece);
  const lastWrite = written(a, piece);
  await turns();
  return { lastWrite };
}

/** Sends without pause until the channel is gone. */
async function chatter({ a }: ByteContext): Promise<void> {
  while (!a.destroyed) {
    if (!a.write(pattern(5000))) await Promise.race([drained(a).catch(() => undefined), turns(1)]);
    await turns(1); // also where a channel without backpressure always wants more
  }
}

/** `destroy()` gives up at any moment: it drops what was not sent, is heard of at the other side, and leaves nothing hanging. */
export const abortingCases: readonly ByteCase[] = [
  {
    name: "destroy() before any data closes both sides, ours without an error",
    run: async (context) => {
      context.a.destroy();
      await bothGone(context);
      checkList(context.watchA.events, ["close"], "events of a");
    },
  },
  {
    name: "destroy() by the other side before any data closes both",
    run: async ({ a, b, watchA, watchB, within }) => {
      a.resume();
      b.destroy();
      await within(Promise.all([watchA.saw("close"), watchB.saw("close")]), "both sides to close");
      checkList(watchB.events, ["close"], "events of b");
    },
  },
  {
    name: "destroy() in the middle: the other side has read a beginning of what was written, and closes",
    run: async (context) => {
      const { a, b, within, size } = context;
      const bytes = pattern(Math.min(size, 500_000), 30);
      const reading = new Reading(b);
      a.write(bytes);
      await within(reading.upTo(1), "the first bytes");
      a.destroy();
      await bothGone(context);
      checkBytes(reading.bytes, bytes.subarray(0, reading.length), "what b read");
    },
  },
  {
    name: "destroy() with unread data on our side gives none of it once it is closed",
    run: async (context) => {
      const { a, b, watchA, within } = context;
      await within(written(b, pattern(3000)), "b's write");
      a.destroy();
      await bothGone(context);
      checkEqual(new Reading(a).length, 0, "bytes read after 'close'"); // read() is Node's affair: it gives nothing up to Node 24, and what was there from 26 on
      checkList(watchA.events, ["close"], "events of a");
    },
  },
  {
    name: "destroy() while a write is pending: its callback comes",
    run: async (context) => {
      const { lastWrite } = await pending(context);
      context.a.destroy();
      await context.within(lastWrite, "the callback of the pending write");
      await bothGone(context);
      checkEqual(context.watchA.errors.length, 0, "errors of a");
    },
  },
  {
    name: "destroy() by the reader while a write is pending: its callback comes, and both close",
    run: async (context) => {
      const { b, watchA, watchB, within } = context;
      const { lastWrite } = await pending(context);
      b.destroy();
      context.a.resume();
      await within(lastWrite, "the callback of the pending write");
      await within(Promise.all([watchA.saw("close"), watchB.saw("close")]), "both sides to close");
    },
  },
  {
    name: "destroy() from both sides at once",
    run: async (context) => {
      context.a.write("x");
      context.b.write("y");
      context.a.destroy();
      context.b.destroy();
      await bothGone(context);
      checkList([...context.watchA.events, ...context.watchB.events], ["close", "close"], "events of a and b");
    },
  },
  {
    name: "destroy() twice closes once",
    run: async (context) => {
      context.a.destroy();
      context.a.destroy();
      await bothGone(context);
      context.a.destroy(new TestError("too late"));
      await turns();
      checkList(context.watchA.events, ["close"], "events of a");
    },
  },
  {
    name: "destroy(error) emits that error once, then close",
    run: async (context) => {
      const error = new TestError("the reason");
      context.a.destroy(error);
      context.a.destroy(new TestError("another"));
      await bothGone(context);
      checkList(context.watchA.events, ["error", "close"], "events of a");
      checkEqual(context.watchA.errors[0], error, "the error of a");
      checkEqual(context.a.errored, error, "errored");
    },
  },
  {
    name: "destroy(error) in the middle of data closes both sides",
    run: async (context) => {
      const talking = chatter(context);
      const reading = new Reading(context.b);
      await context.within(reading.upTo(20_000), "the first bytes");
      context.a.destroy(new TestError("in the middle"));
      await bothGone(context);
      await context.within(talking, "the writer to notice");
      checkEqual(context.watchA.errors.length, 1, "errors of a");
    },
  },
  {
    name: "destroy(error) while a write is pending: its callback comes",
    run: async (context) => {
      const { lastWrite } = await pending(context);
      context.a.destroy(new TestError("while writing"));
      await context.within(lastWrite, "the callback of the pending write");
      await bothGone(context);
      checkEqual(context.watchA.errors.length, 1, "errors of a");
    },
  },
  {
    name: "an error of ours is not the other side's: its object does not travel",
    run: async (context) => {
      const error = new TestError("ours");
      context.a.destroy(error);
      await bothGone(context);
      check(!context.watchB.errors.includes(error), "b emitted the very error object that a was destroyed with");
    },
  },
  {
    name: "destroy() within the reader's own 'data' handler closes both sides",
    run: async (context) => {
      const { b, watchB, within } = context;
      b.on("data", () => b.destroy());
      const talking = chatter(context);
      await within(watchB.saw("close"), "b to close");
      context.a.resume();
      await within(context.watchA.saw("close"), "a to close");
      await within(talking, "the writer to notice");
      checkList(watchB.events, ["close"], "events of b");
    },
  },
  {
    name: "destroy() behind end() closes both, flushed or not",
    run: async (context) => {
      const { a, b, size } = context;
      const bytes = pattern(Math.min(size, 200_000), 31);
      const reading = new Reading(b);
      a.end(bytes);
      a.destroy();
      await bothGone(context);
      checkBytes(reading.bytes, bytes.subarray(0, reading.length), "what b read");
    },
  },
  {
    name: "destroy() by the reader in answer to our end() closes both",
    run: async ({ a, b, watchA, watchB, within }) => {
      b.on("end", () => b.destroy());
      b.resume();
      a.resume();
      a.end("x");
      await within(Promise.all([watchA.saw("close"), watchB.saw("close")]), "both sides to close");
    },
  },
  {
    name: "an AbortSignal given beforehand ends the channel with AbortError",
    run: async (context) => {
      const controller = new AbortController();
      addAbortSignal(controller.signal, context.a);
      controller.abort();
      await bothGone(context);
      checkList(context.watchA.events, ["error", "close"], "events of a");
      checkEqual(context.watchA.errors[0]?.name, "AbortError", "name of the error");
    },
  },
  {
    name: "an AbortSignal in the middle of data ends both sides",
    run: async (context) => {
      const controller = new AbortController();
      addAbortSignal(controller.signal, context.a);
      const talking = chatter(context);
      await context.within(new Reading(context.b).upTo(20_000), "the first bytes");
      controller.abort();
      await bothGone(context);
      await context.within(talking, "the writer to notice");
      checkEqual(context.watchA.errors[0]?.name, "AbortError", "name of the error");
    },
  },
  {
    name: "an AbortSignal while a write is pending: its callback comes",
    run: async (context) => {
      const controller = new AbortController();
      addAbortSignal(controller.signal, context.a);
      const { lastWrite } = await pending(context);
      controller.abort();
      await context.within(lastWrite, "the callback of the pending write");
      await bothGone(context);
    },
  },
  {
    name: "a write after destroy() fails by its callback alone",
    run: async (context) => {
      context.a.destroy();
      const late = written(context.a, "too late");
      check((await context.within(late, "the callback of the late write")) !== undefined, "a write after destroy() was taken");
      await bothGone(context);
      checkEqual(context.watchA.errors.length, 0, "errors of a");
    },
  },
  {
    name: "end() after destroy() does no harm",
    run: async (context) => {
      context.a.destroy();
      context.a.end();
      await bothGone(context);
      checkEqual(context.watchA.events.includes("finish"), false, "'finish' after destroy()");
    },
  },
  {
    name: "after destroy() the channel says that it is over",
    run: async (context) => {
      context.a.write("x");
      context.a.destroy();
      checkEqual(context.a.destroyed, true, "destroyed, at once");
      await bothGone(context);
      for (const [name, { destroyed, closed, readable, writable }] of Object.entries({ a: context.a, b: context.b })) {
        checkList([destroyed, closed, readable, writable], [true, true, false, false], `destroyed, closed, readable, writable of ${name}`);
      }
    },
  },
  {
    name: "a loss is told once: error, then close, and no end behind it",
    run: async (context) => {
      const talking = chatter(context);
      await context.within(new Reading(context.b).upTo(1), "the first bytes");
      context.a.destroy(new TestError("lost"));
      await bothGone(context);
      await context.within(talking, "the writer to notice");
      for (const { events } of [context.watchA, context.watchB]) {
        const error = events.indexOf("error");
        if (error < 0) continue;
        checkList(events.slice(error), ["error", "close"], "events from the error on");
      }
    },
  },
  {
    name: "whoever reads by iteration when the channel is given up is not left waiting",
    run: async (context) => {
      const { a, b, within } = context;
      const read = async () => {
        let count = 0;
        for await (const chunk of b) count += (chunk as Buffer).length;
        return count;
      };
      const reading = read().then(
        () => "ended",
        () => "failed",
      );
      await within(written(a, "x"), "a's write");
      a.destroy();
      check(["ended", "failed"].includes(await within(reading, "the iteration to be over")), "the iteration goes on");
      await bothGone(context);
    },
  },
];
