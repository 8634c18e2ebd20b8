import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Namespace } from "./namespaces.js";

const program = fileURLToPath(new URL("host.mjs", import.meta.url));

export interface Tried {
  readonly ms: number;
  readonly state: string;
  readonly text: string;
  readonly error?: string;
}

/** What became of one stream. Times in ms from `open()`. */
export interface Outcome {
  readonly path?: string;
  readonly failure?: string;
  readonly code?: string;
  /** Until the first stanza has come back, or until it failed. */
  readonly ms: number;
  readonly tried: readonly Tried[];
}

/** The Balcony program on a host of the lab. */
export class RemoteHost {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Record<string, unknown>) => void>();
  #ids = 0;
  #said = "";

  constructor(private readonly namespace: Namespace) {
    this.#child = namespace.spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr?.on("data", (chunk) => {
      this.#said += String(chunk);
    });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const { id, ...answer } = JSON.parse(line) as { readonly id?: number };
      if (id === undefined) this.#said += `${line}\n`;
      else {
        this.#waiting.get(id)?.(answer);
        this.#waiting.delete(id);
      }
    });
    this.#child.once("close", (code) => {
      for (const resolve of this.#waiting.values()) resolve({ failure: `the program on ${namespace.name} ended with ${code}: ${this.#said}` });
      this.#waiting.clear();
    });
  }

  /** @param options transports by name, or Balcony's own choice */
  async login(options: {
    readonly service: string;
    readonly jid: string;
    readonly transports: readonly string[] | undefined;
    readonly servers: readonly object[];
    readonly mapPorts?: boolean;
  }): Promise<void> {
    const { failure } = await this.#ask({ command: "login", ...options });
    if (failure !== undefined) throw new Error(`${this.namespace.name} cannot log in: ${String(failure)}`);
  }

  async open(options: { readonly jid: string; readonly peer: string; readonly timeout: number }): Promise<Outcome> {
    return (await this.#ask({ command: "open", ...options })) as unknown as Outcome;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.stdin?.end();
    await ended;
  }

  #ask(message: object): Promise<Record<string, unknown>> {
    if (this.#child.exitCode !== null) return Promise.resolve({ failure: `the program has ended: ${this.#said}` });
    const id = this.#ids++;
    const answer = new Promise<Record<string, unknown>>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin?.write(`${JSON.stringify({ id, ...message })}\n`);
    return answer;
  }
}
