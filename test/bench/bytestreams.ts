// In-band bytestreams through a real Prosody without limits: ours, between two clients that balcony() has, against programs that send the same blocks by hand.
import { once } from "node:events";
import type { StanzaChannel } from "@balcony/channel";
import { acceptBytestreams, openBytestream } from "@balcony/transport-ibb";
import { channelsSeen } from "../rigs/channels.js";
import { login } from "../rigs/login.js";
import { prosody, type RigServer } from "../rigs/prosody.js";
import { type Account, blocksByHand, ClientConnection, type Connection, RawConnection } from "./by-hand.js";
import { delayingRelay } from "./delaying-relay.js";
import { interleaved } from "./interleaved.js";
import { atLeast, forInformation, median, report } from "./row.js";

const BLOCK = 4096;
const ROUNDS = 4;
const MEGABYTE = 1_000_000;
const payload = Buffer.alloc(6 * MEGABYTE, 7);
/** ms, injected */
const ROUND_TRIP = 100;
/** What slixmpp was seen to move, as the requirement has it (MB/s): a constant, not measured here. */
const SLIXMPP = 3.9;

interface Ends {
  readonly near: StanzaChannel;
  readonly far: StanzaChannel;
}

/** The channels under two accounts, as the facade gives them to a transport. */
async function channels(server: RigServer, nearService = server.service): Promise<Ends & { readonly close: () => Promise<void> }> {
  const seen = channelsSeen();
  const options = { transports: seen.transports };
  const [alice, bob] = server.accounts as [string, string];
  const far = await login({ service: server.service, jid: bob, password: server.password, options });
  const near = await login({ service: nearService, jid: alice, password: server.password, options });
  return { near: seen.of(near), far: seen.of(far), close: async () => void (await Promise.all([near.logout(), far.logout()])) };
}

/** Seconds for so many bytes to come out at the other end. */
async function ours({ near, far }: Ends, bytes: Buffer): Promise<number> {
  let done: (seconds: number) => void = () => undefined;
  const came = new Promise<number>((resolve) => {
    done = resolve;
  });
  let start = 0;
  const stop = acceptBytestreams(far, { from: (peer) => peer === near.self, blockSize: BLOCK }, (incoming) => {
    let received = 0;
    incoming.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received === bytes.length) done((performance.now() - start) / 1000);
    });
  });
  const bytestream = await openBytestream(near.to(far.self), { blockSize: BLOCK });
  start = performance.now();
  bytestream.end(bytes);
  const seconds = await came;
  if (!bytestream.closed) await once(bytestream, "close");
  stop();
  return seconds;
}

const seconds = async (work: () => Promise<void>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

/** @returns megabytes a second */
const rate = async (bytes: Buffer, work: (bytes: Buffer) => Promise<number>): Promise<number> => bytes.length / MEGABYTE / (await work(bytes));

/** One block a round trip: what a program gets that waits for each acknowledgement. */
async function farAway(server: RigServer): Promise<{ readonly values: number[]; readonly baselines: number[] }> {
  const relay = await delayingRelay(portOf(server), ROUND_TRIP / 2); // only under the sender: from there the whole trip is seen
  const ends = await channels(server, `xmpp://127.0.0.1:${relay.port}`);
  const [near, far] = await Promise.all([ClientConnection.login(account(server, 0, relay.port)), ClientConnection.login(account(server, 1))]);
  const one = payload.subarray(0, 20 * BLOCK);
  const rounds = await interleaved(2, {
    values: async () => await rate(payload.subarray(0, 2 * MEGABYTE), async (bytes) => await ours(ends, bytes)),
    baselines: async () => await rate(one, async (bytes) => await seconds(async () => await blocksByHand(near, far, { bytes, block: BLOCK, window: 1 }))),
  });
  await Promise.all([ends.close(), near.close(), far.close()]);
  relay.close();
  return rounds;
}

const portOf = ({ service }: RigServer): number => Number(new URL(service).port);
const account = (server: RigServer, index: number, port = portOf(server)): Account => ({ port, jid: server.accounts[index] as string, password: server.password });

async function onLoopback(server: RigServer): Promise<Record<"ours" | "client" | "clientTwo" | "raw", number[]>> {
  const ends = await channels(server);
  const clients = [await ClientConnection.login(account(server, 0)), await ClientConnection.login(account(server, 1))] as const;
  const raws = [await RawConnection.login(account(server, 0)), await RawConnection.login(account(server, 1))] as const;
  const byHand = (pair: readonly [Connection, Connection], window: number) => async () =>
    await rate(payload, async (bytes) => await seconds(async () => await blocksByHand(...pair, { bytes, block: BLOCK, window })));
  const rounds = await interleaved(ROUNDS, {
    ours: async () => await rate(payload, async (bytes) => await ours(ends, bytes)),
    client: byHand(clients, 1),
    clientTwo: byHand(clients, 2),
    raw: byHand(raws, 2),
  });
  await Promise.all([ends, ...clients, ...raws].map(async (connection) => await connection.close()));
  return rounds;
}

const server = await prosody({ limits: "none" });
const loopback = await onLoopback(server);
const far = await farAway(server);
await server.stop();
const unit = "MB/s";
const values = loopback.ours;
const fastest = median(loopback.client) > median(loopback.clientTwo) ? loopback.client : loopback.clientTwo;
report([
  atLeast("IBB through Prosody, against the same blocks by hand", 0.8, { unit, values, baselines: fastest }),
  forInformation("… and by hand on bare sockets", { unit, values, baselines: loopback.raw }),
  atLeast("… against slixmpp", 1, { unit, values, baselines: values.map(() => SLIXMPP) }),
  atLeast("IBB, 100 ms round trip, against one block each", 10, { unit, ...far }),
]);
process.exit();
