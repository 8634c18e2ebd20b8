import { expect, it, vi } from "vitest";
import { NS_IBB, stage } from "../../../test/attacks/stage.js";

const on = stage();

it("a stream that ends while the key is remembered fails to open with the reason for which it ended", async () => {
  const options = { transports: ["ibb"], keepalive: { interval: 50, deadline: 50 } } as const;
  const [romeo, juliet] = [await on.login("romeo", options), await on.login("juliet", options)];
  const { store } = romeo.e2e;
  const accepted = store.accepted.bind(store);
  vi.spyOn(store, "accepted").mockImplementation(async (...given) => {
    const device = await accepted(...given);
    // Nothing of hers comes: the keepalive ends the stream, and with it its bytes.
    const whole = on.interfere;
    await new Promise<void>((resolve) => {
      on.interfere = (stanza, { direction, session }) => {
        if (session === romeo.self && stanza.getChild("close", NS_IBB)) resolve();
        return session === romeo.self && direction === "out" && stanza.attrs.type === "set" ? undefined : stanza;
      };
    });
    on.interfere = whole;
    return device;
  });
  await expect(romeo.e2e.open(juliet.self)).rejects.toMatchObject({ code: "peer-dead", phase: "store" });
  expect(romeo.e2e.sessions.size).toBe(0);
});
