import { defineConfig } from "vitest/config";

const conditions = ["@balcony/source", "node", "import", "default"];
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
} as const;

export default defineConfig({
  ...shared,
  test: {
    coverage: { provider: "v8", include: ["packages/*/src/**"] },
    projects: [
      {
        ...shared,
        test: {
          name: "fast",
          include: ["packages/*/test/**/*.test.ts", "examples/*/test/**/*.test.ts", "interop/test/**/*.test.ts", "test/fast/**/*.test.ts", "test/attacks/**/*.test.ts"],
          setupFiles: ["./test/kit/src/leaks.ts"],
          testTimeout: 30_000,
          hookTimeout: 30_000, // they start programs as the tests do
        },
      },
      {
        ...shared,
        test: {
          name: "servers",
          include: ["test/servers/**/*.test.ts", "test/faults/**/*.test.ts", "test/net/**/*.test.ts"],
          setupFiles: ["./test/kit/src/leaks.ts"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
