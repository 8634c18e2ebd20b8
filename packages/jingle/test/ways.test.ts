import { describe, expect, it } from "vitest";
import { ways } from "../src/ways.js";

const s5b = { namespace: "s5b", reaches: ["direct", "relayed"] } as const;
const ice = { namespace: "ice", reaches: ["direct"] } as const;
const webrtc = { namespace: "webrtc", reaches: ["direct", "relayed"] } as const;
const ibb = { namespace: "ibb", reaches: ["relayed"] } as const;
const other = { namespace: "other" } as const;

const told = (found: ReturnType<typeof ways>): string[] => found.map(({ namespace, reach }) => (reach ? `${namespace} ${reach}` : namespace));

describe("the order of what is tried", () => {
  it.each([
    ["direct before relayed, the server last", [s5b, ice, webrtc, ibb], ["s5b direct", "ice", "webrtc direct", "s5b relayed", "webrtc relayed", "ibb"]],
    ["one attempt where nothing would come between its halves", [s5b, ibb], ["s5b", "ibb"]],
    ["so too where it is the last of the direct ones", [ice, webrtc, ibb], ["ice", "webrtc", "ibb"]],
    ["the order that was asked for, within each half", [webrtc, s5b, ibb], ["webrtc direct", "s5b direct", "webrtc relayed", "s5b relayed", "ibb"]],
    ["what says nothing of itself, once, in its place", [other, s5b, ibb], ["other", "s5b", "ibb"]],
    ["a relayed one waits, wherever it stands", [ibb, ice], ["ice", "ibb"]],
    ["nothing of nothing", [], []],
  ] as const)("%s", (_, transports, expected) => {
    expect(told(ways(transports, "any"))).toEqual(expected);
  });

  it.each(["direct", "relayed"] as const)("each once where only %s paths are wanted, which every transport sees to itself", (paths) => {
    expect(told(ways([s5b, ice, webrtc, ibb], paths))).toEqual(["s5b", "ice", "webrtc", "ibb"]);
  });
});
