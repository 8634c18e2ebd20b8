import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type KeyFile, newKeys, type Protection, readKeys, renderKeys } from "../src/file/key-file.js";
import { newPassphraseKeys } from "../src/file/passphrase.js";
import { readTrust, renderTrust } from "../src/file/trust-file.js";
import type { PeerRecord } from "../src/index.js";
import { juliet, key, romeo } from "./addresses.js";
import { julietIdentity } from "./identities.js";

const at = "2026-01-01T00:00:00.000Z";
const macKey = new Uint8Array(32).fill(7);
const record: PeerRecord = {
  devices: [
    { spki: key(1), label: 'his "balcony" é 🌹', firstSeen: at, lastSeen: at, status: "verified", verified: { how: "qr", at } },
    { spki: key(2), firstSeen: at, lastSeen: at, status: "revoked", revoked: at },
    { spki: key(3), firstSeen: at, lastSeen: at, status: "unverified", differed: at },
    { spki: key(4), firstSeen: at, lastSeen: at, status: "verified", verified: { how: "vouched", at, by: key(1) }, replaces: key(5) },
    { spki: key(5), firstSeen: at, lastSeen: at, status: "revoked", verified: { how: "vouched", at, by: key(1) }, revoked: at, replacedBy: key(4) },
    { spki: key(7), firstSeen: at, lastSeen: at, status: "verified", verified: { how: "openpgp", at, openpgp: "0123456789ABCDEF".repeat(4) } },
    { spki: key(6), firstSeen: at, lastSeen: at, status: "unverified", orphaned: { by: key(2), at } },
    { spki: key(8), firstSeen: at, lastSeen: at, status: "unverified", key: "MIIBIjAN" },
  ],
  everStreamed: true,
  tombstone: true,
  require: "verified",
  guesses: [at, "2026-01-02T00:00:00.000Z"],
  codes: [{ hash: key(9), at }],
  openpgp: [{ fingerprint: "89AB".repeat(10), key: "mDMEaAAA", at }],
};
const trust = { generation: 4, peers: new Map([[juliet, new Map([[romeo, record]])]]) };
const octets = (value: number) => Buffer.alloc(16, value);
const keys: KeyFile = {
  ...newKeys(),
  generation: 4,
  identities: new Map([[juliet, { ...julietIdentity, openpgp: "xA0DAQgW" }]]),
  sealing: new Map([
    [juliet, { rsa: "-----BEGIN PRIVATE KEY-----", away: [{ nonce: octets(1), exponents: [[14, octets(2)]], expires: 7, seen: [octets(3)] }] }],
    [romeo, {}],
  ]),
};

const codeOf = (read: () => unknown): string => {
  try {
    read();
    return "accepted";
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
};

const files: Record<string, { render: () => string; read: (text: string) => unknown; same: unknown }> = {
  "trust.json": { render: () => renderTrust(trust, macKey), read: (text) => readTrust(text, macKey), same: trust },
  "keys.json in the clear": { render: () => renderKeys(keys, "file"), read: (text) => readKeys(text, "file"), same: { ...keys, macKey: Buffer.from(keys.macKey) } },
  "keys.json under a passphrase": { render: () => renderKeys(keys, sealed), read: (text) => readKeys(text, sealed), same: { ...keys, macKey: Buffer.from(keys.macKey) } },
};
let sealed: Protection;
beforeAll(async () => {
  sealed = await newPassphraseKeys("wherefore");
});

for (const [name, { render, read, same }] of Object.entries(files)) {
  describe(name, () => {
    it("is read as it was written", () => {
      expect(read(render())).toEqual(same);
    });

    it("is store-corrupt when it is cut at any byte", () => {
      const bytes = Buffer.from(render());
      const whole = bytes.length - (name.includes("passphrase") ? 1 : 0); // without its last line end, what is sealed is still whole
      for (let length = 0; length < whole; length++)
        expect(
          codeOf(() => read(bytes.subarray(0, length).toString("utf8"))),
          `cut at ${length}`,
        ).toBe("store-corrupt");
    });

    it("is refused when any byte is another, unless it says the same", () => {
      const bytes = Buffer.from(render());
      const told = new Set<string>();
      for (let index = 0; index < bytes.length; index++) {
        for (const flip of [0x01, 0x20]) {
          const changed = Buffer.from(bytes);
          changed.writeUInt8((changed[index] ?? 0) ^ flip, index);
          const text = changed.toString("utf8");
          const code = codeOf(() => read(text));
          told.add(code);
          if (code === "accepted") expect(read(text), `byte ${index}`).toEqual(same);
        }
      }
      if (!name.includes("passphrase")) expect(told).not.toContain("accepted");
      for (const code of told) expect(["store-corrupt", "store-tampered", "store-version", "accepted"]).toContain(code);
    });

    it("is store-corrupt when it is anything else", () => {
      fc.assert(
        fc.property(
          fc.oneof(
            fc.string(),
            fc.json(),
            fc.string().map((rest) => render().slice(0, 50) + rest),
          ),
          (text) => {
            expect(codeOf(() => read(text))).toMatch(/^store-(?:corrupt|tampered)$/u);
          },
        ),
      );
    });
  });
}

describe("what no Balcony writes, though its MAC be right", () => {
  const unverified = record.devices[2];
  const wrong: Record<string, unknown> = {
    "a record that is none": 1,
    "a record without devices": { everStreamed: true, tombstone: true },
    "devices that are no list": { ...record, devices: {} },
    "a word for everStreamed": { ...record, everStreamed: "yes" },
    "guesses that are no list": { ...record, guesses: 3 },
    "a field more": { ...record, wishes: 3 },
    "a guess that is no date": { ...record, guesses: ["yesterday"] },
    "codes that are no list": { ...record, codes: {} },
    "a code without its date": { ...record, codes: [{ hash: key(9) }] },
    "a code that is no hash": { ...record, codes: [{ hash: "ridge-lemon-4020", at }] },
    "a code of no date": { ...record, codes: [{ hash: key(9), at: "yesterday" }] },
    "OpenPGP keys that are no list": { ...record, openpgp: {} },
    "an OpenPGP key of a fingerprint that is none": { ...record, openpgp: [{ fingerprint: "89ab".repeat(10), key: "mDME", at }] },
    "an OpenPGP key that is not in base64": { ...record, openpgp: [{ fingerprint: "89AB".repeat(10), key: "mDM", at }] },
    "an OpenPGP key of no date": { ...record, openpgp: [{ fingerprint: "89AB".repeat(10), key: "mDME", at: "yesterday" }] },
    "verified by OpenPGP, and by which key not said": { ...record, devices: [{ ...unverified, differed: undefined, status: "verified", verified: { how: "openpgp", at } }] },
    "verified otherwise, and by which OpenPGP key": {
      ...record,
      devices: [{ ...unverified, differed: undefined, status: "verified", verified: { how: "qr", at, openpgp: "89AB".repeat(10) } }],
    },
    "differed at no date": { ...record, devices: [{ ...unverified, differed: "yesterday" }] },
    "orphaned at no date": { ...record, devices: [{ ...unverified, orphaned: { by: key(2), at: "yesterday" } }] },
    "orphaned by what is no key": { ...record, devices: [{ ...unverified, orphaned: { by: "laptop", at } }] },
    "a key itself that is not in base64": { ...record, devices: [{ ...unverified, key: "MII" }] },
    "in place of what is no key": { ...record, devices: [{ ...unverified, replaces: "laptop" }] },
    "replaced by what is no key": { ...record, devices: [{ ...record.devices[1], replacedBy: "laptop" }] },
    "a verified key without a tombstone": { ...record, tombstone: false },
    "a key twice": { ...record, devices: [unverified, unverified] },
    "a key in upper case": { ...record, devices: [{ ...unverified, spki: "AB".repeat(32) }] },
    "a status of its own": { ...record, devices: [{ ...unverified, status: "trusted" }] },
    "verified without saying how": { ...record, devices: [{ ...unverified, status: "verified" }] },
    "verified in a way of its own": { ...record, devices: [{ ...unverified, status: "verified", verified: { how: "magic", at } }] },
    "unverified, and how it was verified": { ...record, devices: [{ ...unverified, verified: { how: "qr", at } }] },
    "revoked without saying when": { ...record, devices: [{ ...unverified, status: "revoked" }] },
    "unverified, and when it was revoked": { ...record, devices: [{ ...unverified, revoked: at }] },
    "a date that is none": { ...record, devices: [{ ...unverified, lastSeen: "yesterday" }] },
    "a date in another form": { ...record, devices: [{ ...unverified, lastSeen: "2026-01-01" }] },
    "vouched for, and by whom not said": { ...record, devices: [{ ...unverified, status: "verified", verified: { how: "vouched", at } }] },
    "vouched for by a key that is not there": { ...record, devices: [{ ...unverified, status: "verified", verified: { how: "vouched", at, by: key(9) } }] },
    "vouched for by a key that is itself vouched for": {
      ...record,
      devices: [record.devices[0], record.devices[3], { ...unverified, status: "verified", verified: { how: "vouched", at, by: key(4) } }],
    },
    "vouched for by what is no key": { ...record, devices: [record.devices[0], { ...unverified, status: "verified", verified: { how: "vouched", at, by: "laptop" } }] },
    "verified directly, and by whom": { ...record, devices: [record.devices[0], { ...unverified, status: "verified", verified: { how: "qr", at, by: key(1) } }] },
    "verified and orphaned": { ...record, devices: [{ ...record.devices[0], orphaned: { by: key(2), at } }] },
    "revoked and orphaned": { ...record, devices: [{ ...record.devices[1], orphaned: { by: key(2), at } }] },
    "replaced, and still in use": { ...record, devices: [{ ...unverified, replacedBy: key(1) }] },
    "a wish of its own for the peer": { ...record, require: "plaintext" },
    "a label that is no text": { ...record, devices: [{ ...unverified, label: 7 }] },
  };
  for (const [name, broken] of Object.entries(wrong)) {
    it(`is store-corrupt: ${name}`, () => {
      const text = renderTrust({ generation: 1, peers: new Map([[juliet, new Map([[romeo, broken as PeerRecord]])]]) }, macKey);
      expect(codeOf(() => readTrust(text, macKey))).toBe("store-corrupt");
    });
  }

  for (const generation of [-1, 1.5, 2 ** 60, "4", null]) {
    it(`is store-corrupt: generation ${JSON.stringify(generation)}`, () => {
      expect(codeOf(() => readTrust(renderTrust({ ...trust, generation: generation as number }, macKey), macKey))).toBe("store-corrupt");
    });
  }
});
