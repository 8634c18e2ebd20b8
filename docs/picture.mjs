// `node docs/picture.mjs`: what people see when they verify each other, from a real terminal, as docs/verification.svg. Needs tmux, and the commands built (`npx tsc -b`).
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startLocalServer } from "../packages/local-server/dist/index.js";

const COLUMNS = 80;
const ROWS = 40;
/** Milliseconds for each thing that is waited for. */
const DEADLINE = 30_000;
const main = fileURLToPath(new URL("../examples/cli/dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "balcony-picture-"));
const environment = { ...process.env, TERM: "xterm-256color", NO_COLOR: undefined };
const tmux = (...args) => execFileSync("tmux", ["-S", join(folder, "tmux"), "-f", "/dev/null", ...args], { encoding: "utf8", env: environment });

const server = await startLocalServer({
  domains: ["montague.lit", "capulet.lit"],
  accounts: { "romeo@montague.lit": "secret", "juliet@capulet.lit": "secret" },
  sharedRoster: true,
});
try {
  writeFileSync(join(folder, "password"), "secret\n");
  await login("romeo", "romeo@montague.lit");
  await login("juliet", "juliet@capulet.lit");
  at("juliet", "listen", "--transports", "ibb", "--resource", "balcony", "--yes");
  await seen("juliet", "listening");
  at("romeo", "verify", "juliet@capulet.lit/balcony", "--transports", "ibb");
  await seen("juliet", "/verify takes it");
  type("juliet", "/verify");
  for (const who of ["romeo", "juliet"]) await seen(who, "Are they the same");
  for (const who of ["romeo", "juliet"]) type(who, "/same");
  for (const who of ["romeo", "juliet"]) await seen(who, "Verified: nobody is between you");
  await seen("romeo", "says that they are the same");
  writeFileSync(fileURLToPath(new URL("verification.svg", import.meta.url)), picture(tmux("capture-pane", "-p", "-e", "-J", "-t", "romeo")));
  for (const who of ["romeo", "juliet"]) type(who, "/quit");
} finally {
  tmux("kill-server"); // the one behind our own socket
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

function options(who) {
  return ["--data", join(folder, who), "--password-file", join(folder, "password"), "--insecure-plaintext-server"];
}

async function login(who, jid) {
  const { spawn } = await import("node:child_process");
  const child = spawn(process.execPath, [main, "login", jid, ...options(who), "--service", server.service], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(said);
}

function at(who, ...args) {
  const [command, ...rest] = args;
  tmux("new-session", "-d", "-s", who, "-x", String(COLUMNS), "-y", String(ROWS), [process.execPath, main, command, ...rest, ...options(who)].map((word) => `'${word}'`).join(" "));
}

function type(who, text) {
  tmux("send-keys", "-t", who, "-l", text);
  tmux("send-keys", "-t", who, "Enter");
}

async function seen(who, words) {
  const until = Date.now() + DEADLINE;
  while (!tmux("capture-pane", "-p", "-J", "-t", who).replace(/\s+/g, " ").includes(words)) {
    if (Date.now() > until) throw new Error(`${who} never saw "${words}":\n${tmux("capture-pane", "-p", "-t", who)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function picture(screen) {
  const [width, height, left, top] = [8.4, 20, 16, 22];
  const lines = screen.trimEnd().split("\n");
  const colours = { 31: "#ff7b72", 32: "#7ee787", 33: "#e3b341", 35: "#d2a8ff", 36: "#79c0ff" };
  const text = lines.flatMap((line, row) => {
    let style = { bold: false, colour: "#e6edf3" };
    let column = 0;
    return line.split(/(\u001b\[[0-9;]*m)/).flatMap((part) => {
      const codes = /^\u001b\[([0-9;]*)m$/.exec(part);
      if (codes) {
        for (const code of codes[1].split(";")) style = styled(style, Number(code), colours);
        return [];
      }
      return [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(part)]
        .reduce((runs, { segment }) => {
          const wide = /\p{Extended_Pictographic}/u.test(segment) && segment.codePointAt(0) > 0x2300;
          const last = runs.at(-1);
          if (last && !wide && !last.wide) last.text += segment;
          else runs.push({ text: segment, wide, column });
          column += wide ? 2 : 1;
          return runs;
        }, [])
        .filter((run) => run.text.trim() !== "")
        .map((run) => {
          const indent = run.text.length - run.text.trimStart().length;
          const weight = style.bold ? ' font-weight="bold"' : "";
          return `<text xml:space="preserve" x="${(left + (run.column + indent) * width).toFixed(1)}" y="${top + row * height}" fill="${style.colour}"${weight}>${escaped(run.text.trim())}</text>`;
        });
    });
  });
  const size = { width: Math.ceil(2 * left + COLUMNS * width), height: top + lines.length * height };
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="Two people verify each other: romeo's terminal">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">
${text.join("\n")}
</g>
</svg>
`;
}

function styled(style, code, colours) {
  if (code === 0) return { bold: false, colour: "#e6edf3" };
  if (code === 1) return { ...style, bold: true };
  if (code === 22) return { ...style, bold: false };
  return code === 39 ? { ...style, colour: "#e6edf3" } : { ...style, colour: colours[code] ?? style.colour };
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}
