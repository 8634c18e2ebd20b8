import { describe, expect, it } from "vitest";
import { type Pace, startPace, stepPace } from "../src/pace.js";

const block = 4096;

/** Acknowledges blocks, each so many ms after the last, and says how many of the last hundred went alone. */
function run(blocks: number, interval: (alone: boolean) => number, { base = 0.5, full = true } = {}): { readonly pace: Pace; readonly alone: number } {
  let pace = startPace;
  let now = 0;
  let alone = 0;
  for (let index = 1; index <= blocks; index++) {
    now += interval(pace.alone);
    pace = stepPace(pace, { block, acknowledged: index * block, now, base, full });
    if (index > blocks - 100 && pace.alone) alone++;
  }
  return { pace, alone };
}

describe("one block at a time, or more", () => {
  it("sends one at a time where more get less through", () => {
    expect(run(1000, (alone) => (alone ? 0.6 : 1)).alone).toBeGreaterThanOrEqual(80);
  });

  it("sends more where they get more through", () => {
    expect(run(1000, (alone) => (alone ? 1 : 0.6)).alone).toBeLessThanOrEqual(20);
  });

  it("tries the other way again, as the path may have changed", () => {
    let blocks = 0;
    const changing = (alone: boolean): number => (blocks++ < 3000 === alone ? 0.6 : 1);
    expect(run(6000, changing).alone).toBeLessThanOrEqual(20);
  });

  it("sends more on a long path, whatever they seem to bring", () => {
    expect(run(200, (alone) => (alone ? 10 : 20), { base: 100 }).pace).toBe(startPace);
  });

  it("learns nothing while nobody wants to send", () => {
    expect(run(200, () => 1, { full: false }).pace.other).toBe(startPace.other);
  });
});
