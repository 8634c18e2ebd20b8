import { afterAll, beforeAll, expect } from "vitest";

/** Handles that a test can leave behind. The runner's own pipes and workers are not among them. */
const kinds = ["Timeout", "TCPSocketWrap", "TCPServerWrap", "UDPWrap", "TLSWrap", "ProcessWrap", "FSReqCallback", "FSEventWrap"];
const turns = 500;

const count = (): Record<string, number> => {
  const open: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) if (kinds.includes(kind)) open[kind] = (open[kind] ?? 0) + 1;
  return open;
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
