import { describe, expect, it } from "vitest";
import { type Device, MOST_REPLACEMENTS, type PeerRecord, predecessorOf, type Statement, TrustStore } from "../src/index.js";
import { juliet, key, romeo } from "./addresses.js";

const at = "2026-01-01T00:00:00.000Z";
const now = Date.parse(at);
const rotation = (from: number, to: number, changes: Partial<Statement> = {}): Statement => ({
  kind: "rotate",
  owner: romeo,
  signer: romeo,
  by: key(from),
  subject: key(to),
  at,
  ...changes,
});
const device = (n: number, status: Device["status"] = "verified"): Device => ({ spki: key(n), firstSeen: at, lastSeen: at, status });
const knowing = (...devices: readonly Device[]): PeerRecord => ({ devices, everStreamed: true, tombstone: true });
const chain = (length: number): readonly Statement[] => Array.from({ length }, (_, n) => rotation(n, n + 1));

describe("the key that was there before", () => {
  it.each<[what: string, statements: readonly Statement[], record: PeerRecord | undefined, shown: number, gives: number | undefined]>([
    ["signed this one", [rotation(0, 1)], knowing(device(0)), 1, 0],
    ["is some steps back", chain(3), knowing(device(0)), 3, 0],
    ["is as many steps back as are followed", chain(MOST_REPLACEMENTS), knowing(device(0)), MOST_REPLACEMENTS, 0],
    ["is one step too far back", chain(MOST_REPLACEMENTS + 1), knowing(device(0)), MOST_REPLACEMENTS + 1, undefined],
    ["is the last that is known", chain(3), knowing(device(0), device(2)), 3, 2],
    ["is the last that is known, verified or not", chain(3), knowing(device(0), device(2, "unverified")), 3, 2],
    ["was revoked", [rotation(0, 1)], knowing(device(0, "revoked")), 1, undefined],
    ["was revoked on the way", chain(3), knowing(device(0), device(2, "revoked")), 3, undefined],
    ["is none that is known", chain(3), knowing(device(9)), 3, undefined],
    ["nobody knows, as nobody was met", [rotation(0, 1)], undefined, 1, undefined],
    ["has signed another key", [rotation(0, 2)], knowing(device(0)), 1, undefined],
    ["is missing a step", [rotation(0, 1), rotation(2, 3)], knowing(device(0)), 3, undefined],
    ["goes round in a circle", [rotation(1, 2), rotation(2, 1)], knowing(device(0)), 1, undefined],
    ["vouches, and rotates not", [rotation(0, 1, { kind: "vouch" })], knowing(device(0)), 1, undefined],
    ["revokes, and rotates not", [rotation(0, 1, { kind: "revoke" })], knowing(device(0)), 1, undefined],
    ["is somebody else's, of whom it is said", [rotation(0, 1, { owner: juliet })], knowing(device(0)), 1, undefined],
    ["is said of by somebody else", [rotation(0, 1, { signer: juliet })], knowing(device(0)), 1, undefined],
    ["said it to one person alone", [rotation(0, 1, { audience: juliet })], knowing(device(0)), 1, undefined],
    ["said it long ago", [rotation(0, 1, { at: "2020-01-01T00:00:00.000Z" })], knowing(device(0)), 1, 0],
    ["said it with a clock that is a day ahead", [rotation(0, 1, { at: "2026-01-02T00:00:00.000Z" })], knowing(device(0)), 1, 0],
    ["said it in the future", [rotation(0, 1, { at: "2026-01-02T00:00:00.001Z" })], knowing(device(0)), 1, undefined],
    ["said it at no time", [rotation(0, 1, { at: "yesterday" })], knowing(device(0)), 1, undefined],
  ])("%s", (_, statements, record, shown, gives) => {
    expect(predecessorOf(statements, { owner: romeo, spki: key(shown), record, now })).toBe(gives === undefined ? undefined : key(gives));
  });
});

describe("a key that takes the place of a verified one", () => {
  it("is kept as verified as that one was, which is revoked; and not twice", async () => {
    const store = await TrustStore.inMemory({ clock: () => now });
    await store.setVerified(juliet, romeo, key(0), "qr");
    const decision = { action: "accept", trust: "verified", verification: { how: "qr", at }, firstUse: false, replaces: key(0), alerts: [] } as const;
    for (let time = 0; time < 2; time++) {
      expect(await store.accepted(juliet, romeo, { spki: key(1), decision, streamed: true })).toMatchObject({ status: "verified", verified: { how: "qr" }, replaces: key(0) });
    }
    expect(store.show(juliet, romeo)?.devices).toMatchObject([{ spki: key(0), status: "revoked", replacedBy: key(1) }, { spki: key(1) }]);
  });

  it("is not once that one was revoked meanwhile", async () => {
    const store = await TrustStore.inMemory({ clock: () => now });
    await store.setVerified(juliet, romeo, key(0), "qr");
    await store.revoke(juliet, romeo, key(0));
    const decision = { action: "accept", trust: "verified", firstUse: false, replaces: key(0), alerts: [] } as const;
    await expect(store.accepted(juliet, romeo, { spki: key(1), decision, streamed: true })).rejects.toMatchObject({ code: "key-changed" });
  });
});
