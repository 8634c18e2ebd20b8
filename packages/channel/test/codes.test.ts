import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BalconyError, codes, type ErrorCode, stanzaError } from "../src/index.js";

const source = readFileSync(new URL("../src/codes.ts", import.meta.url), "utf8");

describe("error codes", () => {
  it("stand there once each, in words joined by hyphens", () => {
    const written = [...source.matchAll(/^ {2}"?([a-z0-9-]+)"?: "/gm)].map(([, code]) => code);
    expect(new Set(written).size).toBe(written.length);
    expect(written.toSorted()).toEqual(Object.keys(codes).toSorted());
    for (const code of written) expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it("each say something to a person, and no two the same", () => {
    const texts = Object.values(codes);
    expect(new Set(texts).size).toBe(texts.length);
    for (const text of texts) expect(text).toMatch(/^[A-Z<].{10,}\.$/);
  });
});

describe("a BalconyError", () => {
  it("keeps what it was given, and no `cause` where there is none", () => {
    const cause = new Error("below");
    const error = new BalconyError("tls-failed", "The handshake failed.", { phase: "starttls", peer: "romeo@montague.lit", hint: "Try again.", cause, condition: "x" });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "BalconyError",
      code: "tls-failed",
      message: "The handshake failed.",
      phase: "starttls",
      peer: "romeo@montague.lit",
      hint: "Try again.",
      cause,
      condition: "x",
    });
    expect("cause" in new BalconyError("closed", "Closed.")).toBe(false);
  });

  it("can be told apart by its code", () => {
    const tell = (code: ErrorCode): string => (code === "timeout" ? "late" : code);
    expect(tell(new BalconyError("timeout", "x").code)).toBe("late");
  });
});

describe("a stanza error", () => {
  it("has the type that RFC 6120 §8.3.3 gives its condition, unless told otherwise", () => {
    expect(stanzaError("resource-constraint").stanza).toMatchObject({ type: "wait", condition: "resource-constraint" });
    expect(stanzaError("bad-request").stanza).toMatchObject({ type: "modify" });
    expect(stanzaError("forbidden").stanza).toMatchObject({ type: "auth" });
    expect(stanzaError("item-not-found").stanza).toMatchObject({ type: "cancel" });
    expect(stanzaError("item-not-found", { type: "modify", text: "gone" })).toMatchObject({
      code: "stanza-error",
      condition: "item-not-found",
      message: "item-not-found: gone",
      stanza: { type: "modify", text: "gone" },
    });
  });
});
