import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const made: string[] = [];

/** A place for a store that is not there yet; gone when the test file is done. */
export async function newFolder(): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), "balcony-trust-"));
  made.push(parent);
  return join(parent, "store");
}

afterAll(async () => {
  for (const parent of made) await rm(parent, { recursive: true, force: true });
});
