// Brings what the peers of the matrix are made of. Node's own modules only.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../examples/demo/bootstrap/steps.mjs";
import { installPackages } from "../test/debian.mjs";

export const matrix = join("interop", "dist", "interop", "src", "main.js");

/** The Debian packages of those peers that lack something. */
export function bringPeers() {
  const folder = join(root, "interop", "peers");
  const files = readdirSync(folder).flatMap((name) => {
    const file = join(folder, name, "peer.json");
    return existsSync(file) ? [JSON.parse(readFileSync(file, "utf8"))] : [];
  });
  const lacking = files.filter(({ needs = [] }) => needs.some((file) => !existsSync(file)));
  installPackages([...new Set(lacking.flatMap(({ debian = [] }) => debian))].sort(), { what: "what the peers of the interop matrix are made of" });
}
