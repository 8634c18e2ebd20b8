import { createCipheriv, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { advanced, counterOctets, opposite } from "../src/counter.js";
import { Direction } from "../src/direction.js";
import { type Compatibility, deployed, strict } from "../src/index.js";
import { nodeCrypto } from "../src/node/crypto.js";

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
const keys = () => ({ cipher: new Uint8Array(16).fill(7), mac: new Uint8Array(32).fill(9) });
/** By node:crypto alone: what each of the texts says. */
const ctr = (counter: string, octets: number): Buffer => createCipheriv("aes-128-ctr", keys().cipher, bytes(counter)).update(Buffer.alloc(octets));
const hmac = (counter: string, covered = "<data>x</data>"): string => createHmac("sha256", keys().mac).update(covered).update(bytes(counter)).digest("hex");

/** Leading zeros, and a carry over two octets with the second block. */
const START = "0000000000000000000000000000fffe";
const at = (blocks: number): string => `000000000000000000000000${(0xfffe + blocks).toString(16).padStart(8, "0")}`;
const minimal = (counter: string): string => counter.replace(/^(00)+/, "");

describe("what one direction makes of octets", () => {
  it("by the letter: the counter as it stands is the first block's, and a partial block counts as one", () => {
    const direction = new Direction(nodeCrypto, strict, keys(), bytes(START));
    expect(hex(direction.macOfNext()("<data>x</data>"))).toBe(hmac(minimal(START)));
    expect(hex(direction.apply(new Uint8Array(5)))).toBe(hex(ctr(START, 5)));
    expect(direction.blocks).toBe(1);
    expect(hex(direction.macOfNext()("<data>x</data>"))).toBe(hmac(minimal(at(1))));
    expect(hex(direction.apply(new Uint8Array(20)))).toBe(hex(ctr(at(1), 20)));
    expect(direction.blocks).toBe(3);
    expect(direction.apply(undefined)).toBeUndefined(); // a stanza without content: one block all the same
    expect(direction.blocks).toBe(4);
    expect(hex(direction.apply(new Uint8Array(16)))).toBe(hex(ctr(at(4), 16)));
    expect(hex(direction.macOfNext()("<data>x</data>"))).toBe(hmac(minimal(at(5))));
  });

  it("as deployed: the counter moves on before each block, and what is left of one goes on in the next message", () => {
    const direction = new Direction(nodeCrypto, deployed, keys(), bytes(START));
    const all = ctr(at(1), 48);
    expect(hex(direction.macOfNext()("<data>x</data>"))).toBe(hmac(START));
    expect(hex(direction.apply(new Uint8Array(5)))).toBe(hex(all.subarray(0, 5)));
    expect(hex(direction.macOfNext()("<data>x</data>"))).toBe(hmac(at(1)));
    expect(hex(direction.apply(new Uint8Array(27)))).toBe(hex(all.subarray(5, 32)));
    expect(direction.blocks).toBe(2);
    expect(hex(direction.apply(new Uint8Array(16)))).toBe(hex(all.subarray(32)));
    expect([direction.blocks, hex(direction.macOfNext()("<data>x</data>"))]).toEqual([3, hmac(at(3))]);
  });

  it("a new key begins a keystream of its own where the counter stands; the very same goes on", () => {
    const own = keys();
    const direction = new Direction(nodeCrypto, deployed, own, bytes(START));
    direction.apply(new Uint8Array(5));
    direction.rekey(own);
    expect(hex(direction.apply(new Uint8Array(11)))).toBe(hex(ctr(at(1), 16).subarray(5)));
    expect(direction.blocks).toBe(1);
    direction.apply(new Uint8Array(5));
    direction.rekey(keys());
    expect([direction.blocks, hex(direction.apply(new Uint8Array(32)))]).toEqual([0, hex(ctr(at(3), 32))]);
    expect([direction.blocks, hex(direction.macOfNext()("<data>x</data>"))]).toEqual([2, hmac(at(4))]);
  });

  it.each<[Compatibility, readonly boolean[]]>([
    [deployed, [true, true]],
    [strict, [true, false]],
    [{ ...strict, stanzaMacCounter: "padded" }, [false, true]],
    [{ ...strict, eitherMacCounter: true }, [true, true]],
  ])("takes a MAC over the counter in the forms that the setting knows (%#)", (compatibility, taken) => {
    const direction = new Direction(nodeCrypto, compatibility, keys(), bytes(START));
    const verify = (mac: string) => direction.verify(bytes(mac), "<data>x</data>", keys());
    expect([minimal(START), START].map((counter) => verify(hmac(counter)))).toEqual(taken);
    expect(verify(hmac(at(1)))).toBe(false);
    expect(direction.verify(bytes(hmac(START)), "<data>y</data>", keys())).toBe(false);
    expect(direction.verify(bytes(hmac(START)), "<data>x</data>", { ...keys(), mac: new Uint8Array(32) })).toBe(false);
  });

  it("is no more once its keys are destroyed", () => {
    const own = keys();
    const direction = new Direction(nodeCrypto, strict, own, bytes(START));
    direction.wipe();
    expect([hex(own.cipher), hex(own.mac)]).toEqual(["00".repeat(16), "00".repeat(32)]);
    expect(() => direction.apply(new Uint8Array(1))).toThrow("destroyed");
  });
});

describe("a block counter", () => {
  it.each([
    ["00000000000000000000000000000000", 1, "00000000000000000000000000000001"],
    ["000000000000000000000000000000ff", 1, "00000000000000000000000000000100"],
    ["00ffffffffffffffffffffffffffffff", 1, "01000000000000000000000000000000"],
    ["ffffffffffffffffffffffffffffffff", 1, "00000000000000000000000000000000"],
    ["ffffffffffffffffffffffffffffffff", 258, "00000000000000000000000000000101"],
    ["0000000000000000000000000000ff01", 0x01_02_03, "00000000000000000000000000020104"],
    ["a0000000000000000000000000000000", 0, "a0000000000000000000000000000000"],
  ])("%s moved on by %s blocks is %s", (from, blocks, to) => {
    const counter = bytes(from);
    expect([hex(advanced(counter, blocks)), hex(counter)]).toEqual([to, from]);
  });

  it("of the other side is this one's with its first bit turned; in a MAC it may be without leading zeros", () => {
    expect([hex(opposite(bytes("01ff"))), hex(opposite(bytes("81ff")))]).toEqual(["81ff", "01ff"]);
    expect([hex(counterOctets(bytes("0001ff"), "minimal")), hex(counterOctets(bytes("0001ff"), "padded"))]).toEqual(["01ff", `${"00".repeat(14)}01ff`]);
  });
});
