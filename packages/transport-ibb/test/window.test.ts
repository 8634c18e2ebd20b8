import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { travel } from "./simulated-network.js";

const MiB = 1024 * 1024;
const block = 4096;
const limit = 256 * 1024;
const fast = Number.POSITIVE_INFINITY;
const oneBlockATrip = (bytes: number, roundTrip: number): number => (bytes / block) * roundTrip;

describe("the window", () => {
  it.each([50, 100, 200])("moves a mebibyte at least ten times as fast as one block a round trip at %i ms", (roundTrip) => {
    const { took } = travel({ block, limit, roundTrip, rate: fast }, MiB);
    expect(oneBlockATrip(MiB, roundTrip) / took).toBeGreaterThan(10);
  });

  it("keeps on doing so where round trips vary by half", () => {
    const jitter = (n: number) => ((n * 7919) % 101) / 2;
    const { took } = travel({ block, limit, roundTrip: 100, rate: fast, jitter }, 4 * MiB);
    expect(oneBlockATrip(4 * MiB, 125) / took).toBeGreaterThan(10);
  });

  it("measures its base anew every ten seconds, and hardly pays for it", () => {
    const { took, windows } = travel({ block, limit, roundTrip: 200, rate: fast }, 100 * MiB);
    expect(took).toBeGreaterThan(60_000);
    expect(windows.some(({ phase }) => phase === "draining")).toBe(true);
    expect(oneBlockATrip(100 * MiB, 200) / took).toBeGreaterThan(40);
  });

  // interop.md: ejabberd's stock shaper, Prosody's stock limit
  it.each([
    { name: "ejabberd's 3,000 B/s", rate: 3000, burst: 20_000, worst: 8000, later: 2500 },
    { name: "Prosody's 10 kB/s", rate: 10_000, burst: 20_000, worst: 2500, later: 1600 },
  ])("lets no other stanza wait long behind it under $name", ({ rate, burst, worst, later }) => {
    for (const roundTrip of [1, 50, 200]) {
      const { worstQueue, laterQueue } = travel({ block, limit, roundTrip, rate, burst }, 256 * 1024);
      expect(worstQueue).toBeLessThan(worst);
      expect(laterQueue).toBeLessThan(later);
    }
  });

  it("uses what a throttling server lets through", () => {
    const bytes = 256 * 1024;
    for (const roundTrip of [1, 200]) {
      const { took, blocks } = travel({ block, limit, roundTrip, rate: 10_000, burst: 20_000 }, bytes);
      const least = (((bytes * 4) / 3 + blocks * 250 - 20_000) / 10_000) * 1000;
      expect(least / took).toBeGreaterThan(0.9);
    }
  });

  const paths = fc.record({
    block: fc.integer({ min: 1, max: 32_767 }),
    limit: fc.integer({ min: 1, max: MiB }),
    roundTrip: fc.integer({ min: 0, max: 2000 }),
    rate: fc.oneof(fc.constant(fast), fc.integer({ min: 1000, max: 10 * MiB })),
    burst: fc.integer({ min: 0, max: 100_000 }),
    jitter: fc.func(fc.integer({ min: 0, max: 1000 })),
  });

  it("never exceeds its limit, never stands still, and never falls below a block", () => {
    fc.assert(
      fc.property(paths, fc.integer({ min: 1, max: 200 }), (path, blocks) => {
        const { mostUnacknowledged, windows } = travel(path, blocks * path.block);
        expect(mostUnacknowledged).toBeLessThanOrEqual(Math.max(path.limit, path.block));
        expect(windows).toHaveLength(blocks);
        for (const { size } of windows) expect(size).toBeGreaterThanOrEqual(path.block);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps acknowledgements coming well within their deadline on any server that lets 1,000 B/s through", () => {
    const throttled = paths.map((path) => ({ ...path, block: Math.min(path.block, block), limit, rate: Math.min(path.rate, 20_000) }));
    fc.assert(
      fc.property(throttled, (path) => {
        expect(travel(path, 64 * path.block).longestSilence).toBeLessThan(20_000);
      }),
      { numRuns: 200 },
    );
  });

  it("does not grow where it is not used", () => {
    const { windows } = travel({ block, limit, roundTrip: 100, rate: fast }, block);
    expect(windows.at(-1)?.size).toBe(8192);
  });
});
