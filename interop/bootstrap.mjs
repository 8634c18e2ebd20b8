// `pnpm interop` from a fresh clone: installs and builds, brings the servers and what the peers are made of, then runs the matrix. Node's own modules only.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, install, root } from "../examples/demo/bootstrap/steps.mjs";
import { installPackages } from "../test/debian.mjs";
import { bringServers } from "../test/servers.mjs";

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

install();
bringServers();
bringPeers();
process.exit(attempt("node", [join("interop", "dist", "interop", "src", "main.js"), ...process.argv.slice(2)], process.env) ? 0 : 1);
