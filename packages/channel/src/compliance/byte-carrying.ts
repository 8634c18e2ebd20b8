import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { ByteCase } from "./byte-case.js";
import { pattern, Reading, writeAll, written } from "./byte-watch.js";
import { check, checkBytes, checkEqual, checkList } from "./check.js";

const TURNS = 200;

/** Sends back whatever comes, byte for byte. */
function echo(channel: Duplex): void {
  channel.pipe(channel);
}

/** Bytes go in at one side and come out at the other, all of them, unchanged and in order. */
export const carryingCases: readonly ByteCase[] = [
  {
    name: "what one side writes, the other reads",
    run: async ({ a, b, within }) => {
      const read = new Reading(b).upTo(5);
      a.write("hello");
      checkBytes(await within(read, "b to read what a wrote"), Buffer.from("hello"), "what b read");
    },
  },
  {
    name: "what the other side writes, the one reads",
    run: async ({ a, b, within }) => {
      const read = new Reading(a).upTo(5);
      b.write("hello");
      checkBytes(await within(read, "a to read what b wrote"), Buffer.from("hello"), "what a read");
    },
  },
  {
    name: "what is sent back arrives as it was sent",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, 1024 * 1024));
      const back = new Reading(a).upTo(bytes.length);
      echo(b);
      await within(writeAll(a, bytes), "a to write");
      checkBytes(await within(back, "the echo"), bytes, "the echo");
    },
  },
  {
    name: "much goes both ways at once, unchanged",
    run: async ({ a, b, size, within }) => {
      const [up, down] = [pattern(size, 1), pattern(size, 2)];
      const [atA, atB] = [new Reading(a).upTo(size), new Reading(b).upTo(size)];
      await within(Promise.all([writeAll(a, up), writeAll(b, down)]), "both sides to write");
      checkBytes(await within(atB, "b to read all"), up, "what b read");
      checkBytes(await within(atA, "a to read all"), down, "what a read");
    },
  },
  {
    name: "one huge write arrives whole",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(size, 3);
      const read = new Reading(b).upTo(size);
      const done = written(a, bytes);
      checkBytes(await within(read, "b to read all of it"), bytes, "what b read");
      checkEqual(await within(done, "the write's callback"), undefined, "the error of the write");
    },
  },
  {
    name: "writes of one byte arrive in order",
    run: async ({ a, b, size, within }) => {
      const bytes = pattern(Math.min(size, 2000), 4);
      const read = new Reading(b).upTo(bytes.length);
      await within(writeAll(a, bytes, 1), "a to write");
      checkBytes(await within(read, "b to read them"), bytes, "what b read");
    },
  },
  {
    name: "writes of sizes around each power of two arrive unchanged",
    run: async ({ a, b, size, within }) => {
      const sizes = [1, 2, 128, 1024, 4096, 16_384, 32_768, 65_536].flatMap((power) => [power - 1, power, power + 1]).filter((count) => count * 3 <= size);
      const writes = sizes.map((count, index) => pattern(count, index + 5));
      const all = Buffer.concat(writes);
      const read = new Reading(b).upTo(all.length);
      for (const bytes of writes) await within(writeAll(a, bytes, bytes.length || 1), "a to write");
      checkBytes(await within(read, "b to read them"), all, "what b read");
    },
  },
  {
    name: "empty writes change nothing, and their callbacks are called",
    run: async ({ a, b, within }) => {
      const read = new Reading(b).upTo(4);
      const done = [written(a, Buffer.alloc(0)), written(a, "ab"), written(a, ""), written(a, new Uint8Array(0)), written(a, "cd")];
      checkList(await within(Promise.all(done), "five callbacks"), [undefined, undefined, undefined, undefined, undefined], "errors of the writes");
      checkBytes(await within(read, "b to read what was not empty"), Buffer.from("abcd"), "what b read");
    },
  },
  {
    name: "each byte from 0 to 255 survives",
    run: async ({ a, b, within }) => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
      const read = new Reading(b).upTo(256);
      a.write(bytes);
      checkBytes(await within(read, "b to read them"), bytes, "what b read");
    },
  },
  {
    name: "strings are written in the encoding that was named",
    run: async ({ a, b, within }) => {
      const texts = [
        ["Grüße, 🐶", "utf8"],
        ["00ff10", "hex"],
        ["aGVsbG8=", "base64"],
        ["äöü", "latin1"],
        ["ab", "utf16le"],
      ] as const;
      const expected = Buffer.concat(texts.map(([text, encoding]) => Buffer.from(text, encoding)));
      const read = new Reading(b).upTo(expected.length);
      for (const [text, encoding] of texts) a.write(text, encoding);
      checkBytes(await within(read, "b to read them"), expected, "what b read");
    },
  },
  {
    name: "a character cut between two writes is whole at the other side",
    run: async ({ a, b, within }) => {
      const bytes = Buffer.from("🐶€ü");
      const read = new Reading(b).upTo(bytes.length);
      for (const byte of bytes) a.write(Buffer.of(byte));
      checkEqual((await within(read, "b to read it")).toString(), "🐶€ü", "what b read");
    },
  },
  {
    name: "a Uint8Array is written as it is, also where it is a part of something larger",
    run: async ({ a, b, within }) => {
      const whole = Uint8Array.from({ length: 100 }, (_, index) => index);
      const read = new Reading(b).upTo(30);
      a.write(whole.subarray(10, 30));
      a.write(new Uint8Array(whole.buffer, 50, 10));
      checkBytes(await within(read, "b to read it"), Uint8Array.from([...whole.subarray(10, 30), ...whole.subarray(50, 60)]), "what b read");
    },
  },
  {
    name: "memory may be used again once its write is done",
    run: async ({ a, b, within }) => {
      const memory = Buffer.alloc(1000);
      const reading = new Reading(b);
      for (let round = 1; round <= 5; round++) {
        memory.fill(round);
        const read = reading.upTo(round * 1000);
        await within(written(a, memory), "the write to be done");
        memory.fill(0xee);
        await within(read, "b to read it");
      }
      const expected = Buffer.concat([1, 2, 3, 4, 5].map((value) => Buffer.alloc(1000, value)));
      checkBytes(reading.bytes, expected, "what b read");
    },
  },
  {
    name: "corked writes arrive in order once uncorked",
    run: async ({ a, b, within }) => {
      const read = new Reading(b).upTo(300);
      a.cork();
      a.cork();
      for (let at = 0; at < 300; at += 3) a.write(pattern(300, 6).subarray(at, at + 3));
      a.uncork();
      a.uncork();
      checkBytes(await within(read, "b to read them"), pattern(300, 6), "what b read");
    },
  },
  {
    name: "callbacks of writes come once each, in the order of the writes",
    run: async ({ a, b, within }) => {
      b.resume();
      const order: number[] = [];
      const all = Array.from({ length: 50 }, (_, index) => new Promise<void>((resolve) => a.write(pattern(100), () => resolve(void order.push(index)))));
      await within(Promise.all(all), "50 callbacks");
      checkList(
        order,
        all.map((_, index) => index),
        "order of the callbacks",
      );
    },
  },
  {
    name: "question and answer go to and fro many times",
    run: async ({ a, b, within }) => {
      const [atA, atB] = [new Reading(a), new Reading(b)];
      for (let turn = 1; turn <= TURNS; turn++) {
        a.write(`?${turn % 10}`);
        await within(atB.upTo(turn * 2), `question ${turn}`);
        b.write(`!${turn % 10}`);
        await within(atA.upTo(turn * 2), `answer ${turn}`);
      }
      const expected = (mark: string) => Buffer.from(Array.from({ length: TURNS }, (_, turn) => `${mark}${(turn + 1) % 10}`).join(""));
      checkBytes(atA.bytes, expected("!"), "what a read");
      checkBytes(atB.bytes, expected("?"), "what b read");
    },
  },
  {
    name: "what comes out is bytes, in either direction",
    run: async ({ a, b, within }) => {
      check(!a.readableObjectMode && !a.writableObjectMode && !b.readableObjectMode && !b.writableObjectMode, "a ByteChannel is never in object mode");
      const [atA, atB] = [new Reading(a), new Reading(b)];
      const both = Promise.all([atA.upTo(4), atB.upTo(4)]);
      a.write("text");
      b.write("text");
      await within(both, "both to read");
      for (const chunk of [...atA.chunks, ...atB.chunks]) check(chunk instanceof Uint8Array && chunk.length > 0, "each chunk is a Uint8Array that is not empty");
    },
  },
];
