import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SocksServer } from "../src/socks-server.js";

const hash = "0123456789abcdef0123456789abcdef01234567";
const greeting = Buffer.of(5, 1, 0);
const request = (address = hash, ...head: number[]) => Buffer.concat([Buffer.of(...(head.length ? head : [5, 1, 0, 3, 40])), Buffer.from(address), Buffer.of(0, 0)]);
let server: SocksServer;
let port: number;

beforeEach(async () => {
  server = new SocksServer([hash]);
  port = await server.listen("127.0.0.1");
});
const sockets: Socket[] = [];
afterEach(() => {
  server.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.resume().once("close", () => resolve()));

async function dialled(bytes: Uint8Array): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(bytes);
  return socket;
}

/** All that is answered, up to the end. */
async function answer(bytes: Uint8Array): Promise<string> {
  const socket = await dialled(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("hex");
}

/** A connection that is granted. */
async function granted(extra = ""): Promise<Socket> {
  const socket = await dialled(Buffer.concat([greeting, request(), Buffer.from(extra)]));
  let received = Buffer.alloc(0);
  while (received.length < 49) received = Buffer.concat([received, (await once(socket, "data"))[0] as Buffer]);
  expect(received.toString("latin1")).toBe(`\x05\x00\x05\x00\x00\x03\x28${hash}\x00\x00`);
  return socket;
}

const refusal = (reason: number) => `0500${Buffer.of(5, reason, 0, 1, 0, 0, 0, 0, 0, 0).toString("hex")}`;
const refusals: readonly (readonly [string, Uint8Array, string])[] = [
  ["RFC 1928 §3: version 4", Buffer.of(4, 1, 0), "05ff"],
  ["RFC 1928 §3: HTTP", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "05ff"],
  ["RFC 1928 §3: TLS", Buffer.of(0x16, 3, 1, 0, 5, 1), "05ff"],
  ["RFC 1928 §3: no methods", Buffer.of(5, 0), "05ff"],
  ["RFC 1928 §3: authentication alone", Buffer.of(5, 1, 2), "05ff"],
  ["RFC 1928 §4: another version", Buffer.concat([greeting, request(hash, 4, 1, 0, 3, 40)]), refusal(2)],
  ["RFC 1928 §4: BIND", Buffer.concat([greeting, request(hash, 5, 2, 0, 3, 40)]), refusal(7)],
  ["XEP-0065 §8: UDP ASSOCIATE", Buffer.concat([greeting, request(hash, 5, 3, 0, 3, 40)]), refusal(7)],
  ["RFC 1928 §4: RSV is not 0", Buffer.concat([greeting, request(hash, 5, 1, 1, 3, 40)]), refusal(2)],
  ["XEP-0065 §7: an IPv4 address", Buffer.concat([greeting, request(hash, 5, 1, 0, 1, 127)]), refusal(8)],
  ["XEP-0065 §7: a host of 39 characters", Buffer.concat([greeting, request(hash, 5, 1, 0, 3, 39)]), refusal(2)],
  ["XEP-0065 §7: another session's hash", Buffer.concat([greeting, request("f".repeat(40))]), refusal(2)],
  ["XEP-0065 §7: port 80", Buffer.concat([greeting, request().subarray(0, -2), Buffer.of(0, 80)]), refusal(2)],
];

describe("the port of a pending session refuses", () => {
  it.each(refusals)("%s", async (_name, bytes, expected) => {
    expect(await answer(bytes)).toBe(expected);
  });

  it("and the right peer still gets in, behind strangers that say nothing, half of it, or something else", async () => {
    await dialled(Buffer.alloc(0));
    await dialled(Buffer.of(5));
    await dialled(Buffer.concat([greeting, request().subarray(0, 20)]));
    await answer(Buffer.from("SSH-2.0-x\r\n"));
    const peer = await granted("early");
    const taken = server.take("127.0.0.1");
    expect(taken.map(({ remotePort }) => remotePort)).toEqual([peer.localPort]);
    expect(String((await once(taken[0] as Socket, "data"))[0])).toBe("early");
    peer.destroy();
    taken[0]?.destroy();
  });
});

it("takes upper case, and both pieces byte by byte", async () => {
  const socket = await dialled(Buffer.alloc(0));
  socket.setNoDelay(true);
  for (const byte of Buffer.concat([greeting, request(hash.toUpperCase())])) {
    socket.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  let received = Buffer.alloc(0);
  while (received.length < 49) received = Buffer.concat([received, (await once(socket, "data"))[0] as Buffer]);
  server.take("127.0.0.1")[0]?.destroy();
});

it("is closed as soon as the choice is made, and whoever did not know the hash with it", async () => {
  const [first, last, stranger] = [await granted(), await granted(), await dialled(greeting)];
  const gone = closed(stranger);
  const taken = server.take("127.0.0.1");
  expect(taken.map(({ remotePort }) => remotePort)).toEqual([last.localPort, first.localPort]);
  await gone;
  const late = connect(port, "127.0.0.1");
  const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
  for (const socket of [first, last, ...taken]) socket.destroy();
});
