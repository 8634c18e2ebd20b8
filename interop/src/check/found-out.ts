import { availableParallelism } from "node:os";
import type { Role } from "../contract.js";
import type { Host } from "../host.js";
import type { Misbehaviour, Peer } from "../peer-folder.js";
import { type Server, startServer } from "../servers.js";
import type { AccountOptions } from "./account.js";
import { sections as every, type Section } from "./rules/requirement.js";
import { check, type Result } from "./run.js";
import { contractSubject, type Subject } from "./subject.js";

/** ms of each wait: many sessions share two cores. */
const TIMEOUT = 20_000;
/** ms of one task of the peer. */
const DEADLINE = 60_000;

/** A server in this process, and processes of a peer that share its tasks between them. */
export class Bench {
  readonly #server: Server;
  readonly #hosts: readonly Host[];
  #next = 0;

  private constructor(server: Server, hosts: readonly Host[]) {
    this.#server = server;
    this.#hosts = hosts;
  }

  static async start({ name, host }: Peer): Promise<Bench> {
    if (!host) throw new Error(`${name} has no host that plays many tasks.`);
    const server = await startServer("embedded");
    return new Bench(
      server,
      Array.from({ length: availableParallelism() }, () => host()),
    );
  }

  /** The peer, with more of INTEROP_OPTIONS. */
  subject(options: Readonly<Record<string, unknown>> = {}): Subject {
    const { service, webSocket, accounts, password, proxy } = this.#server;
    // Each task by the process whose turn it is.
    const start: Host["start"] = (...task) => (this.#hosts[this.#next++ % this.#hosts.length] as Host).start(...task);
    return contractSubject({ start, service, webSocket, account: accounts[0], password, proxy, deadline: DEADLINE, options });
  }

  get account(): Omit<AccountOptions, "self"> & { readonly address: string } {
    const { service, accounts, password } = this.#server;
    return { service, address: accounts[1], password, plain: true };
  }

  readonly timeout = TIMEOUT;

  async stop(): Promise<void> {
    await Promise.all(this.#hosts.map(async (host) => await host.stop()));
    await this.#server.stop();
  }
}

/** One way in which a peer misbehaves, in whichever role it can. */
export interface Suspect {
  readonly name: string;
  readonly rows: readonly Misbehaviour[];
}

/** Every misbehaviour of a peer's table once: it has a row for each role. */
export function suspectsOf(table: readonly Misbehaviour[]): Suspect[] {
  const names = [...new Set(table.map(({ name }) => name))];
  return names.map((name) => ({ name, rows: table.filter((row) => row.name === name) }));
}

interface FindOutOptions {
  /** Default: every one. */
  readonly sections?: readonly Section[];
  /** Only sessions in which the tester keeps every rule, of each kind. Default: false. */
  readonly observe?: boolean;
  /** Sessions at once. Default: 1. */
  readonly jobs?: number;
}

/** Runs the check in both roles against a peer that misbehaves so. @returns what is found otherwise than its table says; empty: exactly that */
export async function findOut(suspect: Suspect, bench: Bench, { sections = every, observe = false, jobs = 1 }: FindOutOptions = {}): Promise<string[]> {
  const { account, timeout } = bench;
  const results = await check({ subject: bench.subject({ misbehave: suspect.name }), account, timeout, sections, observe, jobs });
  return foundOtherwise(suspect, results);
}

/**
 * What is not met must be what the table says, all of that, and nothing else. The rest is met; or it is not reached, for no reason but that; or it is not offered,
 * where what is broken is that a transport has to be.
 */
export function foundOtherwise({ rows }: Suspect, results: readonly Result[]): string[] {
  const broken = (role: Role): readonly string[] => rows.flatMap((row) => (row.role === role && row.rule !== undefined ? [row.rule] : []));
  return results.flatMap(({ requirement: { id }, role, verdict, evidence }) => {
    const wanted = broken(role).includes(id) ? "not met" : "met";
    if (verdict === wanted) return [];
    const because = broken(role).some((rule) => evidence?.why.includes(`${rule}: `));
    if (wanted === "met" && verdict === "not reached" && because) return [];
    if (wanted === "met" && verdict === "not offered" && broken(role).includes("disco-transport")) return [];
    return [`${id} as ${role} is ${verdict}, and should be ${wanted}: ${evidence?.why ?? ""}`];
  });
}

/** `pnpm interop --check-all`: all of the check, once with each misbehaviour of the peer's. @returns how many there are, and what was found otherwise than its table says */
export async function findOutAll(
  peer: Peer,
  { jobs, only, progress }: { readonly jobs: number; readonly only: string | undefined; readonly progress: (line: string) => void },
): Promise<{ readonly suspects: number; readonly wrong: readonly string[] }> {
  const suspects = suspectsOf(peer.misbehaviours.e2e ?? []).filter(({ name }) => only === undefined || name === only);
  const bench = await Bench.start(peer);
  try {
    const queue = [...suspects];
    const wrong: string[] = [];
    const work = async (): Promise<void> => {
      for (let suspect = queue.shift(); suspect; suspect = queue.shift()) {
        const { name } = suspect;
        const otherwise = await findOut(suspect, bench);
        progress(otherwise.length === 0 ? `ok ${name}` : `FAILED ${name}: ${otherwise[0]}`);
        wrong.push(...otherwise.map((line) => `${name}: ${line}`));
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
    return { suspects: suspects.length, wrong };
  } finally {
    await bench.stop();
  }
}
