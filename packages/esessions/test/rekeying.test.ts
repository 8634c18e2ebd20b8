import { memoryStanzaNetwork } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { RekeyTimes } from "../src/index.js";
import { ALICE, BOB, side } from "./pair.js";

afterEach(() => void vi.useRealTimers());

/** Alice with these times, Bob with none; how often each has sent a new key. */
async function pair(rekeyAfter: Partial<RekeyTimes>, frequency = 1) {
  const network = memoryStanzaNetwork({ report: () => undefined });
  const keys: (string | undefined)[] = [];
  network.tap((stanza) => {
    if (stanza.getChild("c")?.getChild("key")) keys.push(stanza.attrs.from);
    return stanza;
  });
  const alice = side(network, ALICE, { parameters: { groups: [14], rekeyFrequency: frequency }, rekeyAfter });
  const bob = side(network, BOB, { parameters: { groups: [14], rekeyFrequency: 1 } });
  const [a, b] = await Promise.all([alice.sessions.initiate(BOB), bob.incoming()]);
  const heard: string[] = [];
  b.channel.onStanza(({ stanza }: { stanza: Element }) => {
    heard.push(stanza.getChildText("body") ?? "");
    return true;
  });
  a.deliver();
  b.deliver();
  return { a, b, alice, bob, keys, heard, say: async (text: string) => await a.channel.send(xml("message", {}, xml("body", {}, text))) };
}

describe("new keys", () => {
  it("are agreed on by themselves after so many stanzas, and nothing is lost or put out of order", async () => {
    const { a, alice, bob, heard, keys, say } = await pair({ stanzas: 5 });
    const all = Array.from({ length: 40 }, (_, index) => String(index));
    for (const text of all) await say(text);
    await expect.poll(() => [keys.length > 0, heard.length]).toEqual([true, 40]);
    await say("again");
    for (const text of all) await say(text);
    await a.close();
    expect(heard).toEqual([...all, "again", ...all]);
    expect([new Set(keys), alice.errors, bob.errors]).toEqual([new Set([ALICE]), [], []]);
  });

  it("are agreed on after so long, and only if anything was said", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const { a, keys, say } = await pair({ time: 60_000 });
    vi.advanceTimersByTime(180_000);
    expect(keys).toEqual([]);
    await say("x");
    vi.advanceTimersByTime(60_000);
    await expect.poll(() => keys).toEqual([ALICE]);
    await a.close();
    vi.advanceTimersByTime(180_000);
    expect(keys).toEqual([ALICE]);
  });

  it("are not, where the agreed frequency does not allow it", async () => {
    const { a, heard, keys, say } = await pair({ stanzas: 2 }, 1_000);
    for (let index = 0; index < 20; index++) await say("x");
    await a.close();
    expect([keys, heard.length]).toEqual([[], 20]);
  });
});
