// What `npm run demo` and `npm test` do before anything is installed: Node's own modules only. Everything printed here goes to stderr.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

const [major] = process.versions.node.split(".").map(Number);
if (major < 20) {
  process.stderr.write(`Balcony needs Node 20 or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}

/** Runs a command with its output on this one's; ends this process where it fails. */
export function run(command, args, { quiet = false, env = process.env } = {}) {
  const result = spawnSync(command, args, { cwd: root, env, encoding: "utf8", stdio: quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"] });
  if (result.status === 0) return;
  if (quiet) process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  process.stderr.write(
    `\n  ${command} ${args.join(" ")} failed${result.error ? `: ${result.error.message}` : result.signal ? `: ${result.signal}` : ` with code ${result.status}`}\n`,
  );
  process.exit(result.status || 1);
}

/** Runs a command with its output on this one's; says whether it ended well. */
export function attempt(command, args, env) {
  return spawnSync(command, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] }).status === 0;
}

export function step(title, work) {
  process.stderr.write(`· ${title} …\n`);
  work();
}

/** Installs what the lock file names and compiles the packages. */
export function install() {
  const frozen = existsSync(join(root, "pnpm-lock.yaml")) ? ["--frozen-lockfile"] : [];
  step("Installing (pnpm)", () => run("npx", ["--yes", "pnpm@12", "install", ...frozen, "--reporter=append-only"], { quiet: true, env: { ...process.env, CI: "true" } }));
  step("Building (tsc -b)", () => run("node", ["node_modules/typescript/bin/tsc", "-b"], { quiet: true }));
}
