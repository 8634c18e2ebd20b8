import { spawn } from "node:child_process";

/** What runs a peer: a process of its own, or a share of one that runs many. */
export interface Program {
  write(text: string): void;
  /** Ends its stdin. */
  hangUp(): void;
  kill(): void;
}

export interface Ears {
  stdout(text: string): void;
  stderr(text: string): void;
  /** It never began. */
  failed(error: Error): void;
  /** All that it had to say has been heard. */
  ended(code: number | null, signal: NodeJS.Signals | null): void;
}

export type Start = (environment: Readonly<Record<string, string>>, ears: Ears) => Program;

/** A process of its own for each task, in a group of its own: what the peer itself has started dies with it. */
export function processOf([program, ...args]: readonly string[], folder: string): Start {
  if (program === undefined) throw new Error("a peer has a command");
  return (environment, { stdout, stderr, failed, ended }) => {
    const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...environment }, stdio: ["pipe", "pipe", "pipe"], detached: true });
    child.stdin.on("error", () => undefined); // a peer may well be gone
    child.stderr.setEncoding("utf8").on("data", stderr);
    child.stdout.setEncoding("utf8").on("data", stdout);
    child.once("error", failed);
    child.once("close", ended);
    return {
      write: (text) => void child.stdin.write(text),
      hangUp: () => void child.stdin.end(),
      kill: () => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
        try {
          process.kill(-child.pid, "SIGKILL");
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
        }
      },
    };
  };
}
