import { Buffer } from "node:buffer";
import { pipeline, Readable, Writable } from "node:stream";
import type { ByteCase } from "./byte-case.js";
import { pattern, Reading, writeAll, written } from "./byte-watch.js";
import { check, checkBytes, checkEqual } from "./check.js";
import { turns } from "./run.js";

const SOME = 60_000;
/** Bytes after which a slow reader takes a rest. */
const EVERY = 5_000;

/** However it is read, nothing is lost, doubled or out of order. */
export const readingCases: readonly ByteCase[] = [
  {
    name: "what came before anybody listened is kept",
    run: async ({ a, b, within }) => {
      const atA = new Reading(a);
      await within(written(a, "early"), "a's write");
      // An answer that b writes after it tells that it has had the time to arrive.
      b.write("x");
      await within(atA.upTo(1), "b's byte");
      await turns();
      checkBytes(await within(new Reading(b).upTo(5), "b to read it"), Buffer.from("early"), "what b read");
    },
  },
  {
    name: "read(n) gives exactly n bytes, or null until there are as many",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, SOME), 7);
      const pieces: Buffer[] = [];
      const all = new Promise<void>((resolve) => {
        let length = 0;
        b.on("readable", () => {
          const n = 1 + (pieces.length % 700);
          for (let piece = b.read(n) as Buffer | null; piece !== null; piece = b.read(1 + (pieces.length % 700)) as Buffer | null) {
            pieces.push(piece);
            length += piece.length;
          }
          if (length === bytes.length) resolve();
        });
      });
      const ended = within(all, "b to read all");
      await within(writeAll(a, bytes, 999), "a to write");
      a.end();
      await ended;
      const odd = pieces.slice(0, -1).findIndex((piece, index) => piece.length !== 1 + (index % 700));
      checkEqual(odd, -1, "the piece that was not as long as asked for");
      checkBytes(Buffer.concat(pieces), bytes, "what b read");
    },
  },
  {
    name: "'readable' and read() give all there is",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, SOME), 8);
      const pieces: Buffer[] = [];
      b.on("readable", () => {
        for (let piece = b.read() as Buffer | null; piece !== null; piece = b.read() as Buffer | null) pieces.push(piece);
      });
      const ended = new Promise<void>((resolve) => b.once("end", resolve));
      await within(writeAll(a, bytes), "a to write");
      a.end();
      await within(ended, "b's end");
      checkBytes(Buffer.concat(pieces), bytes, "what b read");
    },
  },
  {
    name: "bytes put back with unshift() are read first",
    run: async ({ a, b, within }) => {
      // At once, in the handler itself: what flows in between would be lost.
      const putBack = new Promise<void>((resolve) =>
        b.once("data", (chunk: Buffer) => {
          b.pause();
          b.unshift(chunk);
          resolve();
        }),
      );
      a.write("header|body");
      await within(putBack, "the first bytes");
      a.write("|more");
      checkBytes(await within(new Reading(b).upTo(16), "b to read all again"), Buffer.from("header|body|more"), "what b read");
    },
  },
  {
    name: "pausing and going on loses nothing",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, 500_000), 9);
      const reading = new Reading(b);
      let pauses = 0;
      b.on("data", () => {
        if (reading.length < pauses * EVERY) return;
        pauses++;
        b.pause();
        void turns(1).then(() => b.resume());
      });
      const all = reading.upTo(bytes.length);
      await within(writeAll(a, bytes), "a to write");
      checkBytes(await within(all, "b to read all"), bytes, "what b read");
      check(pauses > 1, "nothing was paused");
    },
  },
  {
    name: "async iteration gives all, and ends with the channel",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, 500_000), 10);
      const read = async () => {
        const pieces: Buffer[] = [];
        for await (const chunk of b) pieces.push(chunk as Buffer);
        return Buffer.concat(pieces);
      };
      const all = read();
      await within(writeAll(a, bytes), "a to write");
      a.end();
      checkBytes(await within(all, "the iteration to end"), bytes, "what b read");
    },
  },
  {
    name: "pipe() into a slow writer gives all",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, 500_000), 11);
      const pieces: Buffer[] = [];
      let length = 0;
      let waits = 0;
      const slow = new Writable({
        highWaterMark: 1000,
        write: (chunk: Buffer, _encoding, done) => {
          pieces.push(Buffer.from(chunk));
          length += chunk.length;
          if (length < waits * EVERY) return done();
          waits++;
          void turns(1).then(() => done());
        },
      });
      const finished = new Promise<void>((resolve) => slow.once("finish", resolve));
      b.pipe(slow);
      await within(writeAll(a, bytes), "a to write");
      a.end();
      await within(finished, "the writer to finish");
      checkBytes(Buffer.concat(pieces), bytes, "what came through");
    },
  },
  {
    name: "pipeline() into the channel sends all and ends it; pipeline() out of it gives all and ends",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, 500_000), 12);
      const pieces: Buffer[] = [];
      const sink = new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          pieces.push(Buffer.from(chunk));
          done();
        },
      });
      const source = Readable.from(Array.from({ length: Math.ceil(bytes.length / 5000) }, (_, index) => bytes.subarray(index * 5000, (index + 1) * 5000)));
      const sent = new Promise<Error | null | undefined>((resolve) => pipeline(source, a, resolve));
      const received = new Promise<Error | null | undefined>((resolve) => pipeline(b, sink, resolve));
      a.resume();
      checkEqual((await within(received, "the pipeline out of b")) ?? undefined, undefined, "the error of the pipeline out of b");
      checkEqual((await within(sent, "the pipeline into a")) ?? undefined, undefined, "the error of the pipeline into a");
      checkBytes(Buffer.concat(pieces), bytes, "what came through");
    },
  },
];
