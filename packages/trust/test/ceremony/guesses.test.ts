import { describe, expect, it } from "vitest";
import { TrustStore } from "../../src/index.js";
import { benvolio, codeOf, handClock, juliet, key, nurse, romeo, use } from "../addresses.js";
import { newFolder } from "../folders.js";

describe("guesses", () => {
  it("are three within a day, for each pair of addresses", async () => {
    const clock = handClock();
    const store = await TrustStore.inMemory({ clock });
    for (let time = 0; time < 3; time++) await store.chargeGuess(juliet, romeo);
    expect(await codeOf(store.chargeGuess(juliet, romeo))).toBe("guesses-spent");
    expect([await codeOf(store.chargeGuess(juliet, benvolio)), await codeOf(store.chargeGuess(nurse, romeo))]).toEqual(["accepted", "accepted"]);
    clock.move(86_400_000 - 1);
    expect(await codeOf(store.chargeGuess(juliet, romeo))).toBe("guesses-spent");
    clock.move(1);
    expect(await codeOf(store.chargeGuess(juliet, romeo))).toBe("accepted");
  });

  it("are not given back by a clock that goes back, nor by one that was back when they were spent", async () => {
    const clock = handClock();
    const store = await TrustStore.inMemory({ clock });
    await store.chargeGuess(juliet, romeo);
    clock.move(-30 * 86_400_000);
    for (let time = 0; time < 2; time++) await store.chargeGuess(juliet, romeo);
    expect(await codeOf(store.chargeGuess(juliet, romeo))).toBe("guesses-spent");
    clock.move(30 * 86_400_000);
    expect(await codeOf(store.chargeGuess(juliet, romeo))).toBe("guesses-spent");
  });

  it("are given back one at a time, by the person who confirms", async () => {
    const store = await TrustStore.inMemory();
    for (let time = 0; time < 3; time++) await store.chargeGuess(juliet, romeo);
    expect(await store.confirmSymbols(juliet, romeo, key(1), "symbols")).toMatchObject({ status: "verified", verified: { how: "symbols" } });
    expect([await codeOf(store.chargeGuess(juliet, romeo)), await codeOf(store.chargeGuess(juliet, romeo))]).toEqual(["accepted", "guesses-spent"]);
  });

  it("outlast removal, reset and the process, and count for all sessions and processes at one store", async () => {
    const folder = await newFolder();
    const [first, second] = [await TrustStore.open({ folder }), await TrustStore.open({ folder })];
    const codes = await Promise.all([first, second, first, second, first].map(async (store) => await codeOf(store.chargeGuess(juliet, romeo))));
    expect(codes.sort()).toEqual(["accepted", "accepted", "accepted", "guesses-spent", "guesses-spent"]);
    await first.accepted(juliet, romeo, use(1));
    await first.remove(juliet, romeo);
    await first.reset(juliet, romeo);
    await first.close();
    const third = await TrustStore.open({ folder });
    expect(await codeOf(third.chargeGuess(juliet, romeo))).toBe("guesses-spent");
  });
});

it("a difference marks the key on the disk until it is verified", async () => {
  const folder = await newFolder();
  const store = await TrustStore.open({ folder });
  expect(await store.recordDifference(juliet, romeo, key(1))).toMatchObject({ status: "unverified", differed: expect.any(String) });
  const again = await TrustStore.open({ folder });
  expect(again.show(juliet, romeo)?.devices).toMatchObject([{ differed: expect.any(String) }]);
  expect(await again.confirmSymbols(juliet, romeo, key(1), "symbols")).not.toHaveProperty("differed");
});
