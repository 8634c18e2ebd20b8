import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Ears, Start } from "./program.js";

interface Line {
  readonly id: number;
  readonly say?: object;
  readonly log?: string;
  readonly exit?: number;
}

/** One process of a peer that plays many tasks: starting an interpreter for each of hundred misbehaviours would cost more than the misbehaviours. */
export class Host {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #tasks = new Map<number, Ears>();
  readonly #gone: Promise<void>;
  #last = 0;

  constructor([program, ...args]: readonly string[], folder: string) {
    if (program === undefined) throw new Error("a host has a command");
    this.#child = spawn(program, args, { cwd: folder, stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdin.on("error", () => undefined); // each task hears that the process is gone
    createInterface({ input: this.#child.stdout }).on("line", (text) => this.#heard(JSON.parse(text) as Line));
    this.#gone = new Promise((resolve) => {
      const gone = (code: number | null, signal: NodeJS.Signals | null) => {
        for (const ears of this.#tasks.values()) ears.ended(code ?? 1, signal);
        this.#tasks.clear();
        resolve();
      };
      this.#child.once("error", () => gone(1, null)).once("close", gone);
    });
  }

  readonly start: Start = (environment, ears) => {
    const id = ++this.#last;
    this.#tasks.set(id, ears);
    this.#write({ id, environment });
    return {
      write: (line) => this.#write({ id, signal: JSON.parse(line) as unknown }),
      hangUp: () => undefined, // for layers that are not hosted
      kill: () => {
        if (this.#tasks.has(id)) this.#write({ id, cancel: true });
      },
    };
  };

  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#gone;
  }

  #write(line: object): void {
    this.#child.stdin.write(`${JSON.stringify(line)}\n`);
  }

  #heard({ id, say, log, exit }: Line): void {
    const ears = this.#tasks.get(id);
    if (!ears) return;
    if (say) ears.stdout(`${JSON.stringify(say)}\n`);
    if (log !== undefined) ears.stderr(`${log}\n`);
    if (exit === undefined) return;
    this.#tasks.delete(id);
    ears.ended(exit, null);
  }
}
