import { spawnSync } from "node:child_process";

/** The executable of Node 24: this one, or what a package brings that is never a dependency (its .bin/node would run every script). */
export function node24(): string {
  if (process.versions.node.startsWith("24.")) return process.execPath;
  const brought = `node-${process.platform}-${process.arch}@24`;
  const { status, stdout, stderr } = spawnSync("npx", ["--yes", "-p", brought, "--", "node", "-p", "process.execPath"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`Node 24 could not be brought: ${stderr}`);
  return stdout.trim();
}
