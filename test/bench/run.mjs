// `pnpm bench`: compiles what is measured and what measures it, then measures.
import { run, step } from "../../examples/demo/bootstrap/steps.mjs";

step("Building (tsc -b)", () => run("node", ["node_modules/typescript/bin/tsc", "-b", "tsconfig.json", "test/bench/tsconfig.json"], { quiet: true }));
await import("./dist/bench/main.js");
