import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { promisify } from "node:util";

export const exec = promisify(execFile);

const ATTEMPTS = 600;

/** Resolves once something listens there; fails if the process ends before, or after `ATTEMPTS` tries. */
export async function listening(host: string, port: number, child: ChildProcess | undefined): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (child && (child.exitCode !== null || child.signalCode !== null))
      throw new Error(`The server ended with ${child.exitCode ?? child.signalCode} before it listened on ${host}:${port}.`);
    if (await accepts(host, port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50)); // between tries of a server that is starting
  }
  throw new Error(`Nothing listens on ${host}:${port}.`);
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Resolves once a process that is not our child has ended, which nobody tells us of. */
export async function gone(pid: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return;
      throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`Process ${pid} does not end.`);
}

/** Starts a server in the foreground of a child process of ours. */
export function start(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(command, args, { env, stdio: "ignore" });
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}
