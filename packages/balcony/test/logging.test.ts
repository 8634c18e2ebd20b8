import { describe, expect, it } from "vitest";
import { codeOf, message, nextError, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import type { LoggingDifference, LogPreference, Session } from "../src/index.js";

const on = stage();

async function pair(romeos: LogPreference | undefined, juliets: LogPreference | undefined, answer: (asked: LoggingDifference) => boolean | Promise<boolean> = () => true) {
  const asked: LoggingDifference[] = [];
  const policy = (logging: LogPreference | undefined) => ({
    ...(logging && { logging }),
    loggingDiffers: (difference: LoggingDifference) => {
      asked.push(difference);
      return answer(difference);
    },
  });
  const romeo = await on.login("romeo", { policy: policy(romeos) });
  const juliet = await on.login("juliet", { policy: policy(juliets) });
  return { asked, romeo, juliet };
}

describe("what both sides say of transcripts", () => {
  it.each<[LogPreference | undefined, LogPreference | undefined, "may" | "mustnot"]>([
    ["may", "may", "may"],
    ["mustnot", "mustnot", "mustnot"],
    [undefined, undefined, "may"],
  ])("%s and %s: that holds, and nobody is bothered", async (romeos, juliets, agreed) => {
    const { asked, juliet, romeo } = await pair(romeos, juliets);
    const [ours, theirs] = await streamBetween(romeo, juliet);
    expect([ours.logging, theirs.logging]).toEqual([
      { ours: agreed, theirs: agreed, agreed },
      { ours: agreed, theirs: agreed, agreed },
    ]);
    expect(asked).toEqual([]);
  });

  it.each<[LogPreference, LogPreference, asked: string]>([
    ["may", "mustnot", "juliet@capulet.lit"],
    ["mustnot", "may", "romeo@montague.lit"],
  ])("%s and %s: the one who may keep one is asked, once, and both know what holds", async (romeos, juliets, peer) => {
    const { asked, juliet, romeo } = await pair(romeos, juliets);
    const [ours, theirs] = await streamBetween(romeo, juliet);
    expect([ours.logging, theirs.logging]).toEqual([
      { ours: romeos, theirs: juliets, agreed: "mustnot" },
      { ours: juliets, theirs: romeos, agreed: "mustnot" },
    ]);
    expect(asked).toMatchObject([{ ours: "may", theirs: "mustnot", peer: expect.stringContaining(peer) }]);
  });

  it("costs no round trip: it stands in the headers, inside TLS, and nowhere in the clear", async () => {
    const { juliet, romeo } = await pair("mustnot", "mustnot");
    await streamBetween(romeo, juliet);
    const wire = on.seen.map(({ xml }) => xml).join("");
    const carried = [...wire.matchAll(/<data[^>]*>([^<]*)</g)].map(([, block = ""]) => Buffer.from(block, "base64").toString("latin1")).join("");
    expect(carried).toContain("starttls"); // what can be read is read here
    expect(`${wire}${carried}`).not.toMatch(/balcony:logging|mustnot/);
  });
});

describe("whoever does not agree", () => {
  it("closes the stream before anything of it was delivered; the other one's ends", async () => {
    const { juliet, romeo } = await pair("mustnot", "may", async () => {
      while (romeo.e2e.sessions.size === 0) await new Promise((resolve) => setImmediate(resolve));
      return false;
    });
    const sessions: Session[] = [];
    juliet.e2e.on("session", (session) => sessions.push(session));
    const failed = nextError(juliet);
    const opened = await romeo.e2e.open(juliet.self);
    const closed = next(opened, "close");
    void opened.send(message("keep this to yourself")).catch(() => undefined);
    expect(await failed).toMatchObject({ code: "logging-differs", phase: "stream" });
    await closed;
    expect(sessions).toEqual([]);
    expect(juliet.e2e.store.show("juliet@capulet.lit", "romeo@montague.lit")).toBeUndefined();
  });

  it("gets the error from open(), where they have opened it", async () => {
    const { juliet, romeo } = await pair("may", "mustnot", () => false);
    expect(await codeOf(romeo.e2e.open(juliet.self))).toBe("logging-differs");
  });

  it("is a defect of the application's that throws, too", async () => {
    const { juliet, romeo } = await pair("may", "mustnot", () => {
      throw new TypeError("a defect");
    });
    expect(await codeOf(romeo.e2e.open(juliet.self))).not.toBe("none");
  });

  it("holds what the other one says until there is an answer", async () => {
    let decide: (yes: boolean) => void = () => undefined;
    const { asked, juliet, romeo } = await pair("mustnot", "may", () => new Promise<boolean>((resolve) => (decide = resolve)));
    const answered = next<Session>(juliet.e2e, "session");
    const opened = await romeo.e2e.open(juliet.self);
    await opened.send(message("between us"));
    expect(juliet.e2e.sessions.size).toBe(0);
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    decide(true);
    const session = await answered;
    const heard = await next<{ getChildText(name: string): string | null }>(session, "stanza");
    expect(heard.getChildText("body")).toBe("between us");
  });

  it("is not waited for any longer once the stream is gone", async () => {
    const { juliet, romeo } = await pair("mustnot", "may", ({ signal }) => new Promise<boolean>((resolve) => signal.addEventListener("abort", () => resolve(true))));
    const failed = nextError(juliet);
    const opened = await romeo.e2e.open(juliet.self);
    await romeo.logout();
    expect(opened.status).toBe("offline");
    expect((await failed).code).not.toBe("internal");
    expect(juliet.e2e.sessions.size).toBe(0);
  });
});
