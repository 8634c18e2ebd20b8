import { describe, expect, it } from "vitest";
import { TrustStore } from "../../src/index.js";
import { benvolio, codeOf, handClock, juliet, key, nurse, romeo, use } from "../addresses.js";
import { newFolder } from "../folders.js";
import { code, lemon } from "./sides.js";

const DAY = 86_400_000;
const secret = code("0123456789abcdef0123456789abcdef", 128);
const other = (index: number) => code(`ridge-lemon-${index}`);

describe("a code", () => {
  it("has one try, for all peers, stores and processes of the account, and none of it is lost with the process", async () => {
    const folder = await newFolder();
    const [first, second] = [await TrustStore.open({ folder }), await TrustStore.open({ folder })];
    const codes = await Promise.all([
      codeOf(first.spendCode(juliet, romeo, lemon)),
      codeOf(second.spendCode(juliet, romeo, lemon)),
      codeOf(second.spendCode(juliet, benvolio, lemon)),
    ]);
    expect(codes.sort()).toEqual(["accepted", "code-spent", "code-spent"]);
    await first.close();
    const third = await TrustStore.open({ folder });
    expect([await codeOf(third.spendCode(juliet, romeo, lemon)), await codeOf(third.spendCode(nurse, romeo, lemon))]).toEqual(["code-spent", "accepted"]); // another account of ours is another person's
  });

  it("stays used after removal and reset of the peer, and whatever the clock does", async () => {
    const clock = handClock();
    const store = await TrustStore.inMemory({ clock });
    await store.accepted(juliet, romeo, use(1));
    await store.spendCode(juliet, romeo, lemon);
    await store.require(juliet, romeo, "verified");
    await store.remove(juliet, romeo);
    await store.require(juliet, romeo, undefined);
    await store.reset(juliet, romeo);
    for (const move of [0, -40 * DAY, 40 * DAY, 30 * DAY]) {
      clock.move(move);
      expect(await codeOf(store.spendCode(juliet, romeo, lemon)), String(move)).toBe("code-spent");
    }
    clock.move(DAY);
    expect(await codeOf(store.spendCode(juliet, romeo, lemon))).toBe("accepted"); // after a month it is forgotten: it has expired a month ago
  });

  it("that can be guessed costs a guess, which comes back where the peer has proved to know it", async () => {
    const store = await TrustStore.inMemory();
    for (let time = 0; time < 3; time++) await store.spendCode(juliet, romeo, other(time));
    expect([await codeOf(store.spendCode(juliet, romeo, other(3))), await codeOf(store.chargeGuess(juliet, romeo))]).toEqual(["guesses-spent", "guesses-spent"]);
    expect(await store.confirmCode(juliet, romeo, key(1), other(2))).toMatchObject({ status: "verified", verified: { how: "code" } });
    expect([await codeOf(store.spendCode(juliet, romeo, other(3))), await codeOf(store.spendCode(juliet, romeo, other(4)))]).toEqual(["accepted", "guesses-spent"]);
  });

  it("that was refused for lack of guesses is not used up", async () => {
    const clock = handClock();
    const store = await TrustStore.inMemory({ clock });
    for (let time = 0; time < 3; time++) await store.chargeGuess(juliet, romeo);
    expect(await codeOf(store.spendCode(juliet, romeo, lemon))).toBe("guesses-spent");
    clock.move(DAY);
    expect(await codeOf(store.spendCode(juliet, romeo, lemon))).toBe("accepted");
  });

  it("that nobody guesses costs none and gives none back", async () => {
    const store = await TrustStore.inMemory();
    for (let time = 0; time < 3; time++) await store.chargeGuess(juliet, romeo);
    await store.spendCode(juliet, romeo, secret);
    await store.confirmCode(juliet, romeo, key(1), secret);
    expect([await codeOf(store.spendCode(juliet, romeo, secret)), await codeOf(store.chargeGuess(juliet, romeo))]).toEqual(["code-spent", "guesses-spent"]);
  });

  it("does not bring a revoked key back", async () => {
    const store = await TrustStore.inMemory();
    await store.revoke(juliet, romeo, key(1));
    await store.spendCode(juliet, romeo, lemon);
    expect(await codeOf(store.confirmCode(juliet, romeo, key(1), lemon))).toBe("key-revoked");
  });

  it("used with somebody never met makes no contact of them: the next key is taken on first use", async () => {
    const store = await TrustStore.inMemory();
    await store.spendCode(juliet, romeo, lemon);
    expect(store.show(juliet, romeo)).toMatchObject({ devices: [], everStreamed: false, tombstone: false });
  });
});
