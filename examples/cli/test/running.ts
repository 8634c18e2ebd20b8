import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Interfere, type LocalServer, startLocalServer } from "@balcony/local-server";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));
if (!existsSync(main)) throw new Error(`${main} is not there: run \`npx tsc -b\` first.`);

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A command that runs. */
export class Running {
  readonly #out: Buffer[] = [];
  #err = "";
  readonly ended: Promise<Ended>;

  constructor(readonly child: ChildProcessWithoutNullStreams) {
    child.stdout.on("data", (chunk: Buffer) => this.#out.push(chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      this.#err += chunk;
    });
    child.stdin.on("error", () => undefined); // it may end before it has read all
    this.ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout: Buffer.concat(this.#out), stderr: this.#err }));
  }

  get stdout(): string {
    return Buffer.concat(this.#out).toString();
  }

  get stderr(): string {
    return this.#err;
  }

  /** Resolves once the output holds this; fails if the command ends before. */
  async until(wanted: RegExp | string): Promise<this> {
    const found = (): boolean => {
      const all = `${this.stdout}\n${this.#err}`;
      return typeof wanted === "string" ? all.includes(wanted) : wanted.test(all);
    };
    while (!found()) {
      const more = new AbortController();
      const { signal } = more;
      const data = [once(this.child.stdout, "data", { signal }), once(this.child.stderr, "data", { signal })].map((wait) => wait.catch(() => undefined));
      const over = await Promise.race([...data, this.ended]);
      more.abort();
      if (over && "code" in over && !found()) throw new Error(`It ended with ${over.code} before it said ${wanted}:\n${this.stdout}\n${this.#err}`);
    }
    return this;
  }

  events(): Record<string, unknown>[] {
    return events(this.stdout);
  }
}

export const events = (stdout: Buffer | string): Record<string, unknown>[] =>
  stdout
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const environment = { ...process.env, NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, NODE_OPTIONS: undefined };

/** `balcony …`, its stdin and stdout pipes. */
export function balcony(...args: readonly string[]): Running {
  return new Running(spawn(process.execPath, [main, ...args], { env: environment }));
}

/** `balcony …` at a terminal of 80 columns; both of its outputs come together. */
export function atTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const quoted = [process.execPath, main, ...args].map((word) => `'${word}'`).join(" ");
  return new Running(spawn("script", ["-qec", `stty cols 80 rows 24; exec ${quoted}`, "/dev/null"], { env: { ...environment, TERM: "xterm-256color", ...env } }));
}

/** A server, and a folder for each of romeo and juliet with an account that is set up. */
export interface House {
  readonly server: LocalServer;
  readonly folder: string;
  /** Options of everything that goes online. */
  readonly online: readonly string[];
  as(who: "romeo" | "juliet"): readonly string[];
  file(name: string, content: string): Promise<string>;
  tearDown(): Promise<void>;
}

export const accounts = { "romeo@montague.lit": "orchard", "juliet@capulet.lit": "balcony", "nurse@capulet.lit": "wormwood" };

/** @param options `strangers`: nobody is in anybody's contacts */
export async function house({ interfere, strangers = false }: { readonly strangers?: boolean; readonly interfere?: Interfere } = {}): Promise<House> {
  const folder = await mkdtemp(join(tmpdir(), "balcony-cli-"));
  const server = await startLocalServer({ domains: ["montague.lit", "capulet.lit"], accounts, sharedRoster: !strangers, ...(interfere && { interfere }) });
  const file = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  await file("romeo.password", "orchard\n");
  await file("juliet.password", "balcony\n");
  const online = ["--service", server.service, "--insecure-plaintext-server"];
  const as = (who: "romeo" | "juliet"): readonly string[] => ["--data", join(folder, who), "--password-file", join(folder, `${who}.password`), "--insecure-plaintext-server"];
  for (const [jid, who] of [
    ["romeo@montague.lit", "romeo"],
    ["juliet@capulet.lit", "juliet"],
  ] as const) {
    const { code, stderr } = await balcony("login", jid, ...as(who), "--service", server.service).ended;
    if (code !== 0) throw new Error(stderr);
  }
  const tearDown = async (): Promise<void> => {
    await server.stop();
    await rm(folder, { recursive: true });
  };
  return { server, folder, online, as, file, tearDown };
}

/** Romeo opens a stream to Juliet: his trust in her key and how it was verified, or the code with which there is no stream. */
export async function trustOfJuliet(at: House, ...options: readonly string[]): Promise<unknown> {
  const listening = await balcony("listen", ...at.as("juliet"), "--resource", "balcony", "--yes", "--once", "--json").until("listening");
  const opening = balcony("open", "juliet@capulet.lit/balcony", ...at.as("romeo"), "--json", ...options);
  opening.child.stdin.end();
  const told = events((await opening.ended).stdout);
  listening.child.stdin.end();
  listening.child.kill("SIGINT");
  await listening.ended;
  const security = told.find(({ event }) => event === "open")?.security as { trust: string; verified?: { how: string } } | undefined;
  return security ? [security.trust, security.verified?.how] : told.find(({ event }) => event === "error")?.code;
}
