import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ThrottledReader } from "../src/throttle.js";

function reader(throttle: { bytesPerSecond: number; burst: number }) {
  const passed: { at: number; bytes: Uint8Array }[] = [];
  const flow = { pause: vi.fn(), resume: vi.fn() };
  const began = performance.now();
  const throttled = new ThrottledReader(throttle, flow, (chunk) => passed.push({ at: performance.now() - began, bytes: chunk }));
  return { passed, flow, throttled, total: () => passed.reduce((sum, { bytes }) => sum + bytes.length, 0) };
}

describe("a throttled reader", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("lets a burst through at once, and the rest at its rate", () => {
    const { throttled, flow, total } = reader({ bytesPerSecond: 1_000, burst: 2_000 });
    throttled.push(new Uint8Array(5_000));
    expect(total()).toBe(2_000);
    expect(flow.pause).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(1_999);
    expect(flow.resume).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2_001);
    expect(total()).toBe(5_000);
    expect(flow.resume).toHaveBeenCalledOnce();
    expect(throttled.held).toBe(0);
  });

  it("saves up no more than a burst while nothing comes", () => {
    const { throttled, total } = reader({ bytesPerSecond: 1_000, burst: 100 });
    vi.advanceTimersByTime(60_000);
    throttled.push(new Uint8Array(500));
    expect(total()).toBe(100);
    throttled.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("never lets more through than rate and burst allow, loses nothing and keeps the order", () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 2_000 })), { maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 10_000 }), fc.integer({ min: 100, max: 5_000 }), sizes, (bytesPerSecond, burst, chunks) => {
        const { throttled, passed } = reader({ bytesPerSecond, burst });
        let sent = 0;
        for (const [size, pause] of chunks) {
          throttled.push(Uint8Array.from({ length: size }, () => sent++ % 251));
          vi.advanceTimersByTime(pause);
        }
        vi.runAllTimers();
        expect(Buffer.concat(passed.map(({ bytes }) => bytes)).every((byte, at) => byte === at % 251)).toBe(true);
        let sum = 0;
        for (const { at, bytes } of passed) {
          sum += bytes.length;
          expect(sum).toBeLessThanOrEqual(burst + (at / 1000) * bytesPerSecond + 1);
        }
        expect(sum).toBe(sent);
      }),
      { numRuns: 50 },
    );
  });
});
