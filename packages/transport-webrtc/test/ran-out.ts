import { afterAll, beforeAll } from "vitest";

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

/** werift sleeps between retransmissions of its handshake, half a second at a time, and cannot be woken: waits until the last has noticed that its connection is gone. */
export function untilHandshakesRanOut(): void {
  let before = 0;
  beforeAll(() => {
    before = timers();
  });
  afterAll(async () => {
    while (timers() > before) await new Promise((resolve) => setImmediate(resolve));
  });
}
