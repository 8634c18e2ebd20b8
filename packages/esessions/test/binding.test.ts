import { hkdfSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bindingOf } from "../src/binding.js";
import { nodeCrypto } from "../src/node/index.js";
import { sessionPair } from "./pair.js";

const [keyA, keyB, keyM] = ["alice", "bob", "mallory"].map((name) => Buffer.from(`the key of ${name}`)) as [Buffer, Buffer, Buffer];
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("the binding of a session to the devices at its ends", () => {
  it("is the same on both sides, and another with any other key", async () => {
    const { a, b } = await sessionPair();
    const [ours, theirs] = [a.bind({ own: keyA, peer: keyB }), b.bind({ own: keyB, peer: keyA })];
    expect(theirs).toEqual(ours);
    expect(hex(ours.signed.initiator)).not.toBe(hex(ours.signed.responder));
    const { a: a2, b: b2 } = await sessionPair();
    const [third, fourth] = [a2.bind({ own: keyA, peer: keyM }), b2.bind({ own: keyB, peer: keyA })];
    expect(hex(third.ctx)).not.toBe(hex(fourth.ctx));
    expect(hex(third.ekm)).not.toBe(hex(fourth.ekm));
  });

  it("can be had once, and not with our own key", async () => {
    const { a, b } = await sessionPair();
    expect(() => a.bind({ own: keyA, peer: keyA })).toThrow(expect.objectContaining({ code: "reflection" }));
    a.bind({ own: keyA, peer: keyB });
    expect(() => a.bind({ own: keyA, peer: keyB })).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    await b.close();
    expect(() => b.bind({ own: keyB, peer: keyA })).toThrow(expect.objectContaining({ code: "closed" }));
  });

  it("covers every field of the transcript, and its key material is HKDF's", () => {
    const octets = (value: number) => new Uint8Array(4).fill(value);
    const base = {
      initiator: "a@x",
      responder: "b@y",
      thread: "t",
      transcript: {
        forms: ["1", "2", "3", "4"] as readonly [string, string, string, string],
        e: octets(1),
        d: octets(2),
        nonceA: octets(3),
        nonceB: octets(4),
        counterA: octets(5),
      },
      spkiInitiator: keyA,
      spkiResponder: keyB,
    };
    const secret = octets(9);
    const seen = new Set<string>();
    const { transcript } = base;
    const variants = [
      base,
      { ...base, initiator: "c@x" },
      { ...base, responder: "c@x" },
      { ...base, thread: "u" },
      { ...base, spkiInitiator: keyM },
      { ...base, spkiResponder: keyM },
      ...[0, 1, 2, 3].map((index) => ({
        ...base,
        transcript: { ...transcript, forms: transcript.forms.map((form, at) => (at === index ? "x" : form)) as unknown as typeof transcript.forms },
      })),
      ...(["e", "d", "nonceA", "nonceB", "counterA"] as const).map((name) => ({ ...base, transcript: { ...transcript, [name]: octets(7) } })),
    ];
    for (const variant of variants) seen.add(hex(bindingOf(nodeCrypto, secret, variant).ctx));
    expect(seen.size).toBe(variants.length);
    const { ctx, ekm } = bindingOf(nodeCrypto, secret, base);
    expect(hex(ekm)).toBe(hex(new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), Buffer.concat([Buffer.from("balcony-es-ekm-1"), ctx]), 32))));
  });
});
