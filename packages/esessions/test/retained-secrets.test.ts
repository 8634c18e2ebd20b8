import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { nodeCrypto } from "../src/node/crypto.js";
import { candidates, confirmedHash, findConfirmed, findOffered, newRetainedSecret, offeredHash, type RetainedSecret, retain } from "../src/retained-secrets.js";

const secret = (value: number) => new Uint8Array(32).fill(value);
const nonce = secret(99);

describe("retained secrets (XEP-0116)", () => {
  const kept: readonly RetainedSecret[] = [{ current: secret(1), previous: secret(2) }, { current: secret(3) }];

  it("are found by either side from the other's hash, the ones before the last too", () => {
    for (const value of [1, 2, 3]) {
      expect(findOffered(nodeCrypto, kept, nonce, [secret(0), offeredHash(nodeCrypto, nonce, secret(value))])).toEqual(secret(value));
      expect(findConfirmed(nodeCrypto, kept, confirmedHash(nodeCrypto, secret(value)))).toEqual(secret(value));
    }
    expect(findOffered(nodeCrypto, kept, nonce, [offeredHash(nodeCrypto, nonce, secret(4))])).toBeUndefined();
    expect(findConfirmed(nodeCrypto, kept, secret(4))).toBeUndefined();
    expect(candidates(kept)).toEqual([secret(1), secret(3), secret(2)]);
  });

  it("a crash between the third and fourth message of one session is no alarm in the next", () => {
    const bob = retain([{ current: secret(1) }], secret(1), secret(2)); // Bob has kept the new one; Alice never heard
    const alice: readonly RetainedSecret[] = [{ current: secret(1) }];
    const shared = findOffered(
      nodeCrypto,
      bob,
      nonce,
      alice.map(({ current }) => offeredHash(nodeCrypto, nonce, current)),
    );
    expect(shared).toEqual(secret(1));
    expect(retain(bob, shared, secret(5))).toEqual([{ current: secret(5), previous: secret(1) }]);
  });

  it("takes the place of the one it was shared as, the last or the one before, and leaves every other as it is", () => {
    const [first, second] = [{ current: secret(1) }, { current: secret(2), previous: secret(3) }];
    const fresh = { current: secret(9) };
    expect(retain([first, second], secret(3), secret(9))).toEqual([{ ...fresh, previous: secret(3) }, first]);
    expect(retain([first, second], secret(2), secret(9))).toEqual([{ ...fresh, previous: secret(2) }, first]);
    expect(retain([second, first], secret(1), secret(9))).toEqual([{ ...fresh, previous: secret(1) }, second]);
    expect(retain([first, second], secret(7), secret(9))).toEqual([fresh, first, second]);
  });

  it("is confirmed, and made from the final K, by what the text says", () => {
    const hmac = (text: string) => createHmac("sha256", secret(1)).update(text).digest("hex");
    expect(Buffer.from(confirmedHash(nodeCrypto, secret(1))).toString("hex")).toBe(hmac("Shared Retained Secret"));
    expect(Buffer.from(newRetainedSecret(nodeCrypto, secret(1))).toString("hex")).toBe(hmac("New Retained Secret"));
  });

  it("one that was not shared is another client's, and sixteen are kept", () => {
    let all: readonly RetainedSecret[] = [];
    for (let value = 1; value <= 20; value++) all = retain(all, undefined, secret(value));
    expect(all).toHaveLength(16);
    expect(all[0]).toEqual({ current: secret(20) });
  });
});
