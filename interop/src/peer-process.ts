import { ContractBreach, contractVersion, type Layer, next, type PeerEvent, type Place, type Role, readLine, type Signal } from "./contract.js";
import type { Program, Start } from "./program.js";

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
  readonly start: Start;
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
  #program: Program | undefined;
  readonly #events: PeerEvent[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #log: NonNullable<Launch["log"]>;
  readonly #describing: boolean;
  #place: Place = "run";
  #rest = "";
  #over: Error | undefined;

  constructor(task: Task | "describe", { start, deadline, log = () => undefined }: Launch) {
    this.#log = log;
    this.#describing = task === "describe";
    this.ended = this.#watch(deadline, (ears) => start(environment(task, deadline), ears));
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
    this.#program?.write(`${line}\n`);
  }

  /** Nothing more will be signalled: the end of its stdin. A peer that waits for nothing else ends then. */
  hangUp(): void {
    this.#program?.hangUp();
  }

  /** For a cell that has failed on our side: nothing more is wanted of the peer. */
  kill(): void {
    this.#program?.kill();
  }

  #watch(deadline: number, start: (ears: Parameters<Start>[1]) => Program): Promise<readonly PeerEvent[]> {
    return new Promise((resolve, reject) => {
      let breach: ContractBreach | undefined;
      const timer = setTimeout(() => {
        breach ??= new ContractBreach(`The peer still ran after ${deadline} ms, at "${this.#place}".`);
        this.kill();
      }, deadline);
      const settle = (outcome: Error | undefined) => {
        clearTimeout(timer);
        this.#over = outcome ?? new ContractBreach("The peer has exited.");
        if (outcome) reject(outcome);
        else resolve(this.#events);
        this.#wake();
      };
      this.#program = start({
        stderr: (text) => this.#log("stderr", text),
        stdout: (text) => {
          if (breach) return;
          try {
            this.#take(text);
          } catch (error) {
            if (!(error instanceof ContractBreach)) throw error;
            breach = error;
            this.kill();
          }
        },
        failed: (error) => settle(new ContractBreach(`The peer cannot be started: ${error.message}`)),
        ended: (code, signal) => settle(breach ?? this.#judge(code, signal)),
      });
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
