import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { balcony, events, type House, house, type Running } from "../../examples/cli/test/running.js";

// Whole commands, killed: what a guess costs is on the disk before anything of it leaves.
let at: House;
beforeEach(async () => {
  at = await house();
});
afterEach(async () => await at.tearDown());

const ROMEO = "romeo@montague.lit";
const JULIET = "juliet@capulet.lit";
const say = ({ child }: Running, said: object): void => void child.stdin.write(`${JSON.stringify(said)}\n`);

/** The guesses that are charged on the disk for the other of the two. */
async function charged(who: "romeo" | "juliet"): Promise<number> {
  const [account, peer] = who === "romeo" ? [ROMEO, JULIET] : [JULIET, ROMEO];
  const { accounts } = JSON.parse(await readFile(join(at.folder, who, "trust.json"), "utf8")) as { accounts: Record<string, Record<string, { guesses?: string[] }>> };
  return accounts[account]?.[peer]?.guesses?.length ?? 0;
}

async function both(): Promise<{ readonly romeo: Running; readonly juliet: Running }> {
  const juliet = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes", "--once", "--json", "--json-input").until("listening");
  const romeo = balcony("verify", `${JULIET}/balcony`, ...at.as("romeo"), "--json");
  await juliet.until("verification-requested");
  return { romeo, juliet };
}

it.each(["romeo", "juliet"] as const)("kill -9 of the whole command of %s, between what is charged and the answer, three times: there is no fourth", async (who) => {
  for (let time = 1; time <= 3; time++) {
    const people = await both();
    say(people.juliet, { verify: "accept" });
    const victim = people[who];
    await victim.until('"event":"verification",'); // there is something to compare, and nobody has said anything
    victim.child.kill("SIGKILL");
    expect((await victim.ended).code).toBe(null);
    expect(await charged(who)).toBe(time);
    const other = who === "romeo" ? people.juliet : people.romeo;
    other.child.kill("SIGKILL"); // whoever is left would wait for the dead one
    await other.ended;
  }
  const { juliet, romeo } = await both();
  say(juliet, { verify: "accept" });
  const codes = ({ stdout }: { readonly stdout: Buffer }): unknown[] => events(stdout).flatMap(({ code, event }) => (event === "error" ? [code] : []));
  const left = await romeo.ended;
  juliet.child.stdin.end();
  const right = await juliet.ended;
  expect(left.code).not.toBe(0);
  // Both have paid for what both have seen, so either refuses.
  expect([...codes(left), ...codes(right)]).toContain("guesses-spent");
  for (const one of [left, right]) expect(events(one.stdout).filter(({ event }) => event === "verification" || event === "verified")).toEqual([]);
  expect(await charged(who)).toBe(3);
});
