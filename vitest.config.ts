import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What waits longest begins first: nothing is waited for at the end but what all run beside. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => longest.findIndex((part) => moduleId.includes(part)) >>> 0; // what is not among them: last
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
const longest = ["test/faults/store-kills", "test/net/nat", "test/faults/processes", "test/faults/network", "test/servers/streams", "test/servers/", "test/net/", "examples/cli/"];

const conditions = ["@balcony/source", "node", "import", "default"];
const shared = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
} as const;

export default defineConfig({
  ...shared,
  test: {
    maxWorkers: Math.ceil(1.5 * availableParallelism()), // many wait for others: servers, processes, deadlines
    sequence: { sequencer: LongestFirst },
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
