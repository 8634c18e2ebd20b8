import { describe, expect, it } from "vitest";
import { codeOf, message, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import { type Progress, type Session, xml } from "../src/index.js";

const on = stage();
const pair = async (options: Parameters<typeof on.login>[1] = {}) => await streamBetween(await on.login("romeo"), await on.login("juliet", options));

function log(session: Session): string[] {
  const events: string[] = [];
  session.on("status", (status) => events.push(`status ${status}`));
  session.on("close", () => events.push("close"));
  session.on("error", ({ code }) => events.push(`error ${code}`));
  return events;
}

describe("a session", () => {
  it("closes once on each side, with its statuses in order and no error", async () => {
    const [ours, theirs] = await pair();
    const logs = [log(ours), log(theirs)];
    const over = next(theirs, "close");
    await Promise.all([ours.close(), ours.close()]);
    await over;
    await ours.close();
    expect(logs).toEqual([
      ["status closing", "status offline", "close"],
      ["status closing", "status offline", "close"],
    ]);
  });

  it("delivers what was sent before the close", async () => {
    const [ours, theirs] = await pair();
    const came: (string | null)[] = [];
    theirs.on("stanza", (stanza) => came.push(stanza.getChildText("body")));
    const over = next(theirs, "close");
    void ours.send(message("first"));
    void ours.send(message("last"));
    await ours.close();
    await over;
    expect(came).toEqual(["first", "last"]);
  });

  it("takes nothing more once it is closed", async () => {
    const [ours] = await pair();
    await ours.close();
    expect(await codeOf(ours.send(message("too late")))).toBe("closed");
    expect(await codeOf(ours.iqCaller.get(xml("query", "urn:example:x")))).toBe("closed");
  });

  it("loses nothing that the peer sends in the very first moment, either way", async () => {
    const romeo = await on.login("romeo");
    const juliet = await on.login("juliet");
    const body = async (session: Session): Promise<string | null> => (await next<ReturnType<typeof message>>(session, "stanza")).getChildText("body");
    const answered = new Promise<string | null>((resolve) => {
      juliet.e2e.once("session", (session) => {
        void session.send(message("from juliet"));
        resolve(body(session));
      });
    });
    const session = await romeo.e2e.open(juliet.self);
    const heard = body(session);
    await session.send(message("from romeo"));
    expect((await Promise.all([heard, answered])).sort()).toEqual(["from juliet", "from romeo"]);
  });

  it("refuses characters that XML has not before anything is sent, and goes on", async () => {
    const [ours, theirs] = await pair();
    expect(await codeOf(ours.send(message("\u0000")))).toMatch(/^(invalid-xml|invalid-argument)$/);
    expect(await codeOf(ours.send(xml("not a name")))).toMatch(/^(invalid-xml|invalid-argument)$/);
    const heard = next<ReturnType<typeof message>>(theirs, "stanza");
    await ours.send(message("fine"));
    expect((await heard).getChildText("body")).toBe("fine");
  });

  it("ends over a stanza beyond the limits, and tells both why", async () => {
    const [ours, theirs] = await pair({ limits: { stanzaBytes: 4096 } });
    const [atOurs, atTheirs] = [next<Error>(ours, "error"), next<Error>(theirs, "error")];
    const sent = ours.send(message("x".repeat(10_000)));
    expect(await atTheirs).toMatchObject({ code: "policy-violation" });
    expect(await atOurs).toMatchObject({ code: "stream-error", condition: "policy-violation" });
    await codeOf(sent);
  });

  it("that ends badly throws nothing where nobody listens for errors", async () => {
    const [ours, theirs] = await pair({ limits: { stanzaBytes: 4096 } });
    const over = Promise.all([next(ours, "close"), next(theirs, "close")]);
    void codeOf(ours.send(message("x".repeat(10_000))));
    await over;
    expect([ours.status, theirs.status]).toEqual(["offline", "offline"]);
  });

  it("refuses addresses of others in what is sent", async () => {
    const [ours] = await pair();
    expect(await codeOf(ours.send(xml("message", { to: "tybalt@capulet.lit" })))).toMatch(/^(invalid-argument|invalid-jid)$/);
  });

  it("fails requests that are open when the stream ends", async () => {
    const [ours, theirs] = await pair();
    theirs.iqCallee.get("urn:example:slow", "slow", () => new Promise(() => undefined));
    const asked = codeOf(ours.iqCaller.get(xml("slow", "urn:example:slow")));
    await theirs.close();
    expect(await asked).toBe("closed");
  });
});

it("open() tells of each step in its order", async () => {
  const romeo = await on.login("romeo");
  const juliet = await on.login("juliet");
  const [ours, theirs]: [string[], string[]] = [[], []];
  const into = (steps: string[]) => (progress: Progress) => {
    if (progress.state !== "step") steps.push(`${progress.phase} ${progress.state}`);
  };
  juliet.e2e.on("progress", into(theirs));
  const answered = next(juliet.e2e, "session");
  await romeo.e2e.open(juliet.self, { onProgress: into(ours) });
  await answered;
  const phases = ["negotiate", "starttls", "trust", "stream", "compare", "store"].flatMap((phase) => [`${phase} begin`, `${phase} end`]);
  expect(ours).toEqual(["discover begin", "discover end", ...phases]);
  expect(theirs).toEqual(phases);
});
