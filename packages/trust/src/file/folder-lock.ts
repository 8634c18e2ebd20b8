import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { abortError, BalconyError } from "@balcony/channel";
import { lock } from "proper-lockfile";
import { inaccessible } from "./files.js";

/** Milliseconds after which the lock of a process that died is taken over. A living one renews it every half of that. */
const STALE = 5_000;

export interface LockOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/** Throws `store-locked` if another process has taken the lock over: this one was stopped for longer than a living process may be. */
export type StillHeld = () => Promise<void>;

/**
 * Does `work` while no other process does any in this folder.
 * @throws `store-locked` after the timeout, `aborted`, `store-inaccessible`, or what `work` throws
 */
export async function withFolderLock<T>(folder: string, options: LockOptions, work: (stillHeld: StillHeld) => Promise<T>): Promise<T> {
  const path = join(folder, "lock");
  let compromised = false;
  const release = await acquire(folder, path, options, () => {
    compromised = true;
  });
  const held = await identityOf(path);
  const stillHeld = async (): Promise<void> => {
    if (!compromised && held !== undefined && (await identityOf(path)) === held) return;
    compromised = true;
    throw new BalconyError("store-locked", "Another process took over the trust store while this one was stopped. Nothing was changed.", { phase: "store", hint: "Try again." });
  };
  try {
    return await work(stillHeld);
  } finally {
    if (!compromised) await release().catch((error: unknown) => Promise.reject(inaccessible(path, error)));
  }
}

async function acquire(folder: string, path: string, { timeout, signal }: LockOptions, onCompromised: () => void): Promise<() => Promise<void>> {
  const waitingFor = "the trust store, which another process holds";
  const deadline = performance.now() + timeout;
  for (;;) {
    if (signal?.aborted) throw abortError(signal, waitingFor);
    try {
      return await lock(folder, { realpath: false, lockfilePath: path, stale: STALE, onCompromised });
    } catch (error) {
      if (!isLocked(error)) throw inaccessible(path, error);
    }
    if (performance.now() >= deadline) throw new BalconyError("store-locked", `Waited ${timeout / 1000} s for ${waitingFor}.`, { phase: "store" });
    // Not in step with whoever else is waiting. An abort is seen at the head of the loop.
    await pause(10 + Math.random() * 30, undefined, { signal }).catch(() => undefined);
  }
}

/** Tells this lock from one that was made in its place. */
async function identityOf(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined); // gone is as bad as replaced
  return found && `${found.dev} ${found.ino} ${found.birthtimeNs}`;
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ELOCKED";
}
