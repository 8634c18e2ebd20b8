import { promises as real } from "node:fs";
import type * as Files from "node:fs/promises";

/** The process that is simulated here is dead: nothing that it still tries has an effect. */
export class Crash extends Error {}

/** Where in an operation the process, or the machine, stops. */
export type Moment = "before" | "during" | "after" | "power";

/**
 * Stands in for node:fs/promises and stops the process at one of its operations: before it, in the middle (a file half written), or after it; or takes the
 * power away after it, so that what was written and not synchronised is lost, and a rename whose folder was not synchronised never was.
 */
class CrashingFiles {
  #left = Number.POSITIVE_INFINITY;
  #moment: Moment = "before";
  #dead = false;
  /** What a power failure undoes. */
  #unsynced = new Map<string, () => Promise<void>>();
  #renames: (() => Promise<void>)[] = [];
  operations = 0;

  /** Crashes at operation `at`, counted from 1. */
  arm(at: number, moment: Moment): void {
    this.#left = at;
    this.#moment = moment;
    this.#dead = false;
    this.#unsynced.clear();
    this.#renames = [];
    this.operations = 0;
  }

  disarm(): void {
    this.arm(Number.POSITIVE_INFINITY, "before");
  }

  get crashed(): boolean {
    return this.#dead;
  }

  async #step<T>(work: () => Promise<T>, half: () => Promise<void> = async () => undefined): Promise<T> {
    if (this.#dead) throw new Crash();
    this.operations++;
    if (--this.#left > 0) return await work();
    this.#dead = true;
    if (this.#moment === "during") await half();
    if (this.#moment === "after" || this.#moment === "power") await work();
    if (this.#moment === "power") await this.#cutPower();
    throw new Crash();
  }

  async #cutPower(): Promise<void> {
    for (const undo of this.#renames.reverse()) await undo();
    for (const lose of this.#unsynced.values()) await lose();
  }

  over(files: typeof Files): typeof Files {
    return {
      ...files,
      mkdir: ((path: string, options: Parameters<typeof files.mkdir>[1]) => this.#step(() => files.mkdir(path, options))) as typeof files.mkdir,
      readdir: ((path: string) => this.#step(() => files.readdir(path))) as typeof files.readdir,
      readFile: ((path: string, encoding: "utf8") => this.#step(() => files.readFile(path, encoding))) as typeof files.readFile,
      rm: (path, options) => this.#step(() => files.rm(path, options)),
      rename: (from, to) => this.#step(() => this.#rename(String(from), String(to))),
      open: async (path, flags, mode) => {
        let opened: Files.FileHandle | undefined;
        const handle = await this.#step(async () => {
          opened = await files.open(path, flags, mode);
          return opened;
        }).catch(async (error: unknown) => {
          await opened?.close(); // the system closes what the dead have left open
          throw error;
        });
        const name = String(path);
        return new Proxy(handle, {
          get: (target, property) => {
            if (property === "writeFile")
              return (text: string) =>
                this.#step(
                  () => this.#write(target, name, text),
                  () => target.writeFile(text.slice(0, text.length / 2)),
                );
            if (property === "sync") return () => this.#step(() => this.#sync(target, name));
            if (property === "close") return () => target.close();
            if (property === "then") return undefined; // it is awaited, and no promise
            throw new Error(`nobody was expected to call ${String(property)}`);
          },
        });
      },
    };
  }

  async #write(handle: Files.FileHandle, path: string, text: string): Promise<void> {
    await handle.writeFile(text);
    this.#unsynced.set(path, () => real.truncate(path, 0).catch(() => undefined));
  }

  async #sync(handle: Files.FileHandle, path: string): Promise<void> {
    await handle.sync();
    this.#unsynced.delete(path);
    if ((await handle.stat()).isDirectory()) this.#renames = [];
  }

  async #rename(from: string, to: string): Promise<void> {
    const before = await real.readFile(to).catch(() => undefined);
    const unsynced = this.#unsynced.get(from);
    if (unsynced) this.#unsynced.set(to, () => real.truncate(to, 0));
    await real.rename(from, to);
    this.#renames.push(async () => {
      await real.rename(to, from);
      if (before !== undefined) await real.writeFile(to, before, { mode: 0o600 });
    });
  }
}

export const crashing = new CrashingFiles();
