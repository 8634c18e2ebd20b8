// Lets a bare `node` run the sources: Node 20 strips no types, and a child process has no vitest. See typescript.mjs.
import { register } from "node:module";

register("./typescript.mjs", import.meta.url);
