import { play } from "./play.js";
import { stage } from "./stage.js";

const json = process.argv.includes("--json");
const on = stage({ json, columns: process.stdout.columns });

// Whoever watches may leave (`| head`); the play is over then, and nobody is there to be told.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

try {
  const { ok, ...about } = await play(on);
  on.tell("done", { ok, ...about });
  process.exitCode = ok ? 0 : 1;
} catch (error) {
  const { message, code, phase } = error as Error & { code?: string; phase?: string };
  on.tell("done", { ok: false, message, code, phase });
  process.stderr.write(`\n  The demo failed${phase ? ` in phase ${phase}` : ""}: ${message}${code ? `  [${code}]` : ""}\n`);
  process.exitCode = 1;
}
