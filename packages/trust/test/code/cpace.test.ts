import { ristretto255 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatWithLengths, generator, generatorString, isShare, multiplied, prependLength, scalarOf, sessionKey, shareOf, tagOf } from "../../src/code/cpace.js";

const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replace(/\s/gu, ""), "hex"));
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const scalar = (text: string): bigint => scalarOf(unhex(text)) ?? 0n;

/** Values of draft-irtf-cfrg-cpace-21, Appendix B.3: ristretto255 with SHA-512. */
const draft = {
  secret: ascii("Password"),
  channel: unhex("0b415f696e69746961746f720b425f726573706f6e646572"),
  sid: unhex("7e4b4791d6a8ef019b936c79fb7f2c57"),
  g: "222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56",
  ya: "da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08",
  yb: "d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d",
  Ya: "d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157",
  Yb: "3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258",
  K: "80b69a8a76457ab6a4d7f887a4bf6b55a2f80ac19c333f917a05fc9887c8b40f",
  ISK: "b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447",
} as const;

describe("the draft's vectors", () => {
  it("of strings with their lengths", () => {
    expect(hex(concatWithLengths(ascii("1234"), ascii("5"), ascii(""), ascii("678")))).toBe("043132333401350003363738");
    expect(hex(prependLength(new Uint8Array(0)))).toBe("00");
    expect(hex(prependLength(Uint8Array.from({ length: 127 }, (_, index) => index)))?.slice(0, 6)).toBe("7f0001");
    expect(hex(prependLength(Uint8Array.from({ length: 128 }, (_, index) => index)))?.slice(0, 8)).toBe("80010001");
    expect(hex(prependLength(new Uint8Array(16_384)))?.slice(0, 8)).toBe("80800100");
  });

  it("of the generator", () => {
    const wanted = `11435061636552697374726574746f3235350850617373776f726464${"00".repeat(100)}180b415f696e69746961746f720b425f726573706f6e646572107e4b4791d6a8ef019b936c79fb7f2c57`;
    expect(hex(generatorString(draft))).toBe(wanted);
    expect(hex(generator(draft).toBytes())).toBe(draft.g);
  });

  it("of both shares and the point that they share", () => {
    const base = generator(draft);
    expect([hex(shareOf(scalar(draft.ya), base)), hex(shareOf(scalar(draft.yb), base))]).toEqual([draft.Ya, draft.Yb]);
    expect([hex(multiplied(scalar(draft.ya), unhex(draft.Yb))), hex(multiplied(scalar(draft.yb), unhex(draft.Ya)))]).toEqual([draft.K, draft.K]);
  });

  it("of the session key, initiator and responder", () => {
    const [a, b] = [
      { share: unhex(draft.Ya), data: ascii("ADa") },
      { share: unhex(draft.Yb), data: ascii("ADb") },
    ];
    expect(hex(sessionKey({ sid: draft.sid, point: unhex(draft.K), a, b }))).toBe(draft.ISK);
  });

  it("of multiplication, valid and invalid", () => {
    const s = scalar("7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40aea8d283e407d88cf538a05");
    expect(hex(multiplied(s, unhex("2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c")))).toBe("7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6b600e");
    expect(multiplied(s, unhex("2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c"))).toBeUndefined();
    expect(multiplied(s, new Uint8Array(32))).toBeUndefined();
  });
});

/** RFC 9496 Appendix A.2: encodings that must be refused. */
const refused: readonly (readonly [why: string, encoding: string])[] = [
  ["non-canonical", "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"],
  ["non-canonical", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["non-canonical", "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["non-canonical", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["negative", "0100000000000000000000000000000000000000000000000000000000000000"],
  ["negative", "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["negative", "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20"],
  ["non-square x²", "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"],
  ["negative xy", "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e"],
  ["s = −1, y = 0", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"],
  ["the neutral element", "00".repeat(32)],
  ["too short", "2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a5"],
  ["too long", "2c3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c00"],
  ["empty", ""],
];

it.each(refused)("no share: %s %s", (_, encoding) => {
  expect([isShare(unhex(encoding)), multiplied(5n, unhex(encoding))]).toEqual([false, undefined]);
});

it("whatever 32 bytes come, they are refused or the one encoding of an element", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      if (!isShare(bytes)) return;
      expect(hex(ristretto255.Point.fromBytes(bytes).toBytes())).toBe(hex(bytes));
    }),
  );
});

it("a scalar has 252 bits, and zero is none", () => {
  expect(scalarOf(new Uint8Array(32).fill(255))).toBe(2n ** 252n - 1n);
  expect(scalarOf(new Uint8Array(32))).toBeUndefined();
  expect(scalarOf(Uint8Array.from({ length: 32 }, (_, index) => (index === 31 ? 0xf0 : 0)))).toBeUndefined();
  expect(scalarOf(Uint8Array.of(1, 2, ...new Uint8Array(30)))).toBe(513n);
});

it("a tag is over what was sent, under the run's key: whatever differs, the tag does", () => {
  const sent = { share: unhex(draft.Ya), data: ascii("ADa") };
  const base = { sid: draft.sid, key: unhex(draft.ISK), sent };
  const other = [
    { ...base, sid: ascii("another") },
    { ...base, key: new Uint8Array(64) },
    { ...base, sent: { ...sent, share: unhex(draft.Yb) } },
    { ...base, sent: { ...sent, data: ascii("ADb") } },
  ];
  const tags = [base, ...other].map((input) => hex(tagOf(input)));
  expect([new Set(tags).size, tags[0]?.length]).toEqual([5, 128]);
});
