// `npm test` on a machine with nothing but Node and npm: installs, builds, checks, brings the real servers, and runs every test: all on this Node, the fast ones on the newest that is kept for long as well.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { attempt, install, run, step } from "../examples/demo/bootstrap/steps.mjs";
import { bringPeers, matrix } from "../interop/install.mjs";
import { bringServers } from "./servers.mjs";

const ci = process.env.CI === "true";
const own = process.versions.node.split(".")[0];
const other = "26";
const vitest = join("node_modules", "vitest", "vitest.mjs");
const reports = mkdtempSync(join(tmpdir(), "balcony-test-"));

install();
run("node", ["test/check.mjs"]);
const missing = bringServers();
if (missing.length === 0) bringPeers();

const totals = { passed: 0, failed: 0, skipped: 0 };
/** What failed, a few lines each: told once more at the end, where whoever is given only the end of this output looks. */
const failures = [];
testOn(own, ["node"], missing.length > 0 ? ["fast"] : ["fast", "servers"]);
// The package brings the binary of another Node. It is never a dependency: its .bin/node would run every script.
if (own !== other) testOn(other, ["npx", "--yes", "-p", `node-${process.platform}-${process.arch}@${other}`, "--", "node"], ["fast"]);
rmSync(reports, { recursive: true });
// Strangers' programs against ours: one failure where a cell fails that is not known to. What has changed is for `pnpm interop` to write down.
if (missing.length === 0) {
  step("The interop matrix", () => {
    const passed = attempt("node", [matrix, "--check"], process.env);
    totals[passed ? "passed" : "failed"]++;
    if (!passed) failures.push("The interop matrix: see its cells above.");
  });
}

if (missing.length > 0) process.stderr.write(`\n  WITHOUT REAL SERVERS: ${missing.join(", ")} could not be installed here, so no test against them ran.\n`);
if (totals.skipped > 0) process.stderr.write("\n  Tests were skipped: each must run.\n");
if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.map((failure) => `- ${failure}\n`).join("")}`);
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed\n`);
const whole = totals.passed > 0 && totals.failed === 0 && totals.skipped === 0 && !(ci && missing.length > 0);
process.exit(whole ? 0 : 1);

/** Runs projects on one Node; a run that ends without a report of its own counts as a failure. */
function testOn(major, [command, ...before], projects) {
  step(`Testing on Node ${major}: ${projects.join(", ")}`, () => {
    const report = join(reports, `${major}.json`);
    const args = [
      ...before,
      vitest,
      "run",
      ...projects.flatMap((name) => ["--project", name]),
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ];
    const ended = attempt(command, args, { ...process.env, BALCONY_TEST_NODE: major });
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } = read(report);
    totals.passed += numPassedTests;
    totals.failed += numFailedTests || (ended && success ? 0 : 1);
    totals.skipped += numPendingTests + numTodoTests;
    failures.push(...testResults.flatMap(failed).map((failure) => `Node ${major}: ${failure}`));
    if (numFailedTests === 0 && !(ended && success)) failures.push(`Node ${major}: the run itself, outside of any test: see its errors above.`);
  });
}

/** Of one file's results: what failed, in which test, and how. */
function failed({ name, message, assertionResults }) {
  const file = relative(process.cwd(), name);
  const tests = assertionResults.filter(({ status }) => status === "failed");
  const told = tests.map(({ fullName, failureMessages }) => `${file}: ${fullName}\n${indented(failureMessages.join("\n"))}`);
  return message && tests.length === 0 ? [`${file}\n${indented(message)}`] : told;
}

function indented(text) {
  const lines = text.split("\n").filter((line) => !line.includes("node_modules"));
  return lines
    .slice(0, 12)
    .map((line) => `    ${line}`)
    .join("\n");
}

function read(report) {
  try {
    return JSON.parse(readFileSync(report, "utf8"));
  } catch (error) {
    process.stderr.write(`  No report: ${error.message}\n`);
    return { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0, success: false, testResults: [] };
  }
}
