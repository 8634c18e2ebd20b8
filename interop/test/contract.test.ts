import { describe, expect, it } from "vitest";
import { ContractBreach, type PeerEvent } from "../src/contract.js";
import { PeerProcess, type Task } from "../src/peer-process.js";
import { processOf } from "../src/program.js";

const task: Task = { layer: "ibb", role: "responder", service: "xmpp://127.0.0.1:1", jid: "a@b/c", password: "secret", target: "d@e/f", options: { bytes: 3 } };

/** Runs a peer whose whole program is this piece of JavaScript. */
async function run(
  program: string,
  { deadline = 20_000, of = task }: { readonly deadline?: number; readonly of?: Task | "describe" } = {},
): Promise<readonly PeerEvent[] | string> {
  const say = "const say = (...events) => { for (const event of events) console.log(JSON.stringify(event)); };";
  const peer = new PeerProcess(of, { start: processOf([process.execPath, "-e", say + program], "."), deadline });
  return await peer.ended.catch((error: unknown) => {
    expect(error).toBeInstanceOf(ContractBreach);
    return (error as ContractBreach).message;
  });
}

const fingerprint = "ab".repeat(32);

describe("a peer that keeps the contract", () => {
  it("is told its task and heard out", async () => {
    const seen = await run(`
      const { INTEROP_VERSION, INTEROP_TASK, INTEROP_LAYER, INTEROP_ROLE, INTEROP_SERVICE, INTEROP_JID, INTEROP_PASSWORD, INTEROP_TARGET, INTEROP_OPTIONS } = process.env;
      console.error("a log line");
      say({ event: "ready", jid: INTEROP_JID }, { event: "connected", transport: "ibb" },
        { event: "received", text: [INTEROP_VERSION, INTEROP_TASK, INTEROP_LAYER, INTEROP_ROLE, INTEROP_SERVICE, INTEROP_PASSWORD, INTEROP_TARGET, INTEROP_OPTIONS].join(" ") }, { event: "closed" });
    `);
    expect(seen).toEqual([
      { event: "ready", jid: "a@b/c" },
      { event: "connected", transport: "ibb" },
      { event: "received", text: '1 run ibb responder xmpp://127.0.0.1:1 secret d@e/f {"bytes":3}' },
      { event: "closed" },
    ]);
  });

  it("describes itself", async () => {
    const said = { event: "describe", name: "x", version: "1", layers: { ibb: ["initiator"] } };
    expect(await run(`say(${JSON.stringify(said)})`, { of: "describe" })).toEqual([said]);
  });

  it("gets signals on stdin and sends its own", async () => {
    const program = `
      console.log('{"event":"ready"}');
      process.stdin.setEncoding("utf8").once("data", (line) => { console.log(line.trim()); console.log('{"event":"closed"}'); process.stdin.destroy(); });`;
    const peer = new PeerProcess(task, { start: processOf([process.execPath, "-e", program], "."), deadline: 20_000 });
    await peer.event("ready");
    peer.signal({ event: "signal", ufrag: "u", candidates: ["candidate:1 1 TCP"], end: true });
    expect((await peer.signals().next()).value).toEqual({ event: "signal", ufrag: "u", candidates: ["candidate:1 1 TCP"], end: true });
    await peer.ended;
  });
});

describe("a peer that breaks the contract", () => {
  const ready = '{ event: "ready" }';
  const breaches: readonly (readonly [name: string, program: string, message: RegExp])[] = [
    ["prints no JSON", 'console.log("hello")', /no JSON: "hello"/],
    ["prints JSON that is no object", 'console.log("3")', /no event of the contract/],
    ["knows an event that the contract does not", 'say({ event: "sealed" })', /no event of the contract/],
    ["leaves a field out", 'say({ event: "ready" }, { event: "connected" })', /transport/],
    ["adds a field", 'say({ event: "ready", extra: 1 })', /additional properties/],
    ["has a port that is none", 'say({ event: "ready", port: 65536 })', /\/port/],
    [
      "writes a fingerprint in upper case",
      `say(${ready}, { event: "connected", transport: "t" }, { event: "secured", protocol: "TLSv1.3", fingerprint: "${fingerprint.toUpperCase()}" })`,
      /fingerprint/,
    ],
    ["counts bytes without a hash", `say(${ready}, { event: "connected", transport: "t" }, { event: "received", bytes: 3 })`, /sha256/],
    ["is connected before it is ready", 'say({ event: "connected", transport: "t" })', /before ready/],
    ["is ready twice", `say(${ready}, ${ready})`, /"ready" came at "ready"/],
    ["is secured before it is connected", `say(${ready}, { event: "secured", protocol: "TLSv1.3", fingerprint: "${fingerprint}" })`, /"secured" came at "ready"/],
    ["goes on after its end", `say(${ready}, { event: "closed" }, { event: "error", condition: "x" })`, /"error" came at "over"/],
    ["exits without an end", `say(${ready})`, /exited at "ready", without closed or error/],
    ["exits with nothing said", "", /exited at "run"/],
    ["exits with another code than 0", `say(${ready}, { event: "closed" }); process.exitCode = 3`, /exited with 3, at "over"/],
    ["is killed", `say(${ready}); process.kill(process.pid, "SIGTERM")`, /ended by SIGTERM/],
    ["ends in the middle of a line", `say(${ready}, { event: "closed" }); process.stdout.write("{")`, /has no end/],
    ["never ends a line", 'process.stdout.write("x".repeat(300000)); setInterval(() => {}, 1000)', /longer than/],
    ["describes itself when it should run", 'say({ event: "describe", name: "x", version: "1", layers: {} })', /does not belong to the task/],
  ];
  it.each(breaches)("%s", async (_, program, message) => {
    expect(await run(program)).toMatch(message);
  });

  it("runs when it should describe itself", async () => {
    expect(await run(`say(${ready})`, { of: "describe" })).toMatch(/does not belong to the task/);
  });

  it("cannot be started", async () => {
    const peer = new PeerProcess(task, { start: processOf(["/nowhere/peer"], "."), deadline: 20_000 });
    await expect(peer.ended).rejects.toThrow(/cannot be started/);
    await expect(peer.event("ready")).rejects.toThrow(/cannot be started/);
  });

  it("never exits: it is killed at the deadline, with all that it has started", async () => {
    const program = `
      const { spawn } = require("node:child_process");
      const child = spawn("sleep", ["3600"], { stdio: "ignore" });
      console.error(child.pid);
      say(${ready}); setInterval(() => {}, 1000);`;
    const say = "const say = (...events) => { for (const event of events) console.log(JSON.stringify(event)); };";
    let stderr = "";
    const log = (source: string, text: string) => {
      if (source === "stderr") stderr += text;
    };
    const peer = new PeerProcess(task, { start: processOf([process.execPath, "-e", say + program], "."), deadline: 1_500, log });
    await expect(peer.ended).rejects.toThrow(/still ran after 1500 ms, at "ready"/);
    await gone(Number(stderr));
  });

  it("lets whoever waits for an event know that it will not come", async () => {
    const peer = new PeerProcess(task, { start: processOf([process.execPath, "-e", 'console.log("x")'], "."), deadline: 20_000 });
    await expect(peer.event("connected")).rejects.toThrow(/no JSON/);
  });
});

/** Resolves once a process of that id is gone. A killed orphan may stay as a zombie where nobody reaps it: that is gone enough. */
async function gone(pid: number): Promise<void> {
  const { readFile } = await import("node:fs/promises");
  for (;;) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
    if (stat === undefined || / Z /.test(stat)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
