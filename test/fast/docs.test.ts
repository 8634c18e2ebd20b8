import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { codes } from "@balcony/channel";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");

it("documents every error code, each once, as the code itself does", async () => {
  const page = await readFile(join(root, "docs", "errors.md"), "utf8");
  const documented = [...page.matchAll(/^\| `([a-z0-9-]+)` \| (.*) \|$/gm)].map(([, code, text]) => [code, text?.replaceAll("&lt;", "<")]);
  expect(documented.sort()).toEqual(Object.entries(codes).sort());
});

it("has a README in every package and example", async () => {
  const missing: string[] = [];
  for (const folder of ["packages", "examples"]) {
    for (const name of await readdir(join(root, folder))) {
      await readFile(join(root, folder, name, "README.md"), "utf8").catch(() => missing.push(`${folder}/${name}`));
    }
  }
  expect(missing).toEqual([]);
});
