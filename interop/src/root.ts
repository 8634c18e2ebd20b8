import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder `interop/`, whether this runs from sources or compiled. */
export const interopFolder = find(dirname(fileURLToPath(import.meta.url)));

function find(folder: string): string {
  if (existsSync(join(folder, "contract.schema.json"))) return folder;
  if (dirname(folder) === folder) throw new Error("contract.schema.json is not above this file");
  return find(dirname(folder));
}
