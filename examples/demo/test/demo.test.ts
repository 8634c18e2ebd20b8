import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
if (!existsSync(main)) throw new Error(`${main} is not there: run \`npx tsc -b\` first.`);

const environment = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, NODE_OPTIONS: undefined };

async function demo(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; lines: string[]; stderr: string }> {
  const child = spawn(process.execPath, [main, ...args], { env: { ...environment, ...env } });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => out.push(chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => err.push(chunk));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, lines: out.join("").split("\n"), stderr: err.join("") };
}

describe("the demo", () => {
  it("tells a program everything, one JSON object a line, and at last that it is done", async () => {
    const { code, lines, stderr } = await demo(["--json"]);
    expect([code, stderr, lines.pop()]).toEqual([0, "", ""]);
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([...new Set(events.map(({ event }) => event))]).toEqual([
      "online",
      "progress",
      "open",
      "fingerprint",
      "trust",
      "message",
      "presence",
      "iq",
      "close",
      "server-saw",
      "done",
    ]);
    expect(events.filter(({ event }) => ["message", "presence", "iq"].includes(String(event))).map(({ event, from }) => [event, from])).toEqual([
      ["message", "romeo"],
      ["message", "juliet"],
      ["presence", "romeo"],
      ["presence", "juliet"],
      ["iq", "romeo"],
      ["iq", "juliet"],
    ]);
    expect(events.find(({ event }) => event === "server-saw")).toMatchObject({ leaked: [] });
    const digits = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(events.at(-1)).toEqual({
      event: "done",
      ok: true,
      protocol: "TLSv1.3",
      cipher: expect.stringMatching(/^TLS_/),
      path: expect.stringMatching(/^ibb via /),
      own: digits,
      peer: digits,
    });
  });

  it("fits 80 columns, and is without colours where they are not wanted", async () => {
    const { code, lines, stderr } = await demo([], { NO_COLOR: "1" });
    expect([code, stderr]).toEqual([0, ""]);
    expect(lines.filter((line) => [...line].length > 80)).toEqual([]);
    expect(lines.join("\n")).toContain("None of the words above is in them.");
    expect(lines.join("\n")).not.toContain("\u001b");
  });

  it("ends quietly where nobody watches any more", async () => {
    const child = spawn(process.execPath, [main], { env: environment });
    const err: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => err.push(chunk));
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = (await once(child, "close")) as [number | null];
    expect([code, err]).toEqual([0, []]);
  });

  it("says what failed, and ends with 1", async () => {
    const { code, lines, stderr } = await demo(["--json"], { TMPDIR: "/nowhere" });
    expect([code, stderr]).toEqual([1, expect.stringContaining("The demo failed")]);
    expect(JSON.parse(lines.at(-2) ?? "")).toMatchObject({ event: "done", ok: false, message: expect.stringContaining("/nowhere") });
  });
});
