import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { looksLikeStun, readStun, writeCheck, writeError, writeSuccess } from "../src/stun.js";

const password = "thePasswordOfThePeer+22";
const check = fc.record({
  username: fc.stringMatching(/^[A-Za-z0-9+/]{4,32}:[A-Za-z0-9+/]{4,32}$/),
  priority: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  controlling: fc.boolean(),
  tieBreaker: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  nominate: fc.boolean(),
});

describe("STUN messages", () => {
  it("of ours say what they were made of, and are ours by their integrity alone", () => {
    fc.assert(
      fc.property(check, (given) => {
        const { bytes, transaction } = writeCheck({ ...given, password });
        const read = readStun(bytes);
        expect(read).toMatchObject({ kind: "request", transaction, username: given.username, priority: given.priority, useCandidate: given.nominate, unknown: [] });
        expect([read?.controlling, read?.controlled]).toEqual(given.controlling ? [given.tieBreaker, undefined] : [undefined, given.tieBreaker]);
        expect([read?.isFrom(password), read?.isFrom(`${password}x`)]).toEqual([true, false]);
      }),
    );
  });

  it("of which one bit is another, up to the fingerprint, are nobody's", () => {
    fc.assert(
      fc.property(check, fc.nat(), fc.integer({ min: 0, max: 7 }), (given, at, bit) => {
        const bytes = Buffer.from(writeCheck({ ...given, password }).bytes);
        const place = at % (bytes.length - 8); // nothing of what is behind the integrity is believed
        bytes[place] = (bytes[place] as number) ^ (1 << bit);
        const read = readStun(bytes);
        expect(read === undefined || !read.isFrom(password)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("that are cut short, or go on, are none", () => {
    fc.assert(
      fc.property(check, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 40 }), (given, at, more) => {
        const { bytes } = writeCheck({ ...given, password });
        expect(readStun(bytes.subarray(0, at % bytes.length))).toBeUndefined();
        expect(readStun(Buffer.concat([bytes, more]))).toBeUndefined();
      }),
    );
  });

  it("made of anything at all are read or not, and nothing is thrown", () => {
    const header = fc.tuple(fc.constantFrom(0x0001, 0x0011, 0x0101, 0x0111, 0x0003), fc.uint8Array({ minLength: 12, maxLength: 12 }));
    const attribute = fc.tuple(
      fc.oneof(fc.constantFrom(6, 8, 9, 0x20, 0x24, 0x25, 0x8028, 0x8029, 0x802a), fc.nat({ max: 0xffff })),
      fc.uint8Array({ maxLength: 40 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(header, fc.array(attribute, { maxLength: 8 }), ([type, id], attributes) => {
        const body = Buffer.concat(
          attributes.map(([kind, value, honest]) => {
            const bytes = Buffer.alloc(4 + value.length + (-value.length & 3));
            bytes.writeUInt16BE(kind, 0);
            bytes.writeUInt16BE(honest ? value.length : value.length * 3, 2);
            bytes.set(value, 4);
            return bytes;
          }),
        );
        const head = Buffer.alloc(20);
        head.writeUInt16BE(type, 0);
        head.writeUInt16BE(body.length, 2);
        head.writeUInt32BE(0x2112a442, 4);
        head.set(id, 8);
        const message = Buffer.concat([head, body]);
        expect(looksLikeStun(message)).toBe(true);
        expect(readStun(message)?.isFrom(password) ?? false).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it("of ours that answer are read as what they are", () => {
    const id = "00".repeat(12);
    expect(readStun(writeSuccess(id, { ip: "192.0.2.7", port: 5000 }, password))).toMatchObject({ kind: "success", mapped: { ip: "192.0.2.7", port: 5000 } });
    expect(readStun(writeSuccess(id, { ip: "2001:db8::7", port: 1 }, password))).toMatchObject({ mapped: { ip: "2001:db8::7", port: 1 } });
    expect(readStun(writeError(id, 487, { password }))).toMatchObject({ kind: "error", errorCode: 487 });
  });
});
