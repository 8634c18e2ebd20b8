import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Misbehaviour } from "../src/peer-folder.js";
import { interopFolder } from "../src/root.js";

const root = join(interopFolder, "..");
const text = readFileSync(join(root, "docs", "interop.md"), "utf8");
const rows = text
  .slice(text.indexOf("| leniency |"))
  .split("\n\n")[0]
  ?.split("\n")
  .slice(2)
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, leniency = "", who = "", test = ""]) => ({ leniency, who, test })) as readonly { leniency: string; who: string; test: string }[];
const rules = JSON.parse(readFileSync(join(interopFolder, "peers", "python", "misbehaviours.json"), "utf8")) as readonly Misbehaviour[];
const named = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

describe("the leniencies of docs/interop.md", () => {
  it.each(rows)("$leniency", ({ test, who }) => {
    expect(who).not.toBe("");
    expect(named(test)).not.toEqual([]);
    for (const name of named(test)) {
      if (name.endsWith(".ts")) expect(existsSync(join(root, name)), name).toBe(true);
      else
        expect(
          rules.find((rule) => rule.name === name),
          name,
        ).toMatchObject({ code: null, heard: "nothing", goesOn: true });
    }
  });

  it("end where TLS has begun: what is accepted of a header before is refused within", () => {
    const before = rows.flatMap(({ test }) => named(test)).filter((name) => name.startsWith("header-without-"));
    expect(before.length).toBeGreaterThan(0);
    for (const name of before) {
      const within = rules.filter((rule) => rule.name === `inner-${name}`);
      expect(within.map(({ role }) => role)).toEqual(["initiator", "responder"]);
      for (const { code } of within) expect(code, `inner-${name}`).toBe("address-mismatch");
    }
  });
});
