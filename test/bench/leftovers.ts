// Opens and closes 2,000 streams through the facade on the embedded server, and looks for what they leave behind in the process of both ends and the server.
import type { EventEmitter } from "node:events";
import { startLocalServer } from "@balcony/local-server";
import { type LoggedIn, login, streamBetween } from "../rigs/login.js";
import { limited, report } from "./row.js";

const WARM_UP = 200;
const STREAMS = 2000;
const AT_ONCE = 8;
/** Bytes a stream that are forgiven: V8 goes on compiling, which is nearly all of it, and Node 20 keeps a weak reference for each use of AbortSignal.any(). One object too many is more. */
const HEAP = 2048;

interface Leftovers {
  readonly handles: number;
  readonly timers: number;
  readonly listeners: number;
  readonly heap: number;
}

const listeners = (emitter: EventEmitter): number => emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);

function emittersOf({ e2e, xmpp }: LoggedIn): EventEmitter[] {
  const { socket, streamManagement } = xmpp as unknown as Record<"socket" | "streamManagement", EventEmitter>;
  return [e2e, xmpp as unknown as EventEmitter, socket, streamManagement];
}

async function leftovers(people: readonly LoggedIn[]): Promise<Leftovers> {
  for (let turn = 0; turn < 100; turn++) {
    if (turn % 10 === 0) globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const resources = process.getActiveResourcesInfo();
  const timers = resources.filter((kind) => kind === "Timeout" || kind === "Immediate").length;
  return {
    timers,
    handles: resources.length - timers,
    listeners: [process as EventEmitter, ...people.flatMap(emittersOf)].reduce((sum, emitter) => sum + listeners(emitter), 0),
    heap: process.memoryUsage().heapUsed + process.memoryUsage().external,
  };
}

async function openAndClose(from: LoggedIn, to: LoggedIn): Promise<void> {
  const session = await from.e2e.open(to.self);
  await session.close();
}

async function many(count: number, [from, to]: readonly [LoggedIn, LoggedIn]): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await openAndClose(from, to);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  while (from.e2e.sessions.size > 0 || to.e2e.sessions.size > 0) await new Promise((resolve) => setImmediate(resolve));
}

const password = "secret";
const [romeo, juliet] = ["romeo@montague.lit", "juliet@capulet.lit"] as const;
const server = await startLocalServer({ domains: ["montague.lit", "capulet.lit"], accounts: { [romeo]: password, [juliet]: password }, sharedRoster: true });
const people = [await login({ service: server.service, jid: romeo, password }), await login({ service: server.service, jid: juliet, password })] as const;
const [session] = await streamBetween(...people);
await session.close();
await many(WARM_UP, people);
const before = await leftovers(people);
const start = performance.now();
await many(STREAMS, people);
if (process.env.BENCH_VERBOSE) process.stderr.write(`${((performance.now() - start) / STREAMS).toFixed(1)} ms a stream\n`);
const after = await leftovers(people);
const errors = people.flatMap((person) => person.errors);
if (errors.length > 0) throw errors[0];
const more = (what: keyof Leftovers): number => Math.max(0, after[what] - before[what]);
report([
  limited("2,000 streams opened and closed: handles left", "", more("handles"), 0),
  limited("… timers left", "", more("timers"), 0),
  limited("… listeners left", "", more("listeners"), 0),
  limited("… bytes of heap that each left", "B", more("heap") / STREAMS, HEAP),
]);
await Promise.all(people.map(async (person) => await person.logout()));
await server.stop();
process.exit();
