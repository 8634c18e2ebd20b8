import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import type { Measurement } from "../net/measure.js";
import { withTable } from "../net/table.js";

it("the table of docs/nat.md is what the lab has measured", async () => {
  const document = await readFile(new URL("../../docs/nat.md", import.meta.url), "utf8");
  const measured = JSON.parse(await readFile(new URL("../net/measured.json", import.meta.url), "utf8")) as Measurement[];
  expect(withTable(document, measured)).toBe(document);
});
