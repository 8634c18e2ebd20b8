import { Buffer } from "node:buffer";
import { BalconyError } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readEncrypted } from "../src/encrypted-content.js";
import { type Compatibility, type Crypto, deployed, strict } from "../src/index.js";
import { nodeCrypto } from "../src/node/crypto.js";
import { fromBase64 } from "../src/octets.js";
import { StanzaCipher } from "../src/stanza-cipher.js";
import { cipherPair, establishedPair, prepared, smallPower } from "./cipher-pair.js";

function receive(cipher: StanzaCipher, c: Element): string | undefined {
  const { plaintext, rekey } = cipher.open(readEncrypted(c));
  if (rekey) cipher.accept(smallPower(rekey.base, rekey.exponent));
  return plaintext === undefined ? undefined : Buffer.from(plaintext).toString().trimEnd();
}

function sealed(cipher: StanzaCipher, content: string | undefined, rekey = false): Element {
  const c = cipher.seal(content, rekey ? prepared(cipher) : undefined);
  if (!c) throw new Error("a re-key prepared just now is void");
  return c;
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return "accepted";
  } catch (error) {
    return error instanceof BalconyError ? error.code : String(error);
  }
}

const settings: readonly Compatibility[] = [deployed, strict, { ...strict, macKey: "128-bit" }];

/** One step of either side: send (re-keying or not, with content or not), or take the oldest stanza under way. */
const step = fc.record({
  side: fc.constantFrom("alice", "bob"),
  act: fc.constantFrom("send", "rekey", "empty", "take", "take", "take"),
  text: fc.string({ unit: "binary", maxLength: 40 }),
});

describe("stanza encryption (XEP-0200)", () => {
  it.each(settings)("delivers what was sent, in order, under any interleaving of stanzas and re-keys in both directions ($name, $macKey)", (compatibility) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const pair = cipherPair({ compatibility });
        const wires: Record<string, { c: Element; text: string | undefined }[]> = { alice: [], bob: [] };
        const take = (side: "alice" | "bob") => {
          const next = wires[side]?.shift();
          if (next) expect(receive(pair[side], next.c)).toBe(next.text);
        };
        for (const { side, act, text } of steps as { side: "alice" | "bob"; act: string; text: string }[]) {
          if (act === "take") take(side);
          else if (act === "send" || pair[side].mayRekey) {
            const content = act === "empty" ? undefined : text.trimEnd();
            wires[side === "alice" ? "bob" : "alice"]?.push({ c: sealed(pair[side], content, act !== "send"), text: content || undefined });
          }
        }
        for (const side of ["alice", "bob"] as const) while ((wires[side]?.length ?? 0) > 0) take(side);
      }),
      { numRuns: 300 },
    );
  });

  it.each(settings)("empty content moves the counter on, too: it cannot be played again ($name, $macKey)", (compatibility) => {
    const { alice, bob } = cipherPair({ compatibility });
    const c = sealed(alice, "");
    expect([receive(bob, c), codeOf(() => receive(bob, c))]).toEqual([undefined, "stanza-unverified"]);
    expect(receive(bob, sealed(alice, "x"))).toBe("x");
  });

  it.each(settings)("says when a key has encrypted as much as it may, and a new one has all before it again ($name, $macKey)", (compatibility) => {
    const alice = new StanzaCipher(nodeCrypto, establishedPair({ compatibility }).alice, 3);
    const after = ["x".repeat(16), "x".repeat(16), undefined].map((content) => {
      sealed(alice, content);
      return alice.exhausted;
    });
    expect(after).toEqual([false, false, true]);
    sealed(alice, undefined, true);
    expect(alice.exhausted).toBe(false);
  });

  it("pads octets, not characters", () => {
    const { alice, bob } = cipherPair();
    const c = sealed(alice, "<body>Grüße</body>");
    expect((fromBase64(c.getChildText("data") ?? "") ?? []).length % 16).toBe(0);
    expect(receive(bob, c)).toBe("<body>Grüße</body>");
  });

  it("publishes old MAC keys, and never one that either side still uses", () => {
    const published = new Set<string>();
    let misused = 0;
    const watching: Crypto = {
      ...nodeCrypto,
      hmac: (key, data) => {
        if (published.has(Buffer.from(key).toString("base64"))) misused++;
        return nodeCrypto.hmac(key, data);
      },
    };
    const { alice, bob } = cipherPair({ crypto: watching });
    const wires = { alice: [] as Element[], bob: [] as Element[] };
    // Crossing re-keys, stanzas of several rounds under way at once.
    for (let round = 0; round < 60; round++) {
      wires.bob.push(sealed(alice, "x", round % 3 === 0 && alice.mayRekey));
      wires.alice.push(sealed(bob, "y", round % 4 === 0 && bob.mayRekey));
      for (const [name, cipher] of [["alice", alice] as const, ["bob", bob] as const]) {
        for (const c of wires[name].splice(0, round % 5 === 4 ? 5 : round % 2)) {
          receive(cipher, c);
          for (const old of c.getChildren("old")) published.add(old.getText());
        }
      }
    }
    expect(published.size).toBeGreaterThan(10);
    expect(misused).toBe(0);
  });

  it("publishes the MAC keys of both directions once nobody can use them any more, and no sooner", () => {
    const { alice: a, bob: b } = establishedPair();
    const key = (octets: Uint8Array) => Buffer.from(octets).toString("base64");
    const [sending, receiving] = [key(a.sending.mac), key(a.receiving.mac)];
    const [alice, bob] = [new StanzaCipher(nodeCrypto, a), new StanzaCipher(nodeCrypto, b)];
    const olds = (c: Element) => c.getChildren("old").map((old) => old.getText());
    const [rekeying, next] = [sealed(alice, "1", true), sealed(alice, "2")];
    expect([olds(rekeying), olds(next)]).toEqual([[], []]); // Bob may not have seen it
    receive(bob, rekeying);
    const answer = sealed(bob, "3");
    expect([answer.getChildText("new"), olds(answer)]).toEqual(["1", [sending]]); // what Alice sent under it has all come
    receive(alice, answer);
    const published = sealed(alice, "4");
    expect(olds(published).sort()).toEqual([sending, receiving].sort());
    expect(olds(sealed(alice, "5"))).toEqual([]); // once
    receive(bob, next);
    expect(olds(sealed(bob, "6"))).toEqual([]);
    receive(bob, published);
    expect(olds(sealed(bob, "7"))).toEqual([]); // his own sending key was replaced by her re-key, and he has sent none that she might not have
  });

  it("begins no more re-keys than eight that the peer has not been heard to have seen", () => {
    const { alice, bob } = cipherPair();
    const sent: Element[] = [];
    while (alice.mayRekey && sent.length < 20) sent.push(sealed(alice, "x", true));
    expect(sent.length).toBe(8);
    for (const c of sent) receive(bob, c);
    receive(alice, sealed(bob, "y"));
    expect([alice.mayRekey, alice.exhausted]).toEqual([true, false]);
    expect(receive(bob, sealed(alice, "z", true))).toBe("z");
  });

  it("publishes no more than sixteen old keys in one stanza, and the rest in the next", () => {
    const { alice, bob } = cipherPair();
    const counts: number[] = [];
    for (let round = 0; round < 10; round++) {
      receive(bob, sealed(alice, "x", true));
      receive(bob, sealed(alice, "x", true));
    }
    for (let turn = 0; turn < 3; turn++) counts.push(sealed(bob, "y").getChildren("old").length);
    expect(counts).toEqual([16, 4, 0]);
  });

  it("says of itself what went wrong, and in which phase", () => {
    const { alice, bob } = cipherPair();
    const c = readEncrypted(sealed(alice, "x", true));
    expect(() => bob.open({ ...c, seen: 7 })).toThrow(expect.objectContaining({ phase: "session", message: expect.stringContaining("altered, lost, doubled") }));
    bob.open(c);
    expect(() => bob.open(c)).toThrow(expect.objectContaining({ code: "internal", message: expect.stringContaining("before the re-key") }));
    const { alice: other, bob: there } = cipherPair();
    const weak = other.seal("x", { ...prepared(other), publicValue: Uint8Array.of(1) });
    expect(() => there.open(readEncrypted(weak as Element))).toThrow(expect.objectContaining({ phase: "session", message: expect.stringContaining("out of range") }));
  });

  it("pads to whole blocks where the setting has it, and not at all where it has not", () => {
    const lengths = (compatibility: Compatibility) =>
      ["x", "x".repeat(16), "x".repeat(17)].map((text) => fromBase64(sealed(cipherPair({ compatibility }).alice, text).getChildText("data") ?? "")?.length);
    expect([lengths(deployed), lengths(strict)]).toEqual([
      [16, 16, 32],
      [1, 16, 17],
    ]);
  });

  it("destroys every key and exponent, those of re-keys under way too", () => {
    const { alice: a } = establishedPair();
    const alice = new StanzaCipher(nodeCrypto, a);
    const rekey = prepared(alice);
    alice.seal("x", rekey);
    alice.wipe();
    const left = [a.sending.cipher, a.sending.mac, a.receiving.cipher, a.receiving.mac, a.exponent, rekey.exponent].map((secret) => secret.some((octet) => octet !== 0));
    expect(left).toEqual([false, false, false, false, false, false]);
  });

  it("a re-key computed before the peer's arrived is void", () => {
    const { alice, bob } = cipherPair();
    const early = prepared(alice);
    receive(alice, sealed(bob, "x", true));
    expect(alice.seal("y", early)).toBeUndefined();
    expect(receive(bob, sealed(alice, "y", true))).toBe("y");
  });

  it("a stanza whose MAC is wrong changes nothing: the right one is still taken", () => {
    const { alice, bob } = cipherPair();
    const c = readEncrypted(sealed(alice, "one"));
    expect(codeOf(() => bob.open({ ...c, mac: c.mac.map((octet) => octet ^ 1) }))).toBe("stanza-unverified");
    expect(codeOf(() => bob.open({ ...c, covered: c.covered.replace("data", "Data") }))).toBe("stanza-unverified");
    expect(codeOf(() => bob.open({ ...c, seen: 1 }))).toBe("stanza-unverified");
    expect(
      Buffer.from(bob.open(c).plaintext ?? [])
        .toString()
        .trimEnd(),
    ).toBe("one");
  });

  it.each(settings)("refuses what was lost, doubled or put out of order ($name, $macKey)", (compatibility) => {
    const { alice, bob } = cipherPair({ compatibility });
    const [one, two, three] = [sealed(alice, "1"), sealed(alice, "2"), sealed(alice, "3")];
    expect(codeOf(() => receive(bob, two))).toBe("stanza-unverified");
    expect(receive(bob, one)).toBe("1");
    expect(codeOf(() => receive(bob, one))).toBe("stanza-unverified");
    expect(codeOf(() => receive(bob, three))).toBe("stanza-unverified");
  });

  it.each([0n, 1n, 2n ** 61n - 2n, 2n ** 61n - 1n])("refuses a re-key with e = %s", (value) => {
    const { alice, bob } = cipherPair();
    const digits = value.toString(16);
    const publicValue = Uint8Array.from([0, ...Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex")]);
    const c = alice.seal("x", { ...prepared(alice), publicValue: value === 0n ? Uint8Array.of(0) : publicValue });
    if (!c) throw new Error("void");
    expect(codeOf(() => receive(bob, c))).toBe(value === 0n ? "stanza-malformed" : "rekey-invalid");
  });

  it("nothing is sealed or opened once the keys are destroyed", () => {
    const { alice, bob } = cipherPair();
    const c = sealed(alice, "x");
    bob.wipe();
    expect(codeOf(() => receive(bob, c))).toBe("stanza-unverified");
    expect(() => bob.seal("y")).toThrow("destroyed");
  });
});
