import { defineConfig } from "vitest/config";
import { packages } from "./packages.mjs";

// Stryker runs this in a copy of the tree, from its root. Which package it is comes from run.mjs.
const { tests, without } = packages[process.env.BALCONY_MUTATED];
// Those that mean the files one is at work on: the score of fewer tests is a lower bound, and comes sooner.
const chosen = process.env.BALCONY_MUTATION_TESTS?.split(",") ?? tests;
const conditions = ["@balcony/source", "node", "import", "default"];

export default defineConfig({
  root: process.cwd(),
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: chosen, exclude: without, setupFiles: ["./test/kit/src/leaks.ts"], testTimeout: 30_000 },
});
