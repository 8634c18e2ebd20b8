/**
 * What is measured, by the name of its package: which files are mutated (globs from the root), which of the package's tests look for the mutants, and the percentage of mutants they must kill.
 * A test that only starts other processes sees no mutant, which lives in the runner's own; and one that counts what happens by chance is slow and kills nothing that the others do not.
 */
export const packages = {
  trust: {
    mutate: ["packages/trust/src/**/*.ts", "!packages/trust/src/index.ts"],
    tests: ["packages/trust/test/**/*.test.ts"],
    without: ["packages/trust/test/processes.test.ts", "packages/trust/test/ceremony/man-in-the-middle.test.ts"],
    required: 85,
  },
  esessions: {
    mutate: ["packages/esessions/src/**/*.ts", "!packages/esessions/src/index.ts"],
    tests: ["packages/esessions/test/**/*.test.ts"],
    without: ["packages/esessions/test/keystream.test.ts"],
    required: 85,
  },
};
