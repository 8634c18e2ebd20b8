import { describe, expect, it } from "vitest";
import { message, stage } from "../../../test/attacks/stage.js";
import { next, streamBetween } from "../../../test/rigs/login.js";
import { untilHandshakesRanOut } from "../../transport-webrtc/test/ran-out.js";
import type { Session } from "../src/index.js";

untilHandshakesRanOut();
const on = stage({ sharedRoster: true });

async function say(from: Session, to: Session, text: string): Promise<void> {
  const heard = next<ReturnType<typeof message>>(to, "stanza");
  await from.send(message(text));
  expect((await heard).getChildText("body")).toBe(text);
}

describe.each(["s5b", "ice-tcp", "webrtc"] as const)("a stream from machine to machine by %s", (name) => {
  it("outlives the servers that it was set up through, and is closed properly without them", async () => {
    const options = { dangerouslyUseLoopback: true, transports: [name], keepalive: { interval: 50, deadline: 5_000 } };
    const [romeo, juliet] = [await on.login("romeo", options), await on.login("juliet", options)];
    const [near, far] = await streamBetween(romeo, juliet);
    const gone = Promise.all([romeo, juliet].map(async ({ xmpp }) => await next(xmpp, "disconnect")));
    for (const { xmpp } of [romeo, juliet]) xmpp.reconnect.stop();
    await on.server.stop();
    await gone;
    await say(near, far, "are you still there?");
    await say(far, near, "where else?");
    const errors: unknown[] = [];
    const closed = Promise.all(
      [near, far].map(
        async (session) =>
          await next(
            session.on("error", (error) => errors.push(error)),
            "close",
          ),
      ),
    );
    await near.close();
    await closed;
    expect([errors, near.status, far.status]).toEqual([[], "offline", "offline"]);
    expect([romeo.e2e.sessions.size, juliet.e2e.sessions.size]).toEqual([0, 0]);
  });

  it("outlives a connection that is lost for one side alone, which comes back with another address", async () => {
    const options = { dangerouslyUseLoopback: true, transports: [name] };
    const [romeo, juliet] = [await on.login("romeo", options), await on.login("juliet", options)];
    romeo.xmpp.reconnect.delay = 1;
    const [near, far] = await streamBetween(romeo, juliet);
    const back = next<string>(romeo.e2e, "ready");
    on.server.drop(romeo.self);
    expect(await back).not.toBe(romeo.self);
    await say(near, far, "never mind");
    await say(far, near, "I did not notice");
    expect(near.jid.toString()).toBe(romeo.self);
    const closed = next(far, "close");
    await near.close();
    await closed;
  });
});
