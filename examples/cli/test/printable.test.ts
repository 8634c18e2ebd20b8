import { codes } from "@balcony/channel";
import { describe, expect, it } from "vitest";
import { exitCodes, exits } from "../src/exit-codes.js";
import { folded, printable, shortened } from "../src/printable.js";

describe("text of foreign origin", () => {
  it.each([
    ["ANSI escapes", "\u001b[2J\u001b]0;owned\u0007x", "·[2J·]0;owned·x"],
    ["8-bit controls", "a\u009b31mb", "a·31mb"],
    ["line breaks", "a\r\nb\u2028c\u2029d\u0085e", "a··b·c·d·e"],
    ["bidirectional overrides and isolates", "\u202eabc\u2066d\u2069\u200f\u061c", "·abc·d···"],
    ["zero-width characters", "pay\u200bpal\u2060\ufeff\u00ad\u034f", "pay·pal····"],
    ["invisible letters and tags", "\u115f\u3164\uffa0\u180e\u{e0041}", "·····"],
    ["lone surrogates", "a\ud800b", "a·b"],
    ["joiners that join nothing", "a\u200db \ufe0f", "a·b ·"],
  ])("%s become dots", (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it.each(["Grüße ☕", "❤️", "👩‍🚀 👨‍👩‍👧", "👩🏽‍🚀", "नमस्ते", "שלום", "日本語"])("%s stays as it is", (text) => {
    expect(printable(text)).toBe(text);
  });

  it("is cut to its length, with a sign that it was", () => {
    expect([shortened("romeo", 5), shortened("romeo", 4), shortened("\u001b[31m", 9)]).toEqual(["romeo", "rom…", "·[31m"]);
  });

  it("never stands where a line of our own begins, however long it is", () => {
    const lines = folded(`${" ".repeat(200)}✓ verified ${"x".repeat(200)}`, { columns: 80, first: "romeo │ ", rest: "      │ " }).split("\n");
    expect(lines.every((line) => line.length <= 80)).toBe(true);
    expect(lines.every((line, index) => line.startsWith(index === 0 ? "romeo │ " : "      │ "))).toBe(true);
  });

  it("begins no line with the space at which it was broken, and loses no other", () => {
    const of = (text: string) => folded(text, { columns: 22, first: "", rest: "  " });
    expect(of("exactly twenty chars and more")).toBe("exactly twenty chars\n  and more");
    expect(of("one\n  two")).toBe("one\n    two");
  });
});

describe("exit codes", () => {
  it("has one for every error code, and only one", () => {
    expect(Object.values(exits).flat().sort()).toEqual(Object.keys(codes).sort());
  });

  it("are documented in the README and in --help", async () => {
    const { readFile } = await import("node:fs/promises");
    const [readme, source] = await Promise.all(["../README.md", "../src/main.ts"].map((file) => readFile(new URL(file, import.meta.url), "utf8")));
    for (const code of Object.values(exitCodes)) {
      expect(readme).toMatch(new RegExp(`\\| ${code} \\|`));
      expect(source).toMatch(new RegExp(`^ {2}${code} `, "m"));
    }
  });
});
