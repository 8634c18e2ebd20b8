import { BalconyError, memoryStanzaNetwork } from "@balcony/channel";
import { type Element, xml } from "@balcony/xml";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readEncrypted } from "../src/encrypted-content.js";
import type { Arithmetic, Power, RekeyTimes } from "../src/index.js";
import { nodeCrypto } from "../src/node/index.js";
import { Rekeying } from "../src/rekeying.js";
import { cipherPair, generator, prepared, prime, smallPower } from "./cipher-pair.js";
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

describe("a re-key of ours by itself", () => {
  type Options = ConstructorParameters<typeof Rekeying>[0];

  /** With the other side's cipher in the test's hands, and an arithmetic that can be made to wait. */
  function alone(more: Partial<Options> = {}) {
    const { alice: cipher, bob } = cipherPair();
    const sent: Element[] = [];
    const reported: unknown[] = [];
    const powers: (readonly Power[])[] = [];
    let before = (): void => undefined;
    const ended = new AbortController();
    const arithmetic: Arithmetic = {
      prime: () => prime,
      powers: async (all) => {
        powers.push(all);
        const results = await Promise.resolve(all.map(({ base = generator, exponent }) => smallPower(base, exponent)));
        before();
        return results;
      },
    };
    const rekeying = new Rekeying({
      cipher,
      crypto: nodeCrypto,
      arithmetic,
      group: 14,
      frequency: 2,
      after: { stanzas: Number.POSITIVE_INFINITY, time: 600_000 },
      peer: BOB,
      closed: ended.signal,
      send: (c) => {
        sent.push(c);
        return Promise.resolve();
      },
      report: (error) => reported.push(error),
      ...more,
    });
    const exchange = (): void => {
      rekeying.sent();
      rekeying.received();
    };
    return { rekeying, cipher, bob, sent, reported, powers, ended, exchange, onceComputed: (work: () => void) => (before = work) };
  }

  it("comes after as many stanzas in both directions as was agreed, and then again after as many", async () => {
    const { exchange, powers, rekeying, sent } = alone();
    const tooSoon = { code: "resource-constraint", phase: "session", peer: BOB, message: "A re-key may come after 2 stanzas, as was agreed." };
    await expect(rekeying.begin()).rejects.toMatchObject(tooSoon);
    rekeying.sent();
    await expect(rekeying.begin()).rejects.toMatchObject(tooSoon);
    rekeying.received();
    await rekeying.begin();
    await expect(rekeying.begin()).rejects.toMatchObject(tooSoon);
    exchange();
    await rekeying.begin();
    expect(sent.map((c) => c.getChild("key") !== undefined)).toEqual([true, true]);
    for (const all of powers) {
      expect(all.map(({ base, exponent, group }) => [group, base !== undefined, exponent.length, (exponent[0] ?? 0) & 0x80])).toEqual([
        [14, false, 64, 0x80],
        [14, true, 64, 0x80],
      ]);
    }
    rekeying.stop();
  });

  it("is computed again where the peer has re-keyed meanwhile", async () => {
    const { bob, cipher, exchange, onceComputed, powers, rekeying, sent } = alone();
    exchange();
    const theirs = bob.seal(undefined, prepared(bob));
    if (!theirs) throw new Error("a re-key prepared just now is void");
    onceComputed(() => {
      onceComputed(() => undefined);
      const { rekey } = cipher.open(readEncrypted(theirs));
      if (rekey) cipher.accept(smallPower(rekey.base, rekey.exponent));
    });
    await rekeying.begin();
    expect([powers.length, sent.length]).toEqual([2, 1]);
    const [c] = sent;
    const opened = c && bob.open(readEncrypted(c));
    expect(opened?.rekey).toBeDefined();
    rekeying.stop();
  });

  it("is no more than the peer has been heard to have seen", async () => {
    const { exchange, rekeying, sent } = alone();
    for (let count = 0; count < 8; count++) {
      exchange();
      await rekeying.begin();
    }
    exchange();
    const tooMany = { code: "resource-constraint", phase: "session", peer: BOB, message: "The peer has not been heard to have seen the last re-keys." };
    await expect(rekeying.begin()).rejects.toMatchObject(tooMany);
    expect(sent.length).toBe(8);
    rekeying.stop();
  });

  it("is none once the session has ended, before it is computed or behind it", async () => {
    const { ended, exchange, onceComputed, rekeying, reported, sent } = alone();
    exchange();
    const reason = new BalconyError("closed", "The session has ended.");
    onceComputed(() => ended.abort(reason));
    await expect(rekeying.begin()).rejects.toBe(reason);
    await expect(rekeying.begin()).rejects.toBe(reason);
    expect([sent, reported]).toEqual([[], []]);
    rekeying.stop();
  });

  it("is begun once at a time after so many stanzas of ours, and what fails is reported, unless it is the end", async () => {
    const failure = new Error("no worker");
    let compute: () => void = () => undefined;
    let asked = 0;
    const waiting: Arithmetic = {
      prime: () => prime,
      powers: () => {
        asked++;
        return new Promise((_, reject) => {
          compute = () => reject(failure);
        });
      },
    };
    const { ended, rekeying, reported } = alone({ arithmetic: waiting, after: { stanzas: 3, time: 600_000 } });
    for (const expected of [0, 0, 1, 1]) {
      rekeying.sent();
      expect(asked).toBe(expected);
    }
    compute();
    await expect.poll(() => reported).toEqual([failure]);
    await expect
      .poll(() => {
        rekeying.sent();
        return asked;
      })
      .toBe(2);
    ended.abort(new BalconyError("closed", "The session has ended."));
    compute();
    rekeying.sent();
    await new Promise((resolve) => setImmediate(resolve));
    expect([asked, reported]).toEqual([2, [failure]]);
    rekeying.stop();
  });
});
