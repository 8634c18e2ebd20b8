// `pnpm interop` from a fresh clone: installs and builds, brings the servers and what the peers are made of, then runs the matrix. Node's own modules only.
import { attempt, install } from "../examples/demo/bootstrap/steps.mjs";
import { bringServers } from "../test/servers.mjs";
import { bringPeers, matrix } from "./install.mjs";

install();
bringServers();
bringPeers();
process.exit(attempt("node", [matrix, ...process.argv.slice(2)], process.env) ? 0 : 1);
