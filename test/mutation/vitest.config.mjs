import { defineConfig } from "vitest/config";
import { packages } from "./packages.mjs";

// Stryker runs this in a copy of the tree, from its root. Which package it is comes from run.mjs.
const { tests, without } = packages[process.env.BALCONY_MUTATED];
const conditions = ["@balcony/source", "node", "import", "default"];

export default defineConfig({
  root: process.cwd(),
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: tests, exclude: without, setupFiles: ["./test/kit/src/leaks.ts"], testTimeout: 30_000 },
});
