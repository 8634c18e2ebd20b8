import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Cables, cables } from "../../../test/rigs/cables.js";
import { attempts, connect } from "./pair.js";

/** RFC 7675 §5.1: ms without an answer after which nothing more may be sent. */
const CONSENT = 30_000;

let wires: Cables;
beforeEach(async () => {
  wires = await cables();
});
afterEach(async () => {
  vi.useRealTimers();
  await wires.stop();
});

it("a path on which the peer answers no more is lost, though nothing is being sent: its consent has run out", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"], shouldAdvanceTime: true });
  const { initiator, responder } = attempts();
  for (const side of [initiator, responder]) side.tamper = (transport) => wires.through(transport);
  const [near, far] = await connect(initiator, responder);
  const lost = Promise.all(
    [near, far].map(async ({ bytes }) => await new Promise<string>((resolve) => bytes.once("error", ({ code }: Error & { code?: string }) => resolve(String(code))))),
  );
  const asked = new Promise<void>((resolve) => {
    wires.onPass = resolve;
  });
  await vi.advanceTimersByTimeAsync(CONSENT / 4);
  await asked; // the peers ask each other, as nothing else is going on
  expect([near.bytes.destroyed, far.bytes.destroyed]).toEqual([false, false]);
  wires.pull();
  await vi.advanceTimersByTimeAsync(2 * CONSENT);
  expect(await lost).toEqual(["connection-lost", "connection-lost"]);
});
