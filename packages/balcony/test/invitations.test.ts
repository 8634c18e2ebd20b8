import { memoryStanzaPair } from "@balcony/channel";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { codeOf } from "../../../test/attacks/stage.js";
import { Invitations } from "../src/verification/invitations.js";

const [romeo, benvolio] = ["romeo@montague.lit", "benvolio@montague.lit"];
const code = (text: string) => ({ text, entropy: 31.8 });
const [lemon, wall] = [code("ridge-lemon-4020"), code("orchard-wall-1234")];
const MINUTE = 60_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("an invitation", () => {
  it("expires, and whoever waits for it hears of it", async () => {
    const invitations = new Invitations();
    const { accepted } = invitations.add(lemon, romeo, MINUTE);
    vi.advanceTimersByTime(MINUTE - 1);
    expect(invitations.waitingFor(romeo)?.code).toBe(lemon);
    vi.advanceTimersByTime(1);
    expect([invitations.waitingFor(romeo), await codeOf(accepted), vi.getTimerCount()]).toEqual([undefined, "code-expired", 0]);
  });

  it("expires by the clock where the machine has slept through its timer", async () => {
    let now = 0;
    const invitations = new Invitations(() => now);
    const { accepted } = invitations.add(lemon, romeo, MINUTE);
    now = MINUTE;
    expect([invitations.waitingFor(romeo), await codeOf(accepted), vi.getTimerCount()]).toEqual([undefined, "code-expired", 0]);
  });

  it("for one address goes before the one for anybody, and is for nobody else", () => {
    const invitations = new Invitations();
    invitations.add(lemon, romeo, MINUTE);
    expect(invitations.waitingFor(benvolio)).toBeUndefined();
    invitations.add(wall, undefined, MINUTE);
    expect([invitations.waitingFor(romeo)?.code, invitations.waitingFor(benvolio)?.code]).toEqual([lemon, wall]);
    invitations.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("takes the place of an older one for the same address, and a used one makes place", async () => {
    const invitations = new Invitations();
    const first = invitations.add(lemon, romeo, MINUTE);
    const second = invitations.add(wall, romeo, MINUTE);
    expect([await codeOf(first.accepted), invitations.waitingFor(romeo)]).toEqual(["verification-cancelled", second]);
    first.use(); // too late, and no harm to the second
    expect(invitations.waitingFor(romeo)).toBe(second);
    second.use();
    expect([invitations.waitingFor(romeo), second.used, vi.getTimerCount()]).toEqual([undefined, true, 0]);
    const [channel] = memoryStanzaPair({ a: `${romeo}/orchard`, b: `${benvolio}/street` });
    second.accept(channel);
    expect(await second.accepted).toBe(channel);
  });
});
