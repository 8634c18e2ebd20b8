// `pnpm check`: types, lint, promise rules, arrows, unused code, packaging. `--quick` leaves out what needs each package packed.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run, step } from "../examples/demo/bootstrap/steps.mjs";

const quick = process.argv.includes("--quick");
const bin = (name) => join("node_modules", ".bin", name);

const published = ["packages", "examples"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .map((name) => join(folder, name))
    .filter((path) => JSON.parse(readFileSync(join(root, path, "package.json"), "utf8")).private !== true),
);

step("Types", () => run(bin("tsc"), ["-b"], { quiet: true }));
step("Types of the tests", () => run(bin("tsc"), ["-p", "tsconfig.test.json"], { quiet: true }));
step("Format and lint (biome)", () => run(bin("biome"), ["check", "--error-on-warnings"], { quiet: true }));
step("Promise rules (eslint)", () => run(bin("eslint"), ["--max-warnings", "0", "packages", "examples", "interop"], { quiet: true }));
step("Arrows (dependency-cruiser)", () => run(bin("depcruise"), ["packages", "examples", "interop", "--config", ".dependency-cruiser.cjs"], { quiet: true }));
step("Unused files, exports and dependencies (knip)", () => run(bin("knip"), [], { quiet: true }));
if (!quick) {
  for (const path of published) {
    step(`Packaging of ${path} (publint, attw)`, () => {
      run(bin("publint"), ["run", path, "--strict", "--pack", "npm"], { quiet: true });
      if (path.startsWith("packages")) run(bin("attw"), ["--pack", path, "--profile", "esm-only"], { quiet: true }); // a command has nothing to import
    });
  }
}
