import { describe, expect, it } from "vitest";
import { codeOf, message, stage } from "../../../test/attacks/stage.js";
import { named, rsaKeys } from "../src/esessions/rsa-keys.js";

const on = stage();
const ROMEO = "romeo@montague.lit";
const JULIET = "juliet@capulet.lit";
const DAY = 24 * 60 * 60_000;

describe("messages to somebody who is away", () => {
  it("are neither sent nor made possible where policy takes no ESessions, which is the default", async () => {
    const romeo = await on.login("romeo");
    expect(await codeOf(romeo.e2e.publishAway())).toBe("invalid-argument");
    expect(await codeOf(romeo.e2e.sendAway(JULIET, message("x")))).toBe("unsupported-peer");
    expect(on.seen.some(({ xml: text }) => text.includes("pubsub"))).toBe(false);
    expect(romeo.e2e.store.sealing(ROMEO)).toEqual({});
  });

  it("are made possible for 30 days at most; and nothing is sent to who has published nothing, or on a server that keeps none", async () => {
    const romeo = await on.login("romeo", { policy: { fallback: ({ peer }) => peer === JULIET } });
    for (const lifetime of [0, -1, 31 * DAY, Number.NaN]) expect(await codeOf(romeo.e2e.publishAway({ lifetime }))).toBe("invalid-argument");
    expect(await codeOf(romeo.e2e.sendAway("tybalt@capulet.lit", message("x")))).toBe("unsupported-peer"); // the person said no
    expect(await codeOf(romeo.e2e.sendAway(JULIET, message("x")))).toBe("unsupported-peer");
    expect(await codeOf(romeo.e2e.publishAway())).toBe("stanza-error");
    await romeo.e2e.forgetAway();
  });

  it("are signed by another key once a person has had ours refused", async () => {
    const { e2e } = await on.login("romeo", { policy: { fallback: () => true } });
    const own = async (): Promise<string> => named((await rsaKeys(e2e.store, ROMEO, () => false)).signer.publicKey).spki;
    const first = await own();
    expect(await own()).toBe(first);
    await e2e.store.revoke(ROMEO, ROMEO, first);
    const second = await own();
    expect(second).not.toBe(first);
    expect(await own()).toBe(second);
  });
});
