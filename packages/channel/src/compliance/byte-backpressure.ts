import type { Duplex } from "node:stream";
import type { ByteCase, ByteContext } from "./byte-case.js";
import { drained, pattern, Reading } from "./byte-watch.js";
import { check, checkBytes, checkEqual } from "./check.js";
import { turns } from "./run.js";

/** Round after round of the other direction without any progress: then a writer counts as stopped. No clock is asked. */
const QUIET_ROUNDS = 20;
const PIECE = 16_384;

/** Writes as long as the channel wants more, up to a limit, and counts what it wrote. */
class Writer {
  written = 0;
  #stopped = false;

  constructor(
    private readonly channel: Duplex,
    private readonly limit: number,
  ) {}

  /** Ends when the limit is reached, or on `stop()`. */
  async run(): Promise<void> {
    const bytes = pattern(this.limit);
    while (!this.#stopped && this.written < this.limit) {
      const piece = bytes.subarray(this.written, this.written + PIECE);
      this.written += piece.length;
      if (!this.channel.write(piece)) await drained(this.channel);
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}

/** Lets a write while b does not read, until nothing moves any more. */
async function fill({ a, b, inFlight, within }: ByteContext): Promise<{ readonly writer: Writer; readonly running: Promise<void> }> {
  const writer = new Writer(a, inFlight + 4 * PIECE);
  const running = writer.run();
  running.catch(() => undefined); // whoever fills waits for it, or closes the channel
  const atA = new Reading(a);
  let before = -1;
  for (let quiet = 0, rounds = 1; quiet < QUIET_ROUNDS; rounds++) {
    quiet = writer.written === before ? quiet + 1 : 0;
    before = writer.written;
    if (writer.written > inFlight) break;
    b.write("x");
    await within(atA.upTo(rounds), "a byte against the stream");
    await turns(1);
  }
  atA.stop();
  return { writer, running };
}

/** Whoever writes faster than is read is made to wait, and memory stays bounded. */
export const backpressureCases: readonly ByteCase[] = [
  {
    name: "while nobody reads, the writer is stopped before much is on the way",
    run: async (context) => {
      const { writer } = await fill(context);
      check(writer.written <= context.inFlight, `the writer was let go on to ${writer.written} bytes although nobody reads; ${context.inFlight} may be on the way`);
      check(context.a.writableNeedDrain, "a stopped writer is one whom write() has told false");
      writer.stop();
    },
  },
  {
    name: "a stopped writer goes on once there is reading, and nothing is lost",
    run: async (context) => {
      const { a, b, within, inFlight } = context;
      const { running } = await fill(context);
      const total = inFlight + 4 * PIECE;
      const read = new Reading(b).upTo(total);
      await within(running, "the writer to go on");
      checkBytes(await within(read, "b to read all"), pattern(total), "what b read");
      checkEqual(a.destroyed, false, "a is destroyed");
    },
  },
  {
    name: "while one direction is stopped, the other goes on",
    run: async (context) => {
      const { a, b, within, size } = context;
      const { writer } = await fill(context);
      writer.stop();
      const bytes = pattern(Math.min(size, 500_000), 13);
      const reading = new Reading(a);
      b.write(bytes);
      checkBytes(await within(reading.upTo(bytes.length), "a to read"), bytes, "what a read");
    },
  },
  {
    name: "write() says false when the buffer is full, and 'drain' comes when it is empty again",
    run: async ({ a, b, within, size }) => {
      b.resume();
      const piece = pattern(Math.min(1000, size));
      let wanted = true;
      let writes = 0;
      for (; wanted && writes < 100_000; writes++) wanted = a.write(piece);
      checkEqual(wanted, false, `write() still wants more after ${writes} writes in one turn`);
      checkEqual(a.writableNeedDrain, true, "writableNeedDrain");
      await within(drained(a), "'drain'");
      checkEqual(a.writableLength, 0, "writableLength after 'drain'");
      checkEqual(a.writableNeedDrain, false, "writableNeedDrain after 'drain'");
    },
  },
  {
    name: "a writer that was stopped and ends has everything delivered",
    run: async (context) => {
      const { a, b, within } = context;
      const { writer } = await fill(context);
      writer.stop();
      a.end("the end");
      const all = await within(new Reading(b).toEnd(), "b to read to the end");
      const expected = writer.written;
      checkEqual(all.length, expected + 7, "bytes that b read");
      checkEqual(all.subarray(expected).toString(), "the end", "the last bytes");
    },
  },
  {
    name: "a writer that is stopped and destroyed closes at once, and the other side too",
    run: async (context) => {
      const { a, b, watchA, watchB, within } = context;
      await fill(context);
      a.destroy();
      await within(watchA.saw("close"), "a to close");
      b.resume();
      await within(watchB.saw("close"), "b to close");
      checkEqual(watchA.errors.length, 0, "errors of a");
    },
  },
  {
    name: "a reader that pauses for good stops a writer in the middle",
    run: async (context) => {
      const { b, within, size } = context;
      const reading = new Reading(b);
      context.a.write(pattern(Math.min(size, 1000)));
      await within(reading.upTo(Math.min(size, 1000)), "the first bytes");
      reading.stop();
      const { writer } = await fill(context);
      check(writer.written <= context.inFlight, `the writer was let go on to ${writer.written} bytes although the reader has paused`);
      writer.stop();
    },
  },
];
