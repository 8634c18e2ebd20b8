import { expect, it } from "vitest";

it("runs on the Node that it was asked to run on", () => {
  const own = process.versions.node.split(".")[0];
  expect(own).toBe(process.env.BALCONY_TEST_NODE ?? own);
});
