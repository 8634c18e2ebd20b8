import { afterAll, beforeAll, expect } from "vitest";

/** Handles that a test can leave behind. The runner's own pipes and workers are not among them. */
const kinds = ["TCPSocketWrap", "TCPServerWrap", "UDPWrap", "TLSWrap", "ProcessWrap", "FSReqCallback", "FSEventWrap"];
const turns = 500;

/**
 * Timers made in this file and by what it tests. Node's own list of resources also has the runner's, for reports that it sends from time to time; the runner took the
 * original functions before this was loaded.
 */
const timers = new Set<NodeJS.Timeout & { readonly _destroyed?: boolean }>();
const running = (timer: NodeJS.Timeout & { readonly _destroyed?: boolean }): boolean => !timer._destroyed && timer.hasRef();

for (const name of ["setTimeout", "setInterval"] as const) {
  const original = globalThis[name];
  const tracked = (...args: Parameters<typeof setTimeout>): NodeJS.Timeout => {
    const timer = original(...args);
    timers.add(timer);
    if (timers.size > 10_000) for (const one of timers) if (one._destroyed) timers.delete(one);
    return timer;
  };
  globalThis[name] = Object.defineProperties(tracked, Object.getOwnPropertyDescriptors(original)) as typeof setTimeout; // with what util.promisify() looks for
}

const count = (): Record<string, number> => {
  const open: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) if (kinds.includes(kind)) open[kind] = (open[kind] ?? 0) + 1;
  const left = [...timers].filter(running).length;
  return left === 0 ? open : { ...open, Timeout: left };
};

// What was closed in the last test may need a few turns of the event loop to be gone.
const settled = async (before: Record<string, number>): Promise<Record<string, number>> => {
  for (let turn = 0; turn < turns; turn++) {
    const open = count();
    if (Object.entries(open).every(([kind, n]) => n <= (before[kind] ?? 0))) return before;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count();
};

let before: Record<string, number> = {};

beforeAll(() => {
  before = count();
});

afterAll(async () => {
  expect(await settled(before), "handles left behind by this test file").toEqual(before);
});
