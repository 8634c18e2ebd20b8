import { describe, expect, it } from "vitest";
import { byteChannelCompliance } from "../src/compliance/index.js";
import { type BrokenKind, brokenKinds, brokenPair } from "./broken/byte-channels.js";

/** For each case of the suite a channel that breaks the promise, by way of showing that the case would tell. */
const toldBy: Readonly<Record<BrokenKind, readonly string[]>> = {
  DropsTheLastByte: ["what one side writes, the other reads", "end(bytes) sends them first"],
  WritesWholeMemory: ["what the other side writes, the one reads", "a Uint8Array is written as it is, also where it is a part of something larger"],
  DoublesWrites: [
    "what is sent back arrives as it was sent",
    "much goes both ways at once, unchanged",
    "writes of sizes around each power of two arrive unchanged",
    "end() from both sides at once with much on the way loses nothing",
    "destroy() in the middle: the other side has read a beginning of what was written, and closes",
  ],
  TakesBytesForText: ["one huge write arrives whole", "each byte from 0 to 255 survives", "a character cut between two writes is whole at the other side"],
  SwapsWrites: ["writes of one byte arrive in order", "callbacks of writes come once each, in the order of the writes"],
  HangsOnEmptyWrites: ["empty writes change nothing, and their callbacks are called"],
  IgnoresEncodings: ["strings are written in the encoding that was named"],
  KeepsTheWritersMemory: ["memory may be used again once its write is done"],
  ForgetsWhatWasCorked: ["corked writes arrive in order once uncorked", "pipeline() into the channel sends all and ends it; pipeline() out of it gives all and ends"],
  GivesText: ["question and answer go to and fro many times", "bytes put back with unshift() are read first"],
  GivesObjects: ["what comes out is bytes, in either direction"],
  LosesWhatComesEarly: ["what came before anybody listened is kept"],
  LosesWhatComesWhilePaused: [
    "read(n) gives exactly n bytes, or null until there are as many",
    "'readable' and read() give all there is",
    "pausing and going on loses nothing",
    "async iteration gives all, and ends with the channel",
  ],
  LosesWhatIsUnreadAtTheEnd: [
    "pipe() into a slow writer gives all",
    "what came before the end is kept until it is read",
    "after the end the channel says that it is over",
    "end() a second time does no harm",
    "channels come and go many times",
  ],
  NeverStopsTheWriter: [
    "while nobody reads, the writer is stopped before much is on the way",
    "write() says false when the buffer is full, and 'drain' comes when it is empty again",
    "a reader that pauses for good stops a writer in the middle",
  ],
  NeverGoesOn: ["a stopped writer goes on once there is reading, and nothing is lost"],
  WaitsForTheOthers: ["while one direction is stopped, the other goes on"],
  EndsByDestroying: ["a writer that was stopped and ends has everything delivered", "many small writes and end() at once lose nothing"],
  GoesSilently: [
    "a writer that is stopped and destroyed closes at once, and the other side too",
    "destroy() behind end() closes both, flushed or not",
    "after destroy() the channel says that it is over",
    "whoever reads by iteration when the channel is given up is not left waiting",
  ],
  EndsWithoutFlushing: ["end() comes behind everything that was written"],
  NeverCloses: ["end() before anything was written closes both sides"],
  NeverEndsByItself: ["end() closes both sides although nobody reads, where there is nothing to read"],
  HalfCloses: [
    "there is no half-close: the other side's end ends this one by itself",
    "a side that writes until it hears our end closes in good order, and is heard in order as far as it is heard",
  ],
  StopsReadingAtItsOwnEnd: ["after our end() we still read what the other side had written", "end() from both sides at once loses nothing"],
  ClosesTwice: ["the order is end and finish, then close, once each", "destroy() twice closes once"],
  EndsTwice: ["the callback of end() comes once, when all is sent", "destroy() by the reader in answer to our end() closes both"],
  TakesWritesAfterTheEnd: [
    "a write after end() fails, and nothing of it arrives",
    "a write after the other side's end fails",
    "a write after destroy() fails by its callback alone",
  ],
  FailsOnDestroy: [
    "destroy() before any data closes both sides, ours without an error",
    "destroy() by the other side before any data closes both",
    "destroy() with unread data on our side gives none of it once it is closed",
    "destroy() from both sides at once",
    "destroy() within the reader's own 'data' handler closes both sides",
  ],
  SaysGivenUpWritesAreDone: ["a write after end() fails, and nothing of it arrives"],
  ForgetsCallbacks: [
    "destroy() while a write is pending: its callback comes",
    "destroy() by the reader while a write is pending: its callback comes, and both close",
    "destroy(error) while a write is pending: its callback comes",
    "an AbortSignal while a write is pending: its callback comes",
  ],
  SwallowsErrors: [
    "destroy(error) emits that error once, then close",
    "destroy(error) in the middle of data closes both sides",
    "an AbortSignal given beforehand ends the channel with AbortError",
    "an AbortSignal in the middle of data ends both sides",
  ],
  SharesItsErrors: ["an error of ours is not the other side's: its object does not travel"],
  OutlivesItsDestruction: ["end() after destroy() does no harm"],
  FailsTwice: ["a loss is told once: error, then close, and no end behind it"],
  MixesChannels: ["several channels at once do not mix", "a channel that nobody reads does not keep others from being read"],
  DiesWithTheOthers: ["the end of one channel leaves the others alone", "giving up one channel leaves the others alone"],
  GathersListeners: ["no listeners gather while data flows, on either side"],
};

/** The suite's cases, to be run one by one. */
function cases(kind: BrokenKind): ReadonlyMap<string, () => Promise<void>> {
  const all = new Map<string, () => Promise<void>>();
  byteChannelCompliance({
    setup: async () => brokenPair(kind),
    test: (name, run) => all.set(name, run),
    size: 131_072,
    timeout: 150, // what never comes is waited for so long: this cannot make a sound channel pass
  });
  return all;
}

const failure = (run: (() => Promise<void>) | undefined): Promise<string> =>
  run === undefined
    ? Promise.resolve("no such case")
    : run().then(
        () => "passed",
        (error: Error) => error.name,
      );

describe("the suite for ByteChannels fails", () => {
  for (const kind of brokenKinds) {
    describe(`a channel that ${words(kind)}`, () => {
      for (const name of toldBy[kind]) {
        it(`by: ${name}`, async () => {
          expect(["ComplianceError", "BalconyError"]).toContain(await failure(cases(kind).get(name)));
        });
      }
    });
  }

  it("some broken channel or other by each of its cases", () => {
    const told = new Set(Object.values(toldBy).flat());
    expect([...cases("ClosesTwice").keys()].filter((name) => !told.has(name))).toEqual([]);
    expect(told.size).toBeGreaterThanOrEqual(45);
  });
});

function words(kind: string): string {
  return kind.replace(/(?<!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(/^./, (letter) => letter.toLowerCase());
}
