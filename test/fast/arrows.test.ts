import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, it } from "vitest";

const exec = promisify(execFile);
const root = join(import.meta.dirname, "..", "..");
const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** Runs the project's own rules over two small packages, one of which holds `forbidden`. */
async function violations(file: string, forbidden: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-arrows-"));
  folders.push(folder);
  for (const name of [".dependency-cruiser.cjs", "tsconfig.base.json"]) await cp(join(root, name), join(folder, name));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  for (const name of ["xml", "balcony", "jingle"]) {
    await mkdir(join(folder, "packages", name, "src"), { recursive: true });
    await writeFile(join(folder, "packages", name, "src", "index.ts"), "export const here = 1;\n");
  }
  await writeFile(join(folder, file), forbidden);
  const cruise = join(root, "node_modules", "dependency-cruiser", "bin", "dependency-cruise.mjs");
  try {
    await exec(process.execPath, [cruise, "packages", "--config", ".dependency-cruiser.cjs", "--output-type", "err"], { cwd: folder });
    return "none";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

it("refuses an import against the arrows", async () => {
  expect(await violations("packages/xml/src/up.ts", 'export { here } from "../../balcony/src/index.js";\n')).toContain("arrows-of-xml");
});

it("refuses node: modules in packages that a browser takes", async () => {
  expect(await violations("packages/jingle/src/net.ts", 'export { connect } from "node:net";\n')).toContain("portable-packages-import-no-node-modules");
});

it("refuses what cannot be resolved", async () => {
  expect(await violations("packages/xml/src/nowhere.ts", 'export { here } from "@balcony/nowhere";\n')).toContain("no-unresolvable");
});

it("lets an import along the arrows pass", async () => {
  expect(await violations("packages/balcony/src/down.ts", 'export { here } from "../../jingle/src/index.js";\n')).toBe("none");
});

it("knows every package", async () => {
  const rules = await readFile(join(root, ".dependency-cruiser.cjs"), "utf8");
  for (const name of ["xml", "channel", "jingle", "transport-ibb", "xml-stream", "tls", "trust", "local-server", "balcony"])
    expect(rules).toMatch(new RegExp(`^  "?${name}"?: \\[`, "m"));
});
