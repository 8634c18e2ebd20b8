// Chromium's own RTCPeerConnection: the driver runs in a page of a headless browser, which is spoken to by the DevTools protocol over a pipe, so that no port is opened for it.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const CHROMIUM = "/usr/bin/chromium";
const { INTEROP_TASK, INTEROP_LAYER: layer, INTEROP_ROLE: role, INTEROP_OPTIONS: options = "{}" } = process.env;
const print = (line) => writeSync(1, `${line}\n`);

if (INTEROP_TASK === "describe") {
  const version = spawnSync(CHROMIUM, ["--version"], { encoding: "utf8" }).stdout.match(/\d[\d.]*/)?.[0] ?? "unknown";
  print(JSON.stringify({ event: "describe", name: "Chromium", version, layers: { webrtc: ["initiator", "responder"], "ice-tcp": ["initiator", "responder"] } }));
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), "balcony-chromium-"));
// A page of its own origin, as hashing wants a secure context.
writeFileSync(join(folder, "page.html"), "<!doctype html><title>peer</title>");
const quiet = ["--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-gpu"];
const webrtc = ["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"];
const sandbox = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = spawn(CHROMIUM, ["--headless=new", "--remote-debugging-pipe", `--user-data-dir=${folder}`, ...quiet, ...webrtc, ...sandbox], {
  stdio: ["ignore", "ignore", "inherit", "pipe", "pipe"],
});
const [, , , commands, events] = browser.stdio;

let ids = 0;
const answers = new Map();
const listeners = new Map();
const call = (method, params = {}, sessionId) =>
  new Promise((resolve, reject) => {
    const id = ++ids;
    answers.set(id, { resolve, reject });
    commands.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
  });
let rest = "";
events.setEncoding("utf8").on("data", (text) => {
  const messages = (rest + text).split("\0");
  rest = messages.pop();
  for (const { id, result, error, method, params } of messages.map((message) => JSON.parse(message))) {
    if (id === undefined) listeners.get(method)?.(params);
    else if (error) answers.get(id).reject(new Error(error.message));
    else answers.get(id).resolve(result);
  }
});

let finish;
const over = new Promise((resolve) => {
  finish = resolve;
});
listeners.set("Runtime.bindingCalled", ({ name, payload }) => (name === "finished" ? finish(payload) : print(payload)));
// A page that may not use the camera is shown the default route alone, and no loopback.
await call("Browser.grantPermissions", { permissions: ["audioCapture", "videoCapture"] });
const { targetId } = await call("Target.createTarget", { url: `file://${folder}/page.html` });
const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
const loaded = new Promise((resolve) => listeners.set("Page.loadEventFired", resolve));
await call("Page.enable", {}, sessionId);
await call("Page.navigate", { url: `file://${folder}/page.html` }, sessionId);
await loaded;
await call("Runtime.enable", {}, sessionId);
for (const name of ["print", "finished"]) await call("Runtime.addBinding", { name }, sessionId);
const evaluate = async (expression) => {
  const { exceptionDetails } = await call("Runtime.evaluate", { expression }, sessionId);
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
};

const driver = readFileSync(new URL("../rtc-peer-connection/driver.mjs", import.meta.url), "utf8").replaceAll(/^export /gm, "");
await evaluate(`${driver}
  const queue = [];
  let wake = () => undefined;
  const receive = (signal) => { queue.push(signal); wake(); };
  async function* come() {
    for (;;) {
      while (queue.length > 0) {
        const signal = queue.shift();
        if (signal === null) return;
        yield signal;
      }
      await new Promise((resolve) => (wake = resolve));
    }
  }
  const say = (event) => print(JSON.stringify(event));
  play({ RTCPeerConnection, layer: ${JSON.stringify(layer)}, role: ${JSON.stringify(role)}, options: ${options}, say, signals: come() })
    .then(() => finished(""), (error) => finished(String(error)));
  undefined`);
createInterface({ input: process.stdin })
  .on("line", (line) => void evaluate(`receive(${line})`).catch((error) => finish(String(error))))
  .on("close", () => void evaluate("receive(null)").catch(() => undefined));
const failure = await over;
if (failure) print(JSON.stringify({ event: "error", condition: "internal-server-error", text: failure }));
const gone = new Promise((resolve) => browser.once("exit", resolve));
await call("Browser.close").catch(() => undefined);
await gone;
rmSync(folder, { recursive: true, force: true });
process.exit(0);
