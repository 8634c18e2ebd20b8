import { abortingCases } from "./byte-aborting.js";
import { backpressureCases } from "./byte-backpressure.js";
import { carryingCases } from "./byte-carrying.js";
import type { ByteCase, BytePair } from "./byte-case.js";
import { endingCases } from "./byte-ending.js";
import { readingCases } from "./byte-reading.js";
import { sharingCases } from "./byte-sharing.js";
import { Watch } from "./byte-watch.js";
import { firstFailure, type Test, turns, withinDeadline, withoutUnhandledRejections } from "./run.js";

export interface ByteChannelComplianceOptions {
  /** Makes a connected pair. May be called several times within one test. */
  readonly setup: () => Promise<BytePair>;
  /** Called once after each test, when both ends of every pair are closed. */
  readonly teardown?: () => Promise<void>;
  /** The runner's own: registers one test. */
  readonly test: Test;
  /** Bytes sent where much is sent; 64 KiB where a server throttles. Default 10 MiB. */
  readonly size?: number;
  /** Bytes that may be on the way while nobody reads, in the channel's own buffers and those below: a little more is written to see it stop. Default `size`. */
  readonly inFlight?: number;
  /** Milliseconds after which anything that is waited for counts as never coming. Default 20,000. */
  readonly timeout?: number;
}

const SIZE = 10 * 1024 * 1024;
const TIMEOUT = 20_000;

/** Registers a test for each promise that a ByteChannel makes. Depends on no test runner: failures are errors thrown. */
export function byteChannelCompliance(options: ByteChannelComplianceOptions): void {
  for (const one of [...carryingCases, ...readingCases, ...backpressureCases, ...endingCases, ...abortingCases, ...sharingCases]) {
    options.test(one.name, () => withoutUnhandledRejections(() => runCase(one, options)));
  }
}

async function runCase(one: ByteCase, { setup, teardown, size = SIZE, inFlight = size, timeout = TIMEOUT }: ByteChannelComplianceOptions): Promise<void> {
  const within = withinDeadline(timeout);
  const watches: Watch[] = [];
  const open = async () => {
    const { a, b } = await within(setup(), "setup() to make a pair");
    const watchA = new Watch(a);
    const watchB = new Watch(b);
    watches.push(watchA, watchB);
    return { a, b, watchA, watchB };
  };
  await firstFailure([
    async () => one.run({ ...(await open()), size, inFlight, within, another: open }),
    async () => {
      for (const { channel } of watches) channel.destroy();
      await within(Promise.all(watches.map((watch) => watch.saw("close"))), "both sides to close after destroy()");
      await turns();
      watches.forEach((watch, index) => {
        watch.checkOrder(index % 2 === 0 ? "a" : "b");
      });
    },
    async () => teardown?.(),
  ]);
}
