import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atTerminal, balcony, events, type House, house } from "./running.js";

let at: House;
beforeAll(async () => {
  at = await house();
});
afterAll(async () => await at.tearDown());

const listening = async (...options: readonly string[]) => {
  const juliet = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes", ...options).until("listening");
  juliet.child.stdin.end();
  return juliet;
};
const opening = (...options: readonly string[]) => {
  const romeo = balcony("open", "juliet@capulet.lit/balcony", ...at.as("romeo"), ...options);
  romeo.child.stdin.end();
  return romeo;
};

describe("what is kept of a stream", () => {
  it("is nobody's question where both say the same, and in every program's event", async () => {
    const juliet = await listening("--log", "mustnot");
    const romeo = await opening("--log", "mustnot", "--json").ended;
    expect(events(romeo.stdout).find(({ event }) => event === "open")).toMatchObject({ logging: { ours: "mustnot", theirs: "mustnot", agreed: "mustnot" } });
    expect((await juliet.ended).stderr).not.toContain("record");
  });

  it("is nothing where one wants none and the other has said nothing, and both are told", async () => {
    const juliet = await listening("--log", "mustnot");
    const romeo = await opening().ended;
    expect([romeo.code, romeo.stderr]).toEqual([0, expect.stringContaining("you have agreed to keep no record")]);
    expect((await juliet.ended).stderr).toContain("have agreed to keep none");
  });

  it("keeps two apart where one wants none and the other insists: exit code 4", async () => {
    const juliet = await listening("--log", "mustnot");
    const romeo = await opening("--log", "may").ended;
    expect([romeo.code, romeo.stderr]).toEqual([4, expect.stringContaining("[logging-differs]")]);
    juliet.child.kill("SIGINT");
    await juliet.ended;
  });

  it.each([
    ["yes", "\r", "you have agreed to keep no record"],
    ["no", "n", "[logging-differs]"],
  ])("is asked of the person at a terminal, who says %s", async (_, key, words) => {
    const juliet = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes", "--log", "mustnot", "--json").until("listening");
    const romeo = atTerminal(["open", "juliet@capulet.lit/balcony", ...at.as("romeo")]);
    await romeo.until("Do you agree?");
    romeo.child.stdin.write(key);
    await romeo.until(words);
    if (key !== "n") {
      await romeo.until("Type what you want to say");
      romeo.child.stdin.write("/quit\r");
    }
    await romeo.ended;
    expect(romeo.stdout.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "")).not.toMatch(/^.{81}/m);
    juliet.child.kill("SIGINT");
    await juliet.ended;
  });

  it("is may or mustnot: exit code 2", async () => {
    expect(await opening("--log", "perhaps").ended).toMatchObject({ code: 2 });
  });
});
