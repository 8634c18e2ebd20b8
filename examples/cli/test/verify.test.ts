import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { balcony, type House, house, type Running } from "./running.js";

let at: House;
vi.setConfig({ testTimeout: 60_000 }); // several commands each
beforeAll(async () => {
  at = await house();
});
afterAll(async () => await at.tearDown());

const say = (to: Running, said: object | string): void => void to.child.stdin.write(`${typeof said === "string" ? said : JSON.stringify(said)}\n`);
const symbolsOf = async (of: Running): Promise<unknown> => (await of.until('"event":"verification",')).events().find(({ event }) => event === "verification")?.symbols;
const errorsOf = (of: Running): unknown[] =>
  of
    .events()
    .filter(({ event }) => event === "error")
    .map(({ code }) => code);

async function both(...options: readonly string[]): Promise<{ readonly romeo: Running; readonly juliet: Running }> {
  const juliet = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes", "--once", "--json", "--json-input").until("listening");
  const romeo = balcony("verify", "juliet@capulet.lit/balcony", ...at.as("romeo"), ...options);
  await juliet.until("verification-requested");
  return { romeo, juliet };
}

describe("two programs verify each other for two people", () => {
  it("both get the same symbols, answer, and the key is verified on both sides; the next stream says so at once", async () => {
    const { juliet, romeo } = await both("--json");
    say(juliet, { verify: "accept" });
    const symbols = await symbolsOf(romeo);
    expect(symbols).toMatchObject({
      emoji: expect.arrayContaining([{ symbol: expect.any(String), name: expect.any(String) }]),
      numbers: expect.arrayContaining([expect.stringMatching(/^[12]\d{3}$/u)]),
    });
    expect(await symbolsOf(juliet)).toEqual(symbols);
    for (const one of [romeo, juliet]) say(one, { verify: "same" });
    expect((await romeo.ended).code).toBe(0);
    expect((await juliet.ended).code).toBe(0);
    for (const one of [romeo, juliet]) expect(one.events()).toContainEqual(expect.objectContaining({ event: "verified", how: "symbols" }));
    const again = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes", "--once", "--json", "--json-input").until("listening");
    const open = balcony("open", "juliet@capulet.lit/balcony", ...at.as("romeo"), "--json", "--json-input");
    say(open, { message: "good night" });
    await again.until("good night");
    open.child.stdin.end();
    expect([(await open.ended).code, (await again.ended).code]).toEqual([0, 0]);
    for (const one of [open, again]) expect(one.events().find(({ event }) => event === "open")).toMatchObject({ security: { trust: "verified", verified: { how: "symbols" } } });
    expect(again.events()).toContainEqual({ event: "message", from: expect.stringContaining("romeo@montague.lit/"), body: "good night" });
  });

  it("in a pipe the answers are words, and what is to be compared stands on stderr", async () => {
    const { juliet, romeo } = await both();
    say(juliet, { verify: "accept" });
    const { numbers } = (await symbolsOf(juliet)) as { numbers: readonly string[] };
    await romeo.until(numbers.join("   "));
    say(romeo, "matches");
    await romeo.until("is none of");
    say(romeo, "same");
    say(juliet, { verify: "same" });
    expect((await romeo.ended).code).toBe(0);
    expect(romeo.stdout).toBe("");
    await juliet.ended;
  });

  it("one reads aloud and the other types: a wrong number is told, the right ones verify", async () => {
    const { juliet, romeo } = await both("--json", "--read-aloud");
    say(juliet, { verify: "accept" });
    const { numbers } = (await symbolsOf(juliet)) as { numbers: readonly string[] };
    await romeo.until('"mode":"type"');
    say(romeo, { verify: "heard", numbers: "1000 1000 1001" });
    await romeo.until('"what":"wrong"');
    say(romeo, { verify: "heard", numbers });
    await romeo.until('"what":"right"');
    say(juliet, { verify: "same" });
    expect([(await romeo.ended).code, (await juliet.ended).code]).toEqual([0, 0]);
  });

  it.each([
    ["they differ", 6, "verification-differs", (romeo: Running) => say(romeo, { verify: "different" })],
    ["cancelled", 4, "verification-cancelled", (romeo: Running) => say(romeo, { verify: "cancel" })],
    ["nobody is there any more to answer", 4, "verification-cancelled", (romeo: Running) => romeo.child.stdin.end()],
  ])("%s: exit code %i, %s", async (_, code, error, answer) => {
    const { juliet, romeo } = await both("--json");
    say(juliet, { verify: "accept" });
    await symbolsOf(romeo);
    answer(romeo);
    expect((await romeo.ended).code).toBe(code);
    expect(errorsOf(romeo)).toEqual([error]);
    juliet.child.stdin.end();
    await juliet.ended;
  });

  it("they decline", async () => {
    const { juliet, romeo } = await both("--json");
    say(juliet, { verify: "decline" });
    expect((await romeo.ended).code).toBe(4);
    expect(errorsOf(romeo)).toEqual(["verification-cancelled"]);
    juliet.child.stdin.end();
    await juliet.ended;
  });

  it("what is neither a message nor an answer is told, and answers nothing", async () => {
    const { juliet, romeo } = await both("--json");
    const lines = ["no JSON", "[]", "null", '{"verify":"maybe"}', '{"verify":"same","message":"x"}', '{"message":7}', '{"verify":"heard","numbers":{}}', "{}"];
    for (const line of lines) say(romeo, line);
    say(romeo, { verify: "cancel" });
    expect((await romeo.ended).code).toBe(4);
    expect(errorsOf(romeo)).toEqual([...lines.map(() => "usage"), "verification-cancelled"]);
    juliet.child.stdin.end();
    await juliet.ended;
  });
});
