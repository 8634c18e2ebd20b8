import { describe, expect, it } from "vitest";
import { compareFingerprint, fingerprintUri, parseFingerprint, TrustStore } from "../src/index.js";
import { charged, deviceOf, disowned, givenBack, labelled, type PeerRecord, removed, required, reset, revoked, rotated, seen, verified, vouched } from "../src/record.js";
import { asVerified, benvolio, firstUse, handClock, juliet, key, romeo, use } from "./addresses.js";
import { julietIdentity } from "./identities.js";

const at = "2026-01-01T00:00:00.000Z";
const later = "2026-01-01T01:00:00.000Z";
const normalize = (address: string): string => {
  if (address === "@") throw new Error("no address");
  return address.toLowerCase();
};
const parse = (text: string) => parseFingerprint(text, { normalize });
const laptop = verified(undefined, { spki: key(1), how: "qr", at });
const lost = revoked(laptop, { spki: key(2), at });

/** What a person reads when something is refused: which rule it is, in which step, and what they can do. */
async function refusal(work: () => unknown): Promise<Record<string, unknown>> {
  try {
    await work();
  } catch (error) {
    const { code, hint, message, peer, phase } = error as Record<string, unknown>;
    return { code, hint, message, peer, phase };
  }
  throw new Error("It was not refused.");
}
const saying = (words: string): unknown => expect.stringContaining(words);

describe("what a person reads when a key is refused", () => {
  it.each<[what: string, work: () => unknown, read: Record<string, unknown>]>([
    [
      "a voucher that is not verified",
      () => vouched(undefined, { spki: key(2), by: key(1), at }),
      { code: "not-trusted", phase: "trust", message: saying("verified directly vouches") },
    ],
    [
      "a predecessor that is not verified",
      () => rotated(undefined, { from: key(1), to: key(2), at }),
      { code: "not-trusted", phase: "trust", message: saying("Only a verified key is replaced") },
    ],
    ["a successor that was revoked", () => rotated(lost, { from: key(1), to: key(2), at }), { code: "key-revoked", phase: "trust", message: saying("takes no other's place") }],
    ["a successor that is known", () => rotated(laptop, { from: key(1), to: key(1), at }), { code: "invalid-argument", phase: "trust", message: saying("not known before") }],
    [
      "one who is not verified disowning",
      () => disowned(undefined, { spki: key(1), by: key(1), at }),
      { code: "not-trusted", phase: "trust", message: saying("has another refused") },
    ],
    ["removing what was revoked", () => removed(lost, { spki: key(2), at }), { code: "key-revoked", phase: "trust", message: saying("cannot come back as a new one") }],
    ["verifying what was revoked", () => verified(lost, { spki: key(2), how: "qr", at }), { code: "key-revoked", phase: "trust", message: saying("cannot be verified again") }],
    ["removing what is not known", () => removed(laptop, { spki: key(3), at }), { code: "invalid-argument", phase: "trust", message: saying(key(3)) }],
    [
      "a fourth guess",
      () => charged({ devices: [], everStreamed: false, tombstone: false, guesses: [at, at, at] }, at),
      { code: "guesses-spent", phase: "trust", message: saying("3 verifications with this address"), hint: saying("Somebody may be between you") },
    ],
  ])("%s", async (_, work, read) => {
    expect(await refusal(work)).toMatchObject(read);
  });

  it.each<[code: string, make: (store: TrustStore) => Promise<unknown>, message: string]>([
    ["key-changed", async (store) => await store.setVerified(juliet, romeo, key(1), "qr"), "verified with another key"],
    ["key-revoked", async (store) => await store.revoke(juliet, romeo, key(2)), "This key was revoked"],
    [
      "too-many-devices",
      async (store) => {
        for (let index = 10; index < 42; index++) await store.accepted(juliet, romeo, use(index));
      },
      "more unverified keys than are kept",
    ],
  ])("%s by the time a stream stands", async (code, make, message) => {
    const store = await TrustStore.inMemory();
    await make(store);
    expect(await refusal(() => store.accepted(juliet, romeo, { ...use(2), decision: firstUse }))).toMatchObject({ code, phase: "trust", peer: romeo, message: saying(message) });
  });

  it("not-trusted by the time a stream stands, where it was taken as verified; one that was taken as any is not held to that", async () => {
    const store = await TrustStore.inMemory();
    const asked = () => store.accepted(juliet, romeo, { spki: key(1), decision: asVerified, streamed: true });
    expect(await refusal(asked)).toMatchObject({ code: "not-trusted", phase: "trust", message: saying("not verified any more") });
    await store.accepted(juliet, romeo, use(1));
    expect(await refusal(asked)).toMatchObject({ code: "not-trusted" });
    expect(await store.accepted(juliet, romeo, use(1))).toMatchObject({ status: "unverified" });
  });

  it("a key that is somebody else's", async () => {
    const store = await TrustStore.inMemory();
    await store.setVerified(juliet, romeo, key(1), "qr");
    await store.accepted(juliet, benvolio, use(2));
    expect(await refusal(() => store.vouch(juliet, romeo, { by: key(1), spki: key(2) }))).toMatchObject({
      code: "statement-invalid",
      phase: "trust",
      peer: romeo,
      message: saying(benvolio),
    });
    await store.accepted(juliet, romeo, use(2)).catch(() => undefined);
    expect(await store.disown(juliet, romeo, { by: key(1), spki: key(2) })).toBeUndefined();
    expect(store.show(juliet, benvolio)?.devices).toMatchObject([{ status: "unverified" }]);
  });

  it("another device of our own that is not verified here", async () => {
    const store = await TrustStore.inMemory();
    for (const work of [store.importVerified, store.importRevoked]) {
      expect(await refusal(() => work.call(store, juliet, romeo, { by: key(1), spki: key(2) }))).toMatchObject({
        code: "not-trusted",
        phase: "trust",
        message: saying(juliet),
        hint: saying("balcony identity"),
      });
    }
    await store.setVerified(juliet, juliet, key(1), "qr");
    expect(await store.importVerified(juliet, romeo, { by: key(1), spki: key(2) })).toMatchObject({ verified: { how: "imported" } });
    await store.setVerified(juliet, romeo, key(3), "symbols");
    expect(await store.importVerified(juliet, romeo, { by: key(1), spki: key(3) })).toMatchObject({ verified: { how: "symbols" } });
    expect(await store.importRevoked(juliet, romeo, { by: key(1), spki: key(3) })).toMatchObject({ status: "revoked" });
    expect(await refusal(() => store.importVerified(juliet, romeo, { by: key(1), spki: key(3) }))).toMatchObject({ code: "key-revoked" });
  });
});

describe("what whoever calls the store wrongly reads", () => {
  it.each<[what: string, work: (store: TrustStore) => unknown, read: Record<string, unknown>]>([
    ["no key", (store) => store.revoke(juliet, romeo, "12"), { code: "invalid-argument", message: saying("64 lower-case hex digits") }],
    ["a label that controls the screen", (store) => store.label(juliet, romeo, key(1), "\u202e"), { code: "invalid-argument", message: saying("1 to 100 characters") }],
    [
      "a certificate for nobody",
      (store) => store.replaceCertificate(juliet, "x"),
      { code: "invalid-argument", phase: "store", message: saying(`${juliet} has no certificate yet`) },
    ],
    [
      "a certificate that is none",
      (store) => store.identity(juliet, () => Promise.resolve({ ...julietIdentity, certificate: "x" })),
      { code: "invalid-argument", message: saying("certificate is not PEM") },
    ],
    [
      "a key that is none",
      (store) => store.identity(juliet, () => Promise.resolve({ ...julietIdentity, privateKey: "x" })),
      { code: "invalid-argument", message: saying("not PKCS #8") },
    ],
    ["no address", (store) => store.show(juliet, "Romeo"), { code: "invalid-jid", message: saying('"Romeo" is no bare address') }],
    ["an address of 2,048 characters", (store) => store.show(juliet, "r".repeat(2048)), { code: "invalid-jid" }],
  ])("%s", async (_, work, read) => {
    const store = await TrustStore.inMemory();
    expect(await refusal(async () => await work(store))).toMatchObject(read);
  });

  it("that it is closed; and an address of 2,047 characters is none too many", async () => {
    const store = await TrustStore.inMemory();
    expect(store.show(juliet, "r".repeat(2047))).toBeUndefined();
    expect(await store.close()).toBeUndefined();
    expect(await refusal(async () => store.show(juliet, romeo))).toMatchObject({ code: "closed", phase: "store", message: saying("is closed") });
  });
});

describe("what a person reads of a fingerprint that cannot be used", () => {
  const spki = "0123456789abcdef".repeat(4);
  const uri = fingerprintUri(juliet, spki);
  const words = `${"abandon ".repeat(23)}art`;

  it.each<[what: string, text: string, code: string, message: string]>([
    ["too short", spki.slice(1), "invalid-argument", "64 hex digits, 24 words or an xmpp: URI are wanted, and all of them"],
    ["25 words", `${words} art`, "invalid-argument", "64 hex digits, 24 words or an xmpp: URI are wanted"],
    ["words behind something", `1 ${words}`, "invalid-argument", "64 hex digits, 24 words or an xmpp: URI are wanted"],
    ["words before something", `${words} 1`, "invalid-argument", "64 hex digits, 24 words or an xmpp: URI are wanted"],
    ["a wrong word", words.replace("art", "abandon"), "invalid-argument", "one of the words is wrong"],
    ["a URI behind something", `see ${uri}`, "invalid-argument", "64 hex digits, 24 words or an xmpp: URI are wanted"],
    ["a URI without an address", uri.replace(juliet, ""), "invalid-argument", "the URI has no bare address, or nothing behind it"],
    ["a URI with two", `${uri};spki=${spki}`, "invalid-argument", "the URI holds no fingerprint, or more than one"],
    ["a URI with half of one", uri.slice(0, -1), "invalid-argument", "the URI's fingerprint is not 64 hex digits"],
    ["a URI whose address is none", uri.replace(juliet, "@"), "invalid-jid", `An address in the URI is none: "@".`],
    ["a URI with a resource", uri.replace(juliet, `${juliet}%2Fbalcony`), "invalid-jid", "the URI names a resource"],
  ])("%s", async (_, text, code, message) => {
    const read = await refusal(() => parse(text));
    expect(read).toMatchObject({ code, phase: "trust", message: saying(message) });
    if (code === "invalid-argument") expect(read).toMatchObject({ message: saying("That is no whole fingerprint"), hint: saying("from its first to its last character") });
  });

  it("is what shows one, too", async () => {
    expect(await refusal(() => fingerprintUri(juliet, "12"))).toMatchObject({ message: saying("64 lower-case hex digits are wanted") });
  });

  it("and one that is longer or shorter than the key's is another", () => {
    for (const other of [`${spki}0`, spki.slice(1), ""]) expect(compareFingerprint({ spki, how: "fingerprint" }, { peer: juliet, spki: other })).toBe("different");
  });
});

describe("a record that an event does not change is the very same", () => {
  it("what is required already, what is revoked already, and a use within the hour", () => {
    const asked = required(laptop, "verified") as PeerRecord;
    expect(required(asked, "verified")).toBe(asked);
    expect(required(laptop, undefined)).toBe(laptop);
    expect(revoked(lost, { spki: key(2), at: later })).toBe(lost);
    const used = seen(laptop, { spki: key(1), at, streamed: true });
    expect(seen(used, { spki: key(1), at, streamed: true })).toBe(used);
    expect(disowned(laptop, { spki: key(9), by: key(1), at })).toBe(laptop);
  });

  it("what a person wants of a peer is all that keeps its record, or goes with it", () => {
    const stranger: PeerRecord = { devices: [], everStreamed: false, tombstone: false };
    expect(required({ ...stranger, require: "verified" }, undefined)).toBeUndefined();
    for (const kept of [{ everStreamed: true }, { tombstone: true }, { guesses: [at] }])
      expect(required({ ...stranger, ...kept, require: "verified" }, undefined)).toEqual({ ...stranger, ...kept });
  });
});

describe("a guess", () => {
  const guesses = (record: PeerRecord | undefined) => record?.guesses;

  it("is dated no earlier than any before it, whatever order they stand in", () => {
    const ahead = charged({ devices: [], everStreamed: false, tombstone: false, guesses: [later] }, at);
    expect(guesses(ahead)).toEqual([later, later]);
    expect(guesses(charged(charged(undefined, at), later))).toEqual([at, later]);
    expect(guesses(charged({ devices: [], everStreamed: false, tombstone: false, guesses: [later, at] }, at))).toEqual([later, at, later]);
  });

  it("that is given back leaves nothing behind but those before it", () => {
    const one = charged(undefined, at);
    expect(givenBack(one)).not.toHaveProperty("guesses");
    expect(guesses(givenBack(charged(one, later)))).toEqual([at]);
    expect(givenBack(laptop)).toEqual(laptop);
  });

  it("outlasts a reset, with nothing else but what the person wants", () => {
    expect(reset(undefined)).toBeUndefined();
    expect(reset(charged(laptop, at))).toEqual({ devices: [], everStreamed: false, tombstone: false, guesses: [at] });
    expect(reset({ ...laptop, require: "verified" })).toEqual({ devices: [], everStreamed: false, tombstone: false, require: "verified" });
  });
});

it("a successor has a name only where its predecessor had one", () => {
  const named = rotated(labelled(laptop, { spki: key(1), label: "laptop" }), { from: key(1), to: key(2), at });
  expect(deviceOf(named, key(2))).toHaveProperty("label", "laptop");
  expect(deviceOf(rotated(laptop, { from: key(1), to: key(2), at }), key(2))).not.toHaveProperty("label");
});

it("a key vouches for 32 others at a time, and again for one more once one of them is gone", async () => {
  const store = await TrustStore.inMemory({ clock: handClock() });
  await store.setVerified(juliet, romeo, key(1), "qr");
  for (let index = 100; index < 132; index++) await store.vouch(juliet, romeo, { by: key(1), spki: key(index) });
  const once = () => store.vouch(juliet, romeo, { by: key(1), spki: key(132) });
  expect(await refusal(once)).toMatchObject({ code: "too-many-devices", phase: "trust", message: saying("32 others") });
  await store.vouch(juliet, romeo, { by: key(1), spki: key(100) });
  await store.disown(juliet, romeo, { by: key(1), spki: key(100) });
  expect(await once()).toMatchObject({ status: "verified" });
});
