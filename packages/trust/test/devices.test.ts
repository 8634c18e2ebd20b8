import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Device, decide, TrustStore } from "../src/index.js";
import { asVerified, benvolio, codeOf, handClock, juliet, key, nurse, romeo, use } from "./addresses.js";

const [laptop, phone, tablet, stranger] = [key(1), key(2), key(3), key(4)];
const at = "2026-01-01T00:00:00.000Z";

async function withLaptop(): Promise<TrustStore> {
  const store = await TrustStore.inMemory({ clock: handClock() });
  await store.accepted(juliet, romeo, use(1));
  await store.setVerified(juliet, romeo, laptop, "qr");
  return store;
}

const deviceOf = (store: TrustStore, spki: string): Device | undefined => store.show(juliet, romeo)?.devices.find((device) => device.spki === spki);

function judged(store: TrustStore, spki: string): string {
  const { record, otherOwners } = store.view(juliet, romeo);
  const decision = decide({ record, spki, otherOwners: otherOwners(spki), policy: { require: "encrypted" } });
  return decision.action === "block" ? decision.code : decision.trust;
}

describe("a directly verified device", () => {
  it("vouches for another of the same address, which is verified then, and recorded so", async () => {
    const store = await withLaptop();
    expect(judged(store, phone)).toBe("key-changed");
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    expect(deviceOf(store, phone)).toEqual({ spki: phone, firstSeen: at, lastSeen: at, status: "verified", verified: { how: "vouched", at, by: laptop } });
    expect(judged(store, phone)).toBe("verified");
  });

  it("vouching for a device that the person has verified changes nothing", async () => {
    const store = await withLaptop();
    await store.setVerified(juliet, romeo, phone, "fingerprint");
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    expect(deviceOf(store, phone)?.verified).toEqual({ how: "fingerprint", at });
  });

  it.each([
    ["one that is unknown", stranger, phone, "not-trusted"],
    ["one that is not verified", tablet, phone, "not-trusted"],
    ["one that is vouched for itself", phone, stranger, "not-trusted"],
    ["itself", laptop, laptop, "not-trusted"],
    ["one for a revoked key", laptop, key(9), "key-revoked"],
  ])("vouches, and not %s", async (_, by, spki, code) => {
    const store = await TrustStore.inMemory();
    await store.accepted(juliet, romeo, use(1));
    await store.accepted(juliet, romeo, use(3));
    await store.setVerified(juliet, romeo, laptop, "qr");
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    await store.revoke(juliet, romeo, key(9));
    const before = store.show(juliet, romeo);
    expect(await codeOf(store.vouch(juliet, romeo, { by, spki }))).toBe(code);
    expect(store.show(juliet, romeo)).toEqual(before);
  });

  it("that is verified of one address vouches for no other, and not under another account", async () => {
    const store = await withLaptop();
    expect(await codeOf(store.vouch(juliet, benvolio, { by: laptop, spki: phone }))).toBe("not-trusted");
    expect(await codeOf(store.vouch(nurse, romeo, { by: laptop, spki: phone }))).toBe("not-trusted");
  });

  it("cannot introduce somebody else's key as its own", async () => {
    const store = await withLaptop();
    await store.accepted(juliet, benvolio, use(2));
    expect(await codeOf(store.vouch(juliet, romeo, { by: laptop, spki: phone }))).toBe("statement-invalid");
    expect(await codeOf(store.rotate(juliet, romeo, { from: laptop, to: phone }))).toBe("statement-invalid");
  });
});

describe("once a voucher is", () => {
  const ends: Record<string, (store: TrustStore) => Promise<unknown>> = {
    revoked: (store) => store.revoke(juliet, romeo, laptop),
    removed: (store) => store.remove(juliet, romeo, laptop),
  };
  for (const [name, end] of Object.entries(ends)) {
    it(`${name}, those it has vouched for are unverified, and blocked until they are verified in another way`, async () => {
      const store = await withLaptop();
      await store.setVerified(juliet, romeo, tablet, "fingerprint");
      await store.vouch(juliet, romeo, { by: laptop, spki: phone });
      await store.vouch(juliet, romeo, { by: tablet, spki: stranger });
      await end(store);
      expect(deviceOf(store, phone)).toMatchObject({ status: "unverified", orphaned: { by: laptop, at } });
      expect(deviceOf(store, phone)?.verified).toBeUndefined();
      expect([phone, tablet, stranger].map((spki) => judged(store, spki))).toEqual(["key-changed", "verified", "verified"]);
      await store.vouch(juliet, romeo, { by: tablet, spki: phone });
      expect(deviceOf(store, phone)).not.toHaveProperty("orphaned");
      expect(judged(store, phone)).toBe("verified");
    });
  }

  it("revoked, a session that was decided before is not taken", async () => {
    const store = await withLaptop();
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    await store.revoke(juliet, romeo, laptop);
    expect(await codeOf(store.accepted(juliet, romeo, { spki: phone, decision: asVerified, streamed: true }))).toBe("key-changed");
  });

  it("revoked, what it had vouched for and was revoked stays revoked", async () => {
    const store = await withLaptop();
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    await store.revoke(juliet, romeo, phone);
    await store.revoke(juliet, romeo, laptop);
    expect(deviceOf(store, phone)?.status).toBe("revoked");
    expect(deviceOf(store, phone)).not.toHaveProperty("orphaned");
  });
});

describe("one of its own keys is refused by", () => {
  async function withThree(): Promise<TrustStore> {
    const store = await withLaptop();
    await store.setVerified(juliet, romeo, tablet, "fingerprint");
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    return store;
  }

  it.each([
    ["a directly verified device, another such", laptop, tablet],
    ["a directly verified device, itself", laptop, laptop],
    ["a directly verified device, one that it has vouched for", laptop, phone],
    ["a device that was vouched for, itself", phone, phone],
  ])("%s", async (_, by, spki) => {
    const store = await withThree();
    expect(await store.disown(juliet, romeo, { by, spki })).toMatchObject({ spki, status: "revoked", revoked: at });
    expect(judged(store, spki)).toBe("key-revoked");
  });

  it.each([
    ["a device that was vouched for, and not the one that has vouched", phone, laptop],
    ["one that is unknown, and not another", stranger, laptop],
    ["one that is unknown, and not itself", stranger, stranger],
    ["one that was refused before", key(9), laptop],
    ["one that was refused before, once more", key(9), key(9)],
  ])("%s: not-trusted", async (_, by, spki) => {
    const store = await withThree();
    await store.revoke(juliet, romeo, key(9));
    const before = store.show(juliet, romeo);
    expect(await codeOf(store.disown(juliet, romeo, { by, spki }))).toBe("not-trusted");
    expect(store.show(juliet, romeo)).toEqual(before);
  });

  it("none where the key is known as somebody else's", async () => {
    const store = await withThree();
    await store.setVerified(juliet, benvolio, phone, "qr");
    expect(await codeOf(store.disown(juliet, romeo, { by: laptop, spki: phone }))).toBe("statement-invalid");
    expect(judged(store, phone)).toBe("verified");
  });
});

describe("a key that is replaced by another", () => {
  it("hands on how it was verified, its name and those it vouched for, and is revoked", async () => {
    const store = await withLaptop();
    await store.label(juliet, romeo, laptop, "laptop");
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    await store.rotate(juliet, romeo, { from: laptop, to: tablet });
    expect(deviceOf(store, laptop)).toMatchObject({ status: "revoked", revoked: at, replacedBy: tablet });
    expect(deviceOf(store, tablet)).toEqual({ spki: tablet, label: "laptop", firstSeen: at, lastSeen: at, status: "verified", verified: { how: "qr", at }, replaces: laptop });
    expect([laptop, phone, tablet].map((spki) => judged(store, spki))).toEqual(["key-revoked", "verified", "verified"]);
    await store.revoke(juliet, romeo, tablet);
    expect(judged(store, phone)).toBe("key-changed");
  });

  it("stays under its voucher where it has one", async () => {
    const store = await withLaptop();
    await store.vouch(juliet, romeo, { by: laptop, spki: phone });
    await store.rotate(juliet, romeo, { from: phone, to: tablet });
    expect(deviceOf(store, tablet)?.verified).toEqual({ how: "vouched", at, by: laptop });
    await store.revoke(juliet, romeo, laptop);
    expect(judged(store, tablet)).toBe("key-changed");
  });

  it.each([
    ["was forgotten", tablet, stranger, "not-trusted"],
    ["is unknown", stranger, key(8), "not-trusted"],
    ["was replaced before", key(5), key(8), "not-trusted"],
    ["would be replaced by a revoked one", laptop, key(9), "key-revoked"],
    ["would be replaced by a known one", laptop, tablet, "invalid-argument"],
    ["would be replaced by itself", laptop, laptop, "invalid-argument"],
  ])("and %s changes nothing", async (_, from, to, code) => {
    const store = await withLaptop();
    await store.setVerified(juliet, romeo, key(5), "qr");
    await store.rotate(juliet, romeo, { from: key(5), to: key(6) });
    await store.revoke(juliet, romeo, key(9));
    await store.remove(juliet, romeo, key(6));
    if (to === tablet) await store.setVerified(juliet, romeo, tablet, "qr");
    if (from === tablet) await store.rotate(juliet, romeo, { from: laptop, to: tablet }).then(() => store.remove(juliet, romeo, tablet));
    const before = store.show(juliet, romeo);
    expect(await codeOf(store.rotate(juliet, romeo, { from, to }))).toBe(code);
    expect(store.show(juliet, romeo)).toEqual(before);
  });
});

describe("what the person wants of a peer", () => {
  it("goes before policy, outlasts a reset, and is taken back by undefined", async () => {
    const store = await TrustStore.inMemory();
    await store.require(juliet, romeo, "verified");
    expect(judged(store, laptop)).toBe("not-trusted");
    await store.reset(juliet, romeo);
    await store.remove(juliet, romeo);
    expect(store.show(juliet, romeo)).toEqual({ devices: [], everStreamed: false, tombstone: false, require: "verified" });
    await store.require(juliet, romeo, undefined);
    expect(store.show(juliet, romeo)).toBeUndefined();
    await store.accepted(juliet, romeo, use(1));
    await store.require(juliet, romeo, "encrypted");
    await store.require(juliet, romeo, undefined);
    expect(store.show(juliet, romeo)).not.toHaveProperty("require");
    expect(store.show(juliet, romeo)?.devices).toHaveLength(1);
  });

  it("does not let a key pass for verified that was so when it was decided and is not any more", async () => {
    const store = await withLaptop();
    await store.require(juliet, romeo, "encrypted");
    await store.reset(juliet, romeo);
    expect(await codeOf(store.accepted(juliet, romeo, { spki: laptop, decision: asVerified, streamed: true }))).toBe("not-trusted");
  });
});

it("whatever vouches, rotates, is revoked or removed, in whatever order: only what leads to a person's own verification is verified, and revoked never returns", async () => {
  const keys = [1, 2, 3, 4, 5].map(key);
  const steps = fc.array(fc.tuple(fc.constantFrom("verify", "vouch", "rotate", "revoke", "remove", "use"), fc.nat(4), fc.nat(4)), { maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const store = await TrustStore.inMemory();
      const roots = new Set<string>();
      const revoked = new Set<string>();
      for (const [deed, a, b] of list) {
        const [from, to] = [keys[a] as string, keys[b] as string];
        const done = {
          verify: () => store.setVerified(juliet, romeo, from, "qr"),
          vouch: () => store.vouch(juliet, romeo, { by: from, spki: to }),
          rotate: () => store.rotate(juliet, romeo, { from, to }),
          revoke: () => store.revoke(juliet, romeo, from),
          remove: () => store.remove(juliet, romeo, from),
          use: () => store.accepted(juliet, romeo, use(a + 1)),
        }[deed];
        if ((await codeOf(done())) !== "accepted") continue;
        if (deed === "verify") roots.add(from);
        if (deed === "rotate" && roots.has(from)) roots.add(to);
        if (deed === "revoke" || deed === "rotate") revoked.add(from);
        if (deed === "remove" || revoked.has(from)) roots.delete(from);
        for (const spki of keys) {
          const device = deviceOf(store, spki);
          const verdict = judged(store, spki);
          if (revoked.has(spki)) expect(verdict).toBe("key-revoked");
          if (verdict !== "verified") continue;
          const root = device?.verified?.how === "vouched" ? device.verified.by : spki;
          expect(roots.has(root as string)).toBe(true);
        }
      }
    }),
    { numRuns: 300 },
  );
});
