import { describe, expect, it } from "vitest";
import { complaints, type KnownFailure, table } from "../src/report.js";
import type { Result } from "../src/run-cell.js";

const cell = (outcome: Result["outcome"], more: Partial<Result> = {}): Result => ({
  peer: "slixmpp",
  layer: "ibb",
  role: "initiator",
  server: "prosody",
  variant: undefined,
  options: {},
  code: undefined,
  outcome,
  reason: outcome === "passed" ? undefined : "why",
  milliseconds: 1,
  log: "",
  ...more,
});
const known: KnownFailure = { peer: "slixmpp", layer: "ibb", role: "initiator", server: "prosody", cause: "a defect of theirs", fault: "peer" };

describe("a run fails", () => {
  it("by a failure that nobody knew", () => {
    expect(complaints([cell("failed")], [])).toEqual(["FAILED slixmpp ibb initiator prosody: why"]);
    expect(complaints([cell("failed", { server: "ejabberd" })], [known])).toHaveLength(1);
    expect(complaints([cell("failed", { variant: "expired" })], [known])).toHaveLength(1);
  });

  it("by a known failure that has passed", () => {
    expect(complaints([cell("passed")], [known])).toEqual(["PASSED, and stands in known-failures.json: slixmpp ibb initiator prosody"]);
  });

  it("by nothing else", () => {
    expect(complaints([cell("failed"), cell("passed", { role: "responder" }), cell("not applicable", { layer: "s5b" })], [known])).toEqual([]);
  });
});

describe("the table", () => {
  it("has a row for each peer, layer and role, and one square for each server", () => {
    const text = table([cell("passed"), cell("failed", { server: "ejabberd" }), cell("not applicable", { server: "embedded" })], []);
    expect(text).toContain("| slixmpp | ibb | initiator | ⬜ not applicable | 🟩 passed | 🟥 1 of 1 failed |  |");
    expect(text).toContain("- 🟥 slixmpp ibb initiator ejabberd: why");
  });

  it("shows a known failure in another colour than a new one", () => {
    expect(table([cell("failed")], [known])).toContain("🟨 1 of 1 failed");
  });
});
