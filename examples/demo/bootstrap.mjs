// `npm run demo`: installs, builds, and shows an end-to-end stream between two accounts of the embedded server.
import { install, run } from "./bootstrap/steps.mjs";

install();
run("node", ["examples/demo/dist/main.js", ...process.argv.slice(2)]);
