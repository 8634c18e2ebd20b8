// `pnpm bots` from a fresh clone: installs and builds, then brings the bots for implementers online (interop/bots/README.md). Node's own modules only.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { install } from "../examples/demo/bootstrap/steps.mjs";

install();
const child = spawn(process.execPath, [fileURLToPath(new URL("dist/interop/bots/main.js", import.meta.url)), ...process.argv.slice(2)], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
