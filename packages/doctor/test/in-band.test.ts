import { describe, expect, it } from "vitest";
import { judged } from "../src/in-band.js";

/** When 64 blocks of 4,096 bytes are back, at so many bytes a second each. */
function blocks(rates: (block: number) => number, count = 64): number[] {
  let now = 0;
  return Array.from({ length: count }, (_, block) => {
    now += (4096 * 1000) / rates(block);
    return now;
  });
}

describe("whether a server holds blocks back", () => {
  it.each([
    ["goes on as it began, fast", blocks(() => 20_000_000), false],
    ["goes on as it began, over a slow line", blocks(() => 50_000), false],
    ["is busy for a moment, and fast all the same", blocks((block) => (block === 40 ? 40_000 : 20_000_000)), false],
    ["lets a burst through and 100,000 bytes a second behind it, as ejabberd's fast shaper", blocks((block) => (block < 12 ? 20_000_000 : 100_000)), true],
    ["lets 10,000 a second through behind a burst, as stock Prosody, and the time is over", blocks((block) => (block < 16 ? 20_000_000 : 10_000), 30), true],
    ["lets hardly anything through", blocks(() => 3_000, 5), true],
  ])("that %s", (_, back, throttled) => {
    expect(judged(back).throttled).toBe(throttled);
  });

  it("says what is to be expected of what is longer: the rate of the later half", () => {
    expect(judged(blocks((block) => (block < 32 ? 1_000_000 : 40_000))).rate).toBe(40_000);
  });
});
