import { createDiffieHellmanGroup } from "node:crypto";
import { Worker } from "node:worker_threads";
import type { Arithmetic, Power } from "../crypto.js";
import { leftPadded } from "../octets.js";

/**
 * What the worker runs. As text, since a worker's file would have to be found from sources, from dist/ and from a bundle alike. Node has no asynchronous Diffie-Hellman
 * before 23, and a group 18 exponentiation on the event loop would stop every other session.
 */
const program = `
const { parentPort } = require("node:worker_threads");
const { createDiffieHellmanGroup, DiffieHellman } = require("node:crypto");
function power({ group, base, exponent }) {
  // A group by name: from its numbers Node 24 would first prove the prime, which takes seconds. By name it lacks the method alone.
  const dh = createDiffieHellmanGroup("modp" + group);
  DiffieHellman.prototype.setPrivateKey.call(dh, exponent);
  return base ? dh.computeSecret(base) : dh.generateKeys();
}
parentPort.on("message", ({ id, all }) => {
  try {
    parentPort.postMessage({ id, results: all.map(power) });
  } catch (error) {
    parentPort.postMessage({ id, error: String(error) });
  }
});
`;

interface Pending {
  readonly resolve: (results: readonly Uint8Array[]) => void;
  readonly reject: (error: Error) => void;
}

interface Reply {
  readonly id: number;
  readonly results?: readonly Uint8Array[];
  readonly error?: string;
}

/** Exponentiations in a worker thread, started at the first one. It keeps no process alive and lives as long as it. */
class WorkerArithmetic implements Arithmetic {
  readonly #pending = new Map<number, Pending>();
  readonly #primes = new Map<number, Uint8Array>();
  #worker: Worker | undefined;
  #last = 0;

  prime(group: number): Uint8Array {
    let prime = this.#primes.get(group);
    if (!prime) {
      prime = createDiffieHellmanGroup(`modp${group}`).getPrime();
      this.#primes.set(group, prime);
    }
    return prime;
  }

  powers(all: readonly Power[]): Promise<readonly Uint8Array[]> {
    if (all.length === 0) return Promise.resolve([]);
    const worker = this.#running();
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      worker.ref(); // for as long as somebody waits
      worker.postMessage({ id, all });
    });
  }

  #running(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(program, { eval: true });
    worker.unref();
    worker.on("message", ({ id, results, error }: Reply) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (this.#pending.size === 0) worker.unref();
      if (results) pending?.resolve(results.map((result) => leftPadded(result, 1)));
      else pending?.reject(new Error(`The arithmetic failed: ${error}`));
    });
    worker.on("error", (error) => this.#died(worker, error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", () => this.#died(worker, new Error("The worker thread ended.")));
    this.#worker = worker;
    return worker;
  }

  #died(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(error);
  }
}

/** One worker for the whole process. */
export const nodeArithmetic: Arithmetic = new WorkerArithmetic();
