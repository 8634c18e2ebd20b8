import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atTerminal, balcony, events, type House, house, type Running } from "./running.js";

let at: House;
beforeAll(async () => {
  at = await house({ strangers: true });
});
afterAll(async () => await at.tearDown());

const CODE = /\b[a-z]+-[a-z]+-\d{4}\b/u;
/** The code that an invitation has printed. */
const codeOf = ({ stdout, stderr }: Running): string =>
  CODE.exec(`${stdout}
${stderr}`)?.[0] ?? "none";

/** Juliet has invited, and waits. */
const invites = async (...more: readonly string[]): Promise<Running> => await balcony("invite", ...more, ...at.as("juliet")).until(/waiting for|"event":"waiting"/u);
const opens = (code: string, ...more: readonly string[]): Running => balcony("open", "juliet@capulet.lit", "--code", code, ...more, ...at.as("romeo"));

describe("two who were strangers", () => {
  it("are verified by a code, in pipes that carry bytes both ways, and at once the next time", async () => {
    const juliet = await invites("romeo@montague.lit");
    const romeo = opens(codeOf(juliet));
    romeo.child.stdin.end("from romeo");
    juliet.child.stdin.end("from juliet");
    const [right, left] = await Promise.all([juliet.ended, romeo.ended]);
    expect([left.code, right.code, left.stdout.toString(), right.stdout.toString()]).toEqual([0, 0, "from juliet", "from romeo"]);
    for (const { stderr } of [left, right]) expect(stderr).toContain("verified: you both had the same code");
    const listening = await balcony("listen", ...at.as("juliet"), "--allow", "romeo@montague.lit").until("listening");
    const again = balcony("open", "juliet@capulet.lit", ...at.as("romeo"));
    again.child.stdin.end();
    listening.child.stdin.end();
    for (const { code, stderr } of await Promise.all([again.ended, listening.ended]))
      expect([code, stderr]).toEqual([0, expect.stringContaining("verified: you both had the same code")]);
  });

  it("are verified in JSON, by a code for anybody", async () => {
    const juliet = await invites("--json");
    const romeo = opens(codeOf(juliet), "--json");
    romeo.child.stdin.end();
    const left = await romeo.ended;
    await juliet.until('"event":"close"');
    juliet.child.stdin.end();
    const right = await juliet.ended;
    expect([left.code, right.code, left.stderr, right.stderr]).toEqual([0, 0, "", ""]);
    expect(events(right.stdout).find(({ event }) => event === "invitation")).toMatchObject({
      code: expect.stringMatching(CODE),
      uri: expect.stringContaining("xmpp:juliet@capulet.lit?balcony-code;secret="),
      expires: expect.any(String),
    });
    for (const { stdout } of [left, right])
      expect(events(stdout).find(({ event }) => event === "open")).toMatchObject({ security: { trust: "verified", verified: { how: "code" } } });
  });

  it("are verified by what was scanned, which says whose it is", async () => {
    const juliet = await invites("--qr", "romeo@montague.lit");
    const uri = /xmpp:juliet@capulet\.lit\?balcony-code;secret=[0-9a-f]{32}/u.exec(juliet.stderr)?.[0] ?? "";
    const romeo = balcony("open", "--code", uri, ...at.as("romeo"));
    for (const one of [romeo, juliet]) one.child.stdin.end();
    for (const { code, stderr } of await Promise.all([romeo.ended, juliet.ended]))
      expect([code, stderr]).toEqual([0, expect.stringContaining("verified: you both had the same code")]);
  });

  it("are verified at terminals, where the code is asked for", async () => {
    const juliet = await atTerminal(["invite", "romeo@montague.lit", ...at.as("juliet")], { NO_COLOR: "1" }).until("waiting for");
    const romeo = await atTerminal(["open", "juliet@capulet.lit", ...at.as("romeo"), "--code"], { NO_COLOR: "1" }).until("What is the code?");
    romeo.child.stdin.write(`${codeOf(juliet).replaceAll("-", " ").toUpperCase()}\r`);
    await Promise.all([romeo.until("verified: you both had the same code"), juliet.until("verified: you both had the same code")]);
    await juliet.until("Type what you want to say");
    await romeo.until("Type what you want to say");
    romeo.child.stdin.write("/quit\r");
    expect([(await romeo.ended).code, (await juliet.ended).code]).toEqual([0, 0]);
  });
});

describe("a code", () => {
  it("that is wrong ends both commands with 6, and each says that it is used up", async () => {
    const [first, second] = [await invites("romeo@montague.lit"), await invites("nobody@montague.lit")];
    const wrong = codeOf(second);
    second.child.kill("SIGINT");
    expect((await second.ended).code).toBe(130);
    const romeo = opens(wrong);
    for (const { code, stderr } of await Promise.all([romeo.ended, first.ended])) {
      expect([code, stderr]).toEqual([6, expect.stringMatching(/\[code-wrong\][\s\S]*used up, here and there/u)]);
    }
    const { code, stderr } = await opens(wrong).ended;
    expect([code, stderr]).toEqual([4, expect.stringContaining("[unknown-resource]")]); // nobody waits any more, and strangers are told nothing
  });

  it("that nobody comes with expires; a mistyped one calls nobody", async () => {
    const { code, stderr } = await balcony("invite", "romeo@montague.lit", "--lifetime", "0.1", ...at.as("juliet")).ended;
    expect([code, stderr]).toEqual([5, expect.stringContaining("[code-expired]")]);
    for (const typed of ["ridge-lemon", "ridge-lemmon-4023", "-"]) {
      const mistyped = await opens(typed).ended;
      expect([mistyped.code, mistyped.stderr]).toEqual([2, expect.not.stringContaining("logging in")]);
    }
    const nobody = await balcony("open", ...at.as("romeo")).ended;
    expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining("Whom?")]);
  });
});
