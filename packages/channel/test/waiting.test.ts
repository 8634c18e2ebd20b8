import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { abortError, BalconyError, withDeadline } from "../src/index.js";

const waitingFor = "romeo@montague.lit to answer the offer";

describe("a wait with a deadline", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const never = () => new Promise<never>(() => undefined);

  it("ends with what was waited for, and leaves no timer", async () => {
    expect(await withDeadline(Promise.resolve("it"), { timeout: 1000, waitingFor })).toBe("it");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("fails as what was waited for fails, and leaves no timer", async () => {
    const error = new Error("no");
    await expect(withDeadline(Promise.reject(error), { timeout: 1000, waitingFor })).rejects.toBe(error);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("fails with timeout at its deadline and not before, naming what it waited for and how long", async () => {
    const settled = vi.fn();
    const wait = withDeadline(never(), { timeout: 1500, waitingFor });
    wait.catch(settled);
    await vi.advanceTimersByTimeAsync(1499);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await expect(wait).rejects.toMatchObject({ code: "timeout", message: "Waited 1.5 s for romeo@montague.lit to answer the offer." });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("hears nothing of a failure that comes after its deadline", async () => {
    let fail: (error: Error) => void = () => undefined;
    const wait = withDeadline(new Promise<never>((_, reject) => (fail = reject)), { timeout: 10, waitingFor });
    const failed = expect(wait).rejects.toMatchObject({ code: "timeout" });
    await vi.advanceTimersByTimeAsync(10);
    await failed;
    fail(new Error("too late"));
    await vi.advanceTimersByTimeAsync(10);
  });

  it("has no deadline where the timeout is infinite, nor one that setTimeout cannot count to", async () => {
    for (const timeout of [Number.POSITIVE_INFINITY, 2 ** 31]) {
      const settled = vi.fn();
      let finish: (value: string) => void = () => undefined;
      const wait = withDeadline(new Promise<string>((resolve) => (finish = resolve)), { timeout, waitingFor });
      wait.then(settled, settled);
      await vi.advanceTimersByTimeAsync(86_400_000);
      expect(settled).not.toHaveBeenCalled();
      finish("at last");
      expect(await wait).toBe("at last");
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it.each([Number.NaN, -1])("refuses a timeout of %s", async (timeout) => {
    await expect(withDeadline(Promise.reject(new Error("unheard")), { timeout, waitingFor })).rejects.toMatchObject({ code: "invalid-argument" });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("ends with aborted when its signal says so, and takes its listener away however it ends", async () => {
    for (const how of ["abort", "success", "failure", "timeout"] as const) {
      const controller = new AbortController();
      const add = vi.spyOn(controller.signal, "addEventListener");
      const remove = vi.spyOn(controller.signal, "removeEventListener");
      let settle: { resolve: (value: string) => void; reject: (error: Error) => void } | undefined;
      const work = new Promise<string>((resolve, reject) => {
        settle = { resolve, reject };
      });
      const wait = withDeadline(work, { timeout: 1000, waitingFor, signal: controller.signal }).then(
        () => "success",
        (error: Error) => (error instanceof BalconyError ? error.code : error.message),
      );
      if (how === "abort") controller.abort("enough");
      if (how === "success") settle?.resolve("it");
      if (how === "failure") settle?.reject(new Error("failure"));
      if (how === "timeout") await vi.advanceTimersByTimeAsync(1000);
      expect(await wait).toBe(how === "abort" ? "aborted" : how);
      expect(add).toHaveBeenCalledTimes(1);
      expect(remove.mock.calls).toEqual([["abort", add.mock.calls[0]?.[1]]]);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("does not begin where its signal was aborted before, and swallows what the work fails with then", async () => {
    const wait = withDeadline(Promise.reject(new Error("unheard")), { timeout: 1000, waitingFor, signal: AbortSignal.abort("before") });
    await expect(wait).rejects.toMatchObject({ code: "aborted", cause: "before", message: `Stopped waiting for ${waitingFor}.` });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("passes on a BalconyError that was the reason of the abort", () => {
    const reason = new BalconyError("cancelled", "changed my mind");
    expect(abortError(AbortSignal.abort(reason), waitingFor)).toBe(reason);
  });
});
