import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BalconyError } from "@balcony/channel";
import { judgeBreach } from "./breach.js";
import { type Cell, cellName } from "./cells.js";
import { makeCertificate } from "./certificates.js";
import type { Layer } from "./contract.js";
import type { Host } from "./host.js";
import { ceremony } from "./ours/ceremony.js";
import { e2e } from "./ours/e2e.js";
import { e2eOf2009 } from "./ours/e2e-2009.js";
import { esession } from "./ours/esession.js";
import { ibb } from "./ours/ibb.js";
import { iceTcp, webrtc } from "./ours/ice.js";
import { jingle } from "./ours/jingle.js";
import { s5b } from "./ours/s5b.js";
import type { OurSide, OurTask } from "./ours/side.js";
import { starttls } from "./ours/starttls.js";
import type { Peer } from "./peer-folder.js";
import { PeerProcess } from "./peer-process.js";
import type { Server } from "./servers.js";

export interface Result extends Cell {
  readonly outcome: "passed" | "failed" | "not applicable";
  /** Why it failed, or does not apply. */
  readonly reason: string | undefined;
  readonly milliseconds: number;
  /** What went over the wire on both sides, where it failed. */
  readonly log: string;
}

const sides: Partial<Record<Layer, (task: OurTask) => Promise<OurSide>>> = {
  ibb,
  s5b,
  jingle,
  "ice-tcp": iceTcp,
  webrtc,
  starttls,
  e2e,
  "e2e-2009": e2eOf2009,
  ceremony,
  esession,
};

/** Milliseconds for a peer. Ours is given a little less, so that it says first what it waited for. */
const DEADLINE = 40_000;
const OURS = 35_000;

export interface Surroundings {
  readonly server: Server | undefined;
  readonly ports: () => Promise<number>;
  /** For peers that play many tasks in one process. */
  readonly host: Host | undefined;
}

export async function runCell(cell: Cell, peer: Peer, { server, ports, host }: Surroundings): Promise<Result> {
  const started = performance.now();
  const lines: string[] = [];
  const result = (outcome: Result["outcome"], reason?: string): Result => ({
    ...cell,
    outcome,
    reason,
    milliseconds: Math.round(performance.now() - started),
    log: outcome === "failed" ? `${cellName(cell)}\n${reason}\n\n${lines.join("\n")}\n` : "",
  });
  if (peer.missing !== undefined) return result(process.env.CI === "true" ? "failed" : "not applicable", peer.missing);
  const inapplicable =
    peer.notApplicable[`${cell.layer}/${cell.role}/${cell.server}`] ??
    peer.notApplicable[`${cell.layer}/${cell.role}`] ??
    peer.notApplicable[`${cell.layer}/${cell.role}/${cell.variant}`];
  if (inapplicable !== undefined) return result("not applicable", inapplicable);
  const begin = sides[cell.layer];
  if (!begin) return result("not applicable", "Balcony's end of this layer is not played by the harness yet");

  const folder = await mkdtemp(join(tmpdir(), "balcony-interop-"));
  const since = () => `${((performance.now() - started) / 1000).toFixed(3)}`;
  const log = (source: string, text: string) => lines.push(`${since()} ${source}: ${text.trimEnd()}`);
  let ours: OurSide | undefined;
  let running: PeerProcess | undefined;
  try {
    const task = await taskOf(cell, server, folder, ports);
    ours = await begin({ ...task.ours, signal: AbortSignal.timeout(OURS), log: (direction, text) => log(`balcony ${direction}`, text) });
    running = new PeerProcess(task.peer, {
      start: cell.options.misbehave === undefined ? peer.start : (host?.start ?? peer.start),
      deadline: DEADLINE,
      log: (source, text) => log(`${peer.name} ${source}`, text),
    });
    const played = ours.run(running);
    played.catch(() => undefined); // looked at below
    // A peer that breaks the contract will never do what ours waits for.
    const late = timeout(OURS + 1_000);
    const outcome = await Promise.race([late.passed, played.then(() => undefined, asError), running.ended.then(() => new Promise<never>(() => undefined), asError)]);
    late.clear();
    if (cell.options.misbehave !== undefined) {
      judgeBreach(cell, outcome, await running.ended);
      return result("passed");
    }
    if (cell.code === undefined && outcome) throw outcome;
    if (cell.code !== undefined) {
      const met = outcome instanceof BalconyError ? outcome.code : outcome === undefined ? "nothing amiss" : `${outcome.name}: ${outcome.message}`;
      if (met !== cell.code) throw new Error(`Balcony met it with "${met}" and should have with "${cell.code}".${outcome ? ` ${outcome.message}` : ""}`);
    }
    await running.ended;
    return result("passed");
  } catch (error) {
    return result("failed", said(error));
  } finally {
    running?.kill();
    await ours?.close().catch((error: unknown) => log("balcony", `closing: ${String(error)}`));
    await rm(folder, { recursive: true, force: true });
  }
}

function timeout(milliseconds: number): { readonly passed: Promise<Error>; readonly clear: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<Error>((resolve) => {
    timer = setTimeout(() => resolve(new Error(`Balcony's end still waited after ${milliseconds} ms.`)), milliseconds);
  });
  return { passed, clear: () => clearTimeout(timer) };
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

function said(error: unknown): string {
  if (error instanceof BalconyError) return `${error.code}: ${error.message}`;
  return asError(error).message;
}

async function taskOf(cell: Cell, server: Server | undefined, folder: string, ports: () => Promise<number>) {
  const [peerAccount, ourAccount] = server?.accounts ?? (["alice@montague.lit", "bob@capulet.lit"] as const);
  const resource = cellName(cell).replaceAll(/[^a-z0-9]+/gi, "-");
  const [peer, self] = [`${peerAccount}/${resource}-p`, `${ourAccount}/${resource}-b`];
  const service = server?.service ?? `tcp://127.0.0.1:${await ports()}`;
  const kind = typeof cell.options.kind === "string" ? cell.options.kind : "p-256";
  const files = cell.layer === "starttls" ? await makeCertificate(kind, { address: peerAccount, folder }) : {};
  const options = { ...cell.options, ...files, ...(server?.proxy !== undefined && { proxy: server.proxy }) };
  const password = server?.password ?? "";
  return {
    peer: { layer: cell.layer, role: cell.role, service, webSocket: server?.webSocket, jid: peer, password, target: self, options },
    ours: {
      role: cell.role === "initiator" ? "responder" : "initiator",
      service,
      self,
      password,
      peer,
      options: { ...cell.options, ...(server?.proxy !== undefined && { proxy: server.proxy }) },
    },
  } as const;
}
