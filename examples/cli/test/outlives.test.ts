import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { balcony, type House, house } from "./running.js";

let at: House;
beforeEach(async () => {
  at = await house();
});
afterEach(async () => await at.tearDown());

it("a pipe from machine to machine outlives its server: all comes, and both ends say that it has", async () => {
  const more = ["--insecure-loopback", "--transports", "s5b", "--verbose"];
  const juliet = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes", "--once", ...more).until("listening");
  const romeo = balcony("open", "juliet@capulet.lit/balcony", ...at.as("romeo"), ...more);
  const [before, after, back] = [Buffer.from("before, "), randomBytes(1_000_000), randomBytes(300_000)];
  romeo.child.stdin.write(before);
  await juliet.until("before, ");
  expect(romeo.stderr).toMatch(/connected: s5b direct 127\.0\.0\.1:\d+/);
  await at.server.stop();
  await Promise.all([juliet, romeo].map(async (one) => await one.until("the connection to the server broke")));
  romeo.child.stdin.end(after);
  juliet.child.stdin.end(back);
  const [right, left] = await Promise.all([juliet.ended, romeo.ended]);
  expect([left.code, right.code, right.stdout.equals(Buffer.concat([before, after])), left.stdout.equals(back)]).toEqual([0, 0, true, true]);
});
