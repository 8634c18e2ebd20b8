// One process of memory.ts: opens 1,000 idle connections, both ends in this process, and tells what each end takes of its memory.

import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createSecureContext, TLSSocket } from "node:tls";
import { createIdentity, exportIdentity } from "@balcony/tls";
import { SaxesParser } from "saxes";
import { type Pair, securedPair, socketPairs, streamPair } from "./pairs.js";

const WARM_UP = 50;
const CONNECTIONS = 1000;

const kept: unknown[] = [];
const identity = exportIdentity(createIdentity("romeo@montague.lit"));
const secureContext = createSecureContext({ key: identity.privateKey, cert: identity.certificate, minVersion: "TLSv1.3" });

/** An end with nothing on it but TLS and a parser. */
function bare(socket: TLSSocket): readonly unknown[] {
  const parser = new SaxesParser();
  for (const event of ["opentag", "closetag", "text", "error"] as const) parser.on(event, () => undefined);
  parser.write("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
  socket.on("data", (chunk: Buffer) => parser.write(chunk.toString()));
  return [socket, parser];
}

async function barePair([near, far]: Pair<Socket>): Promise<void> {
  const server = new TLSSocket(far, { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false });
  const client = connect({ socket: near, secureContext, rejectUnauthorized: false, checkServerIdentity: () => undefined });
  await Promise.all([once(client, "secureConnect"), once(server, "secure")]);
  kept.push(bare(client), bare(server));
}

const open: Record<string, (pair: Pair<Socket>) => Promise<void>> = {
  bare: barePair,
  stream: async (pair) => void kept.push(await streamPair(await securedPair(pair))),
};

/** Bytes that are in use: garbage is collected before, and the allocator's free pages are given back as far as they can be. */
async function memory(): Promise<number> {
  for (let turn = 0; turn < 10; turn++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().rss;
}

const kind = process.argv[2] ?? "stream";
const opener = open[kind];
if (!opener || !globalThis.gc) throw new Error("node --expose-gc memory-of.js bare|stream");
const sockets = await socketPairs();
const openMany = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index++) {
    await opener(await sockets.pair());
    if (index % 100 === 99) globalThis.gc?.(); // what a handshake leaves behind would otherwise make the process larger than its connections
  }
};
await openMany(WARM_UP);
const before = await memory();
await openMany(CONNECTIONS);
const after = await memory();
process.send?.((after - before) / CONNECTIONS / 2 / 1024);
if (!process.send) process.stdout.write(`${kind} ${((after - before) / CONNECTIONS / 2 / 1024).toFixed(1)} KiB ${JSON.stringify(process.memoryUsage())}\n`);
process.exit();
