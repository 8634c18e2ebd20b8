// `pnpm test:mutation [package] [files…]`: changes one thing at a time in a package's source, and sees whether a test notices. Ends with 1 where too few changes are noticed.
// Files (globs from the root) narrow it to what one is at work on; what is known of the others from the last run is kept in reports/mutation/.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Stryker } from "@stryker-mutator/core";
import { packages } from "./packages.mjs";

const [name = "trust", ...files] = process.argv.slice(2);
const measured = packages[name];
if (!measured) {
  process.stderr.write(`${name} is not measured; ${Object.keys(packages).join(", ")} are. Say more in test/mutation/packages.mjs.\n`);
  process.exit(2);
}
process.chdir(fileURLToPath(new URL("../..", import.meta.url)));
process.env.BALCONY_MUTATED = name;
const folder = `reports/mutation/${name}`;
mkdirSync(folder, { recursive: true });

const stryker = new Stryker({
  plugins: [fileURLToPath(import.meta.resolve("@stryker-mutator/vitest-runner"))],
  testRunner: "vitest",
  vitest: { configFile: "test/mutation/vitest.config.mjs" },
  mutate: files.length > 0 ? files : measured.mutate,
  coverageAnalysis: "perTest",
  concurrency: Number(process.env.BALCONY_MUTATION_WORKERS ?? 1),
  ignorePatterns: ["dist", "coverage", "reports", "interop/logs", "test/servers", "test/bench"],
  // What is computed once, as a module is loaded, is changed by running every test anew for each change: most of the time goes there. BALCONY_MUTATION_STATIC=no leaves it out while one is at work.
  ignoreStatic: process.env.BALCONY_MUTATION_STATIC === "no",
  incremental: true,
  incrementalFile: `${folder}/incremental.json`,
  timeoutMS: 15_000,
  reporters: ["clear-text", "json", "html", "progress-append-only"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, allowEmojis: false },
  jsonReporter: { fileName: `${folder}/report.json` },
  htmlReporter: { fileName: `${folder}/report.html` },
  thresholds: { high: 95, low: measured.required, break: files.length > 0 ? null : measured.required },
  cleanTempDir: "always",
});
await stryker.runMutationTest(); // sets the exit code by the threshold
