import { describe, expect, it } from "vitest";
import { decide, MAX_UNVERIFIED, type PeerView, TrustStore } from "../src/index.js";
import { asVerified, benvolio, codeOf, firstUse, handClock, juliet, key, nurse, romeo, use } from "./addresses.js";
import { julietIdentity, julietRenewed, romeoIdentity } from "./identities.js";

const decideFor = (view: PeerView, spki: string) => decide({ record: view.record, spki, otherOwners: view.otherOwners(spki), policy: { require: "encrypted" } });

describe("what a store remembers of a peer", () => {
  it("is nothing before a key is accepted", async () => {
    const store = await TrustStore.inMemory();
    expect(store.show(juliet, romeo)).toBeUndefined();
    expect(store.list(juliet)).toEqual([]);
  });

  it("is a key from its first use on", async () => {
    const store = await TrustStore.inMemory({ clock: handClock() });
    const device = await store.accepted(juliet, romeo, use(1));
    expect(device).toEqual({ spki: key(1), firstSeen: "2026-01-01T00:00:00.000Z", lastSeen: "2026-01-01T00:00:00.000Z", status: "unverified" });
    expect(store.show(juliet, romeo)).toEqual({ devices: [device], everStreamed: true, tombstone: false });
    expect(decideFor(store.view(juliet, romeo), key(1))).toMatchObject({ action: "accept", firstUse: false });
  });

  it("is its last use to within an hour, and never goes back with the clock", async () => {
    const clock = handClock();
    const store = await TrustStore.inMemory({ clock });
    await store.accepted(juliet, romeo, use(1));
    clock.move(3_599_999);
    expect(await store.accepted(juliet, romeo, use(1))).toMatchObject({ lastSeen: "2026-01-01T00:00:00.000Z" });
    clock.move(1);
    expect(await store.accepted(juliet, romeo, use(1))).toMatchObject({ firstSeen: "2026-01-01T00:00:00.000Z", lastSeen: "2026-01-01T01:00:00.000Z" });
    clock.move(-86_400_000);
    expect(await store.accepted(juliet, romeo, use(1))).toMatchObject({ lastSeen: "2026-01-01T01:00:00.000Z" });
  });

  it("holds an address to e2e streams only once it has spoken them, and for good", async () => {
    const store = await TrustStore.inMemory();
    await store.accepted(juliet, romeo, { ...use(1), streamed: false });
    expect(store.show(juliet, romeo)?.everStreamed).toBe(false);
    await store.accepted(juliet, romeo, use(1));
    await store.accepted(juliet, romeo, { ...use(1), streamed: false });
    await store.remove(juliet, romeo);
    expect(store.show(juliet, romeo)).toEqual({ devices: [], everStreamed: true, tombstone: false });
  });

  it("is forgotten whole when nothing of it binds", async () => {
    const store = await TrustStore.inMemory();
    await store.accepted(juliet, romeo, { ...use(1), streamed: false });
    await store.remove(juliet, romeo, key(1));
    expect(store.show(juliet, romeo)).toBeUndefined();
  });

  it("is kept apart by own account", async () => {
    const store = await TrustStore.inMemory();
    await store.setVerified(juliet, romeo, key(1), "fingerprint");
    expect(store.show(nurse, romeo)).toBeUndefined();
    expect(decideFor(store.view(nurse, romeo), key(1))).toMatchObject({ trust: "unverified", firstUse: true, alerts: [] });
    expect(store.list(nurse)).toEqual([]);
  });

  it("is listed by address", async () => {
    const store = await TrustStore.inMemory();
    for (const peer of [romeo, benvolio, nurse]) await store.accepted(juliet, peer, use(1));
    expect(store.list(juliet).map(({ peer }) => peer)).toEqual([benvolio, nurse, romeo]);
  });

  it("survives an address that is a name of JavaScript's own", async () => {
    const store = await TrustStore.inMemory();
    for (const peer of ["__proto__", "constructor"]) {
      expect(store.show(juliet, peer)).toBeUndefined();
      await store.accepted(juliet, peer, use(1));
      expect(store.show(juliet, peer)?.devices).toHaveLength(1);
    }
  });
});

describe("a verified address", () => {
  it("is verified in every later session with that key", async () => {
    const store = await TrustStore.inMemory({ clock: handClock() });
    await store.accepted(juliet, romeo, use(1));
    const device = await store.setVerified(juliet, romeo, key(1), "qr");
    expect(device).toMatchObject({ status: "verified", verified: { how: "qr", at: "2026-01-01T00:00:00.000Z" } });
    expect(decideFor(store.view(juliet, romeo), key(1))).toMatchObject({ action: "accept", trust: "verified" });
    expect(await store.accepted(juliet, romeo, use(1, asVerified))).toMatchObject({ status: "verified" });
  });

  it("can be verified before its key was ever seen", async () => {
    const store = await TrustStore.inMemory();
    await store.setVerified(juliet, romeo, key(1), "fingerprint");
    expect(decideFor(store.view(juliet, romeo), key(1))).toMatchObject({ action: "accept", trust: "verified" });
  });

  it("blocks an unknown key, and takes it once the person has verified it", async () => {
    const store = await TrustStore.inMemory();
    await store.setVerified(juliet, romeo, key(1), "fingerprint");
    expect(decideFor(store.view(juliet, romeo), key(2))).toMatchObject({ action: "block", code: "key-changed" });
    await store.setVerified(juliet, romeo, key(2), "fingerprint");
    expect(decideFor(store.view(juliet, romeo), key(2))).toMatchObject({ trust: "verified" });
  });

  const endings: Record<string, (store: TrustStore) => Promise<unknown>> = {
    "its key is removed": (store) => store.remove(juliet, romeo, key(1)),
    "all of it is removed": (store) => store.remove(juliet, romeo),
    "its key is revoked": (store) => store.revoke(juliet, romeo, key(1)),
    "its key is revoked, then all of it is removed": async (store) => {
      await store.revoke(juliet, romeo, key(1));
      await store.remove(juliet, romeo);
    },
  };
  for (const [name, end] of Object.entries(endings)) {
    it(`never returns to first use when ${name}`, async () => {
      const store = await TrustStore.inMemory();
      await store.setVerified(juliet, romeo, key(1), "fingerprint");
      await end(store);
      expect(decideFor(store.view(juliet, romeo), key(2))).toMatchObject({ action: "block", code: "key-changed" });
      expect(await codeOf(store.accepted(juliet, romeo, use(2)))).toBe("key-changed");
      expect(decideFor(store.view(juliet, romeo), key(1))).toMatchObject({ action: "block" });
    });
  }

  it("returns to first use when the person resets it", async () => {
    const store = await TrustStore.inMemory();
    await store.setVerified(juliet, romeo, key(1), "fingerprint");
    await store.reset(juliet, romeo);
    expect(store.show(juliet, romeo)).toBeUndefined();
    expect(decideFor(store.view(juliet, romeo), key(2))).toMatchObject({ action: "accept", trust: "unverified", firstUse: true });
  });
});

describe("a revoked key", () => {
  it("comes back by nothing: not by use, verification, removal or reset", async () => {
    const store = await TrustStore.inMemory();
    await store.setVerified(juliet, romeo, key(1), "fingerprint");
    await store.revoke(juliet, romeo, key(1));
    expect(await codeOf(store.accepted(juliet, romeo, use(1, asVerified)))).toBe("key-revoked");
    expect(await codeOf(store.setVerified(juliet, romeo, key(1), "qr"))).toBe("key-revoked");
    expect(await codeOf(store.remove(juliet, romeo, key(1)))).toBe("key-revoked");
    await store.remove(juliet, romeo);
    await store.reset(juliet, romeo);
    await store.reset(juliet, romeo);
    expect(store.show(juliet, romeo)?.devices).toMatchObject([{ spki: key(1), status: "revoked", verified: { how: "fingerprint" } }]);
    expect(await codeOf(store.accepted(juliet, romeo, use(1)))).toBe("key-revoked");
  });

  it("is blocked though it was never seen", async () => {
    const store = await TrustStore.inMemory();
    await store.revoke(juliet, romeo, key(1));
    expect(await codeOf(store.accepted(juliet, romeo, use(1)))).toBe("key-revoked");
  });

  it("is blocked under every other address, and for every other account", async () => {
    const store = await TrustStore.inMemory();
    await store.revoke(juliet, romeo, key(1));
    for (const [account, peer] of [
      [juliet, benvolio],
      [nurse, benvolio],
      [nurse, romeo],
    ] as const) {
      expect(decideFor(store.view(account, peer), key(1))).toMatchObject({ action: "block", code: "key-revoked" });
      expect(await codeOf(store.accepted(account, peer, use(1)))).toBe("key-revoked");
    }
  });

  it("is revoked once: a second time changes no date", async () => {
    const clock = handClock();
    const store = await TrustStore.inMemory({ clock });
    const device = await store.revoke(juliet, romeo, key(1));
    clock.move(86_400_000);
    expect(await store.revoke(juliet, romeo, key(1))).toEqual(device);
  });

  it("that is revoked once more after a reset blocks unknown keys again", async () => {
    const store = await TrustStore.inMemory();
    await store.revoke(juliet, romeo, key(1));
    await store.reset(juliet, romeo);
    await store.revoke(juliet, romeo, key(1));
    expect(decideFor(store.view(juliet, romeo), key(2))).toMatchObject({ action: "block", code: "key-changed" });
  });
});

describe("the same key under another address", () => {
  it("is an alert, from whichever own account it is known", async () => {
    const store = await TrustStore.inMemory();
    await store.accepted(juliet, benvolio, use(1));
    await store.setVerified(nurse, "mercutio@verona.lit", key(1), "qr");
    const owners = [
      { peer: benvolio, status: "unverified" },
      { peer: "mercutio@verona.lit", status: "verified" },
    ];
    expect(decideFor(store.view(juliet, romeo), key(1))).toMatchObject({ action: "accept", firstUse: true, alerts: [{ kind: "same-key", owners }] });
  });

  it("is no alert where it is the same person's, known from another own account", async () => {
    const store = await TrustStore.inMemory();
    await store.accepted(nurse, romeo, use(1));
    expect(store.view(juliet, romeo).otherOwners(key(1))).toEqual([]);
  });
});

describe("a decision that is no longer true when it is recorded", () => {
  const meanwhile: Record<
    string,
    { readonly before: (store: TrustStore) => Promise<unknown>; readonly after: (store: TrustStore) => Promise<unknown>; readonly decision: typeof firstUse; readonly code: string }
  > = {
    "the key was revoked": { before: (s) => s.accepted(juliet, romeo, use(1)), after: (s) => s.revoke(juliet, romeo, key(1)), decision: firstUse, code: "key-revoked" },
    "it was revoked for another address": { before: async () => undefined, after: (s) => s.revoke(juliet, benvolio, key(1)), decision: firstUse, code: "key-revoked" },
    "another key was verified": { before: async () => undefined, after: (s) => s.setVerified(juliet, romeo, key(2), "qr"), decision: firstUse, code: "key-changed" },
    "the verified key was removed": { before: (s) => s.setVerified(juliet, romeo, key(1), "qr"), after: (s) => s.remove(juliet, romeo), decision: asVerified, code: "key-changed" },
    "the address was reset": { before: (s) => s.setVerified(juliet, romeo, key(1), "qr"), after: (s) => s.reset(juliet, romeo), decision: asVerified, code: "not-trusted" },
  };
  for (const [name, { before, after, decision, code }] of Object.entries(meanwhile)) {
    it(`is refused: ${name} → ${code}`, async () => {
      const store = await TrustStore.inMemory();
      await before(store);
      await after(store);
      const known = store.show(juliet, romeo);
      expect(await codeOf(store.accepted(juliet, romeo, use(1, decision)))).toBe(code);
      expect(store.show(juliet, romeo)).toEqual(known);
    });
  }

  it("is refused where 32 other keys came first", async () => {
    const store = await TrustStore.inMemory();
    await Promise.all(Array.from({ length: MAX_UNVERIFIED }, (_, index) => store.accepted(juliet, romeo, use(index))));
    expect(await codeOf(store.accepted(juliet, romeo, use(99)))).toBe("too-many-devices");
    expect(store.show(juliet, romeo)?.devices).toHaveLength(MAX_UNVERIFIED);
  });
});

describe("a label", () => {
  it("names a key and is taken away again", async () => {
    const store = await TrustStore.inMemory();
    await store.accepted(juliet, romeo, use(1));
    expect(await store.label(juliet, romeo, key(1), "his balcony 🌹")).toMatchObject({ label: "his balcony 🌹" });
    expect(await store.accepted(juliet, romeo, use(1))).toMatchObject({ label: "his balcony 🌹" });
    expect(await store.label(juliet, romeo, key(1), undefined)).not.toHaveProperty("label");
  });

  for (const label of ["", "x".repeat(101), "a\u001b[31mb", "a\nb", "a\u202eb", "a\u200bb", "a\u2028b", "\u0000"]) {
    it(`${JSON.stringify(label)} is refused`, async () => {
      const store = await TrustStore.inMemory();
      await store.accepted(juliet, romeo, use(1));
      expect(await codeOf(store.label(juliet, romeo, key(1), label))).toBe("invalid-argument");
    });
  }

  it("is refused for a key that is not known", async () => {
    const store = await TrustStore.inMemory();
    expect(await codeOf(store.label(juliet, romeo, key(1), "his"))).toBe("invalid-argument");
    expect(await codeOf(store.remove(juliet, romeo, key(1)))).toBe("invalid-argument");
  });
});

describe("what cannot be meant", () => {
  for (const address of ["", "romeo@montague.lit/orchard", "Romeo@montague.lit", "romeo @montague.lit", "romeo@montague.lit\n", `${"x".repeat(2042)}@a.lit`, "a\u0000b"]) {
    it(`is the address ${JSON.stringify(address.slice(0, 30))}: invalid-jid`, async () => {
      const store = await TrustStore.inMemory();
      expect(await codeOf(() => store.view(juliet, address))).toBe("invalid-jid");
      expect(await codeOf(() => store.view(address, romeo))).toBe("invalid-jid");
      expect(await codeOf(() => store.list(address))).toBe("invalid-jid");
      expect(await codeOf(store.accepted(juliet, address, use(1)))).toBe("invalid-jid");
      expect(await codeOf(store.identity(address, async () => julietIdentity))).toBe("invalid-jid");
      expect(await codeOf(store.replaceCertificate(address, julietRenewed))).toBe("invalid-jid");
    });
  }

  for (const spki of ["", "ab", "AB".repeat(32), "ab".repeat(33), `${"ab".repeat(31)}g0`, `${"ab".repeat(32)}\n`]) {
    it(`is the key ${JSON.stringify(spki)}: invalid-argument`, async () => {
      const store = await TrustStore.inMemory();
      expect(await codeOf(store.setVerified(juliet, romeo, spki, "fingerprint"))).toBe("invalid-argument");
      expect(await codeOf(store.revoke(juliet, romeo, spki))).toBe("invalid-argument");
      expect(await codeOf(store.remove(juliet, romeo, spki))).toBe("invalid-argument");
      expect(await codeOf(store.accepted(juliet, romeo, { ...use(1), spki }))).not.toBe("accepted");
      expect(store.list(juliet)).toEqual([]);
    });
  }
});

describe("the own identity", () => {
  it("is made once for each account, however many ask at once", async () => {
    const store = await TrustStore.inMemory();
    let made = 0;
    const make = async () => {
      made++;
      return julietIdentity;
    };
    expect(await Promise.all([store.identity(juliet, make), store.identity(juliet, make), store.identity(juliet, make)])).toEqual([julietIdentity, julietIdentity, julietIdentity]);
    expect(made).toBe(1);
    expect(await store.identity(nurse, async () => romeoIdentity)).toEqual(romeoIdentity);
  });

  it("is asked for again where making it failed", async () => {
    const store = await TrustStore.inMemory();
    await expect(store.identity(juliet, () => Promise.reject(new Error("no entropy")))).rejects.toThrow("no entropy");
    expect(await store.identity(juliet, async () => julietIdentity)).toEqual(julietIdentity);
  });

  it("keeps its key when its certificate is renewed", async () => {
    const store = await TrustStore.inMemory();
    await store.identity(juliet, async () => julietIdentity);
    expect(await store.replaceCertificate(juliet, julietRenewed)).toEqual({ ...julietIdentity, certificate: julietRenewed });
    expect(await codeOf(store.replaceCertificate(nurse, julietRenewed))).toBe("invalid-argument");
  });

  for (const [name, identity] of Object.entries({
    "a certificate that is no PEM": { ...julietIdentity, certificate: "MII" },
    "a key that is no PKCS #8": { ...julietIdentity, privateKey: "-----BEGIN EC PRIVATE KEY-----" },
  })) {
    it(`is refused with ${name}`, async () => {
      const store = await TrustStore.inMemory();
      expect(await codeOf(store.identity(juliet, async () => identity))).toBe("invalid-argument");
    });
  }
});

describe("a closed store", () => {
  it("finishes what was begun, then refuses everything", async () => {
    const store = await TrustStore.inMemory();
    const begun = store.accepted(juliet, romeo, use(1));
    await store.close();
    await store.close();
    expect(await codeOf(begun)).toBe("accepted");
    expect(await codeOf(() => store.view(juliet, romeo))).toBe("closed");
    expect(await codeOf(() => store.list(juliet))).toBe("closed");
    expect(await codeOf(() => store.refresh())).toBe("closed");
    expect(await codeOf(() => store.setVerified(juliet, romeo, key(1), "qr"))).toBe("closed");
    expect(await codeOf(() => store.identity(juliet, async () => julietIdentity))).toBe("closed");
  });
});
