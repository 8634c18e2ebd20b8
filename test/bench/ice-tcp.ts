// TLS over ICE-TCP on loopback, against node:tls on a bare TCP connection: 64 KiB writes, both ends in one process.
import type { Duplex } from "node:stream";
import { connect, createServer, type TLSSocket } from "node:tls";
import { memoryStanzaPair } from "@balcony/channel";
import type { AddressPolicy, Role, TransportAttempt } from "@balcony/jingle";
import { secure } from "@balcony/tls";
import { iceTcp } from "@balcony/transport-ice-tcp";
import type { Element } from "@balcony/xml";
import { interleaved } from "./interleaved.js";
import { juliet, type Pair, romeo, socketPairs } from "./pairs.js";
import { atLeast, report } from "./row.js";

const PIECE = Buffer.alloc(64 * 1024, 7);
const PIECES = 4096;
const ROUNDS = 5;
const MEGABYTE = 1_000_000;
const addresses: AddressPolicy = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true };

/** The two ends of a session's transport, without Jingle. */
async function icePair(): Promise<Pair<Duplex>> {
  const [channelI, channelR] = memoryStanzaPair({ a: romeo.jid, b: juliet.jid });
  const attempts: Partial<Record<Role, TransportAttempt>> = {};
  const begin = (role: Role): TransportAttempt => {
    const attempt = iceTcp().attempt({
      channel: role === "initiator" ? channelI.to(juliet.jid) : channelR.to(romeo.jid),
      role,
      sid: "bench",
      addresses,
      sendInfo: async (info: Element) => attempts[role === "initiator" ? "responder" : "initiator"]?.info(info),
      progress: () => undefined,
    });
    attempts[role] = attempt;
    return attempt;
  };
  const [initiator, responder] = [begin("initiator"), begin("responder")];
  initiator.accepted(await responder.answer(await initiator.offer()));
  const { signal } = new AbortController();
  const [near, far] = await Promise.all([initiator.connect(signal), responder.connect(signal)]);
  return [near.bytes, far.bytes];
}

const accept = (): undefined => undefined;

async function secured([near, far]: Pair<Duplex>): Promise<Pair<Duplex>> {
  const [client, server] = await Promise.all([
    secure(near, { role: "client", identity: romeo.identity, accept }),
    secure(far, { role: "server", identity: juliet.identity, accept }),
  ]);
  return [client.bytes, server.bytes];
}

const sockets = await socketPairs();
const { key, cert } = bareIdentity();

function bareIdentity(): { readonly key: string; readonly cert: string } {
  const { privateKey, certificate } = juliet.identity;
  const pem = Buffer.from(certificate).toString("base64");
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }) as string, cert: `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n` };
}

/** node:tls as everybody uses it, on a TCP connection of its own. */
async function bare(): Promise<Pair<Duplex>> {
  const server = createServer({ key, cert, minVersion: "TLSv1.3" });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve));
  const client = connect({ host: "127.0.0.1", port: (server.address() as { port: number }).port, rejectUnauthorized: false });
  const far = await accepted;
  server.close();
  return [client, far];
}

/** Megabytes a second. */
async function rate(make: () => Promise<Pair<Duplex>>): Promise<number> {
  const [near, far] = await make();
  near.on("error", () => undefined);
  far.on("error", () => undefined);
  near.resume();
  const total = PIECE.length * PIECES;
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let came = 0;
    far.on("data", (bytes: Buffer) => {
      came += bytes.length;
      if (came === total) resolve();
    });
    let left = PIECES;
    const pump = () => {
      while (left-- > 0) if (!near.write(PIECE)) return void near.once("drain", pump);
    };
    pump();
  });
  const seconds = (performance.now() - start) / 1000;
  near.destroy();
  far.destroy();
  return total / MEGABYTE / seconds;
}

const { values, baselines } = await interleaved(ROUNDS, { values: async () => await rate(async () => await secured(await icePair())), baselines: async () => await rate(bare) });
sockets.close();
report([atLeast("ICE-TCP with TLS, against bare node:tls", 0.7, { unit: "MB/s", values, baselines })]);
process.exit();
