import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { ContractBreach, contractVersion, type Layer, next, type PeerEvent, type Place, type Role, readLine, type Signal } from "./contract.js";

/** What a peer is told, as the contract's environment variables have it. */
export interface Task {
  readonly layer: Layer;
  readonly role: Role;
  /** `xmpp://host:port` or `tcp://host:port`. */
  readonly service: string;
  /** The same server's WebSocket, where it has one. */
  readonly webSocket?: string | undefined;
  /** Full address. */
  readonly jid?: string | undefined;
  readonly password?: string | undefined;
  /** Full address of the other end. */
  readonly target?: string | undefined;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

export interface Launch {
  readonly command: readonly string[];
  readonly folder: string;
  /** Milliseconds until it is killed. */
  readonly deadline: number;
  /** Told of all that the peer prints, as it comes. */
  readonly log?: ((source: "stdout" | "stderr" | "stdin", text: string) => void) | undefined;
}

/** Bytes of one line of stdout. */
const LONGEST_LINE = 256 * 1024;

/** A peer that runs. Its events come in order, each once; anything that breaks the contract ends it. */
export class PeerProcess {
  /** Resolves with all events once the peer has exited as the contract has it; rejects with a ContractBreach otherwise. */
  readonly ended: Promise<readonly PeerEvent[]>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #events: PeerEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #log: NonNullable<Launch["log"]>;
  readonly #describing: boolean;
  #place: Place = "run";
  #rest = "";
  #over: Error | undefined;

  constructor(task: Task | "describe", { command, folder, deadline, log = () => undefined }: Launch) {
    const [program, ...args] = command;
    if (program === undefined) throw new Error("a peer has a command");
    this.#log = log;
    this.#describing = task === "describe";
    // A group of its own: what the peer itself has started dies with it.
    this.#child = spawn(program, args, { cwd: folder, env: { ...process.env, ...environment(task, deadline) }, stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.ended = this.#watch(deadline);
    this.ended.catch(() => undefined); // whoever waits for an event hears of it too
  }

  /** The first event of this kind, which may have come already. Rejects with a ContractBreach if the peer ends without. */
  async event<Kind extends PeerEvent["event"]>(kind: Kind): Promise<Extract<PeerEvent, { event: Kind }>> {
    for (;;) {
      const found = this.#events.find((event) => event.event === kind);
      if (found) return found as Extract<PeerEvent, { event: Kind }>;
      if (this.#over) throw this.#over;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Signals in their order, those that came already first. Ends with the peer. */
  async *signals(): AsyncGenerator<Signal> {
    for (let seen = 0; ; ) {
      for (; seen < this.#events.length; seen++) {
        const event = this.#events[seen];
        if (event?.event === "signal") yield event;
      }
      if (this.#over) return;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Hands the peer a line on its stdin. */
  signal(signal: Signal): void {
    const line = JSON.stringify(signal);
    this.#log("stdin", line);
    this.#child.stdin.write(`${line}\n`);
  }

  /** For a cell that has failed on our side: nothing more is wanted of the peer. */
  kill(): void {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  #watch(deadline: number): Promise<readonly PeerEvent[]> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      let breach: ContractBreach | undefined;
      const timer = setTimeout(() => {
        breach ??= new ContractBreach(`The peer still ran after ${deadline} ms, at "${this.#place}".`);
        this.kill();
      }, deadline);
      child.stdin.on("error", () => undefined); // a peer may well be gone
      child.stderr.setEncoding("utf8").on("data", (text: string) => this.#log("stderr", text));
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        if (breach) return;
        try {
          this.#take(text);
        } catch (error) {
          if (!(error instanceof ContractBreach)) throw error;
          breach = error;
          this.kill();
        }
      });
      const settle = (outcome: Error | undefined) => {
        clearTimeout(timer);
        this.#over = outcome ?? new ContractBreach("The peer has exited.");
        if (outcome) reject(outcome);
        else resolve(this.#events);
        this.#wake();
      };
      child.once("error", (error) => settle(new ContractBreach(`The peer cannot be started: ${error.message}`)));
      child.once("close", (code, signal) => settle(breach ?? this.#judge(code, signal)));
    });
  }

  #judge(code: number | null, signal: NodeJS.Signals | null): ContractBreach | undefined {
    if (signal) return new ContractBreach(`The peer was ended by ${signal}, at "${this.#place}".`);
    if (code !== 0) return new ContractBreach(`The peer exited with ${code}, at "${this.#place}".`);
    if (this.#rest.trim() !== "") return new ContractBreach("The last line on stdout has no end.");
    if (this.#describing) return this.#events.length === 1 ? undefined : new ContractBreach("The peer did not describe itself in one event.");
    return this.#place === "over" ? undefined : new ContractBreach(`The peer exited at "${this.#place}", without closed or error.`);
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > LONGEST_LINE) throw new ContractBreach(`A line on stdout is longer than ${LONGEST_LINE} characters.`);
    for (const line of lines) {
      this.#log("stdout", line);
      const event = readLine(line);
      if (this.#describing !== (event.event === "describe")) throw new ContractBreach(`"${event.event}" does not belong to the task.`);
      if (!this.#describing) this.#place = next(this.#place, event);
      this.#events.push(event);
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

function environment(task: Task | "describe", deadline: number): Record<string, string> {
  const common = { INTEROP_VERSION: String(contractVersion), INTEROP_DEADLINE: String(deadline) };
  if (task === "describe") return { ...common, INTEROP_TASK: "describe" };
  const { layer, role, service, webSocket, jid, password, target, options } = task;
  return {
    ...common,
    INTEROP_TASK: "run",
    INTEROP_LAYER: layer,
    INTEROP_ROLE: role,
    INTEROP_SERVICE: service,
    INTEROP_OPTIONS: JSON.stringify(options ?? {}),
    ...(webSocket !== undefined && { INTEROP_WEBSOCKET: webSocket }),
    ...(jid !== undefined && { INTEROP_JID: jid }),
    ...(password !== undefined && { INTEROP_PASSWORD: password }),
    ...(target !== undefined && { INTEROP_TARGET: target }),
  };
}
