import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Socket as TcpSocket } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { classes, Message, methods, parseMessage } from "werift";
import { nat } from "../src/nat.js";
import { allocateRequest, bindingRequest, readAnswer, stunLength } from "../src/stun.js";
import { stunServer, turnServer } from "../src/stun-servers.js";

const addresses = { paths: "any", privateNetworks: true, dangerouslyUseLoopback: true } as const;
const probing = { signal: new AbortController().signal, onProgress: () => undefined };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server on loopback that answers each datagram as it is told to. */
async function udp(answer: (request: Buffer, from: RemoteInfo, socket: Socket) => void): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket("udp4");
  socket.on("message", (request, from) => answer(request, from, socket));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  closing.push(() => new Promise<void>((resolve) => void socket.close(() => resolve())));
  return { socket, port: socket.address().port };
}

function success(request: Buffer, mapped: readonly [string, number], more: (message: Message) => void = () => undefined): Buffer {
  const message = new Message(methods.BINDING, classes.RESPONSE, parseMessage(request)?.transactionId);
  message.setAttribute("XOR-MAPPED-ADDRESS", mapped);
  more(message);
  return message.bytes;
}

const at = (port: number, transport: "udp" | "tcp" = "udp") => ({ type: "stun", transport, host: "127.0.0.1", port }) as const;

describe("an answer counts only if it is one to what was asked, and from whom", () => {
  it("a stranger who knows the transaction is not heard", async () => {
    const stranger = await udp(() => undefined);
    const { port } = await udp((request, from, socket) => {
      stranger.socket.send(success(request, ["203.0.113.66", 6666]), from.port, from.address, () => {
        socket.send(success(request, ["203.0.113.7", 7777]), from.port, from.address);
      });
    });
    const { mapped } = await stunServer(at(port), addresses, probing);
    expect(mapped).toMatchObject({ found: { ip: "203.0.113.7", port: 7777 } });
  });

  const request = bindingRequest();
  const good = success(request.bytes, ["203.0.113.7", 7777]);
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    change(bytes);
    return bytes;
  };
  it.each([
    ["RFC 8489 §5: another transaction", changed((bytes) => bytes.writeUInt8((bytes[8] ?? 0) ^ 1, 8))],
    ["RFC 8489 §5: no magic cookie", changed((bytes) => bytes.writeUInt8(0, 4))],
    ["RFC 8489 §5: a length beyond the message", changed((bytes) => bytes.writeUInt16BE(64, 2))],
    ["RFC 8489 §5: a request, sent back", request.bytes],
    ["RFC 8489 §14: an attribute that is cut short", Buffer.concat([changed((bytes) => bytes.writeUInt16BE(8, 2)).subarray(0, 20), Buffer.from("00200020000100ff", "hex")])],
    ["nothing", Buffer.alloc(0)],
    ["what is no STUN", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
  ])("%s", (_, bytes) => {
    expect(readAnswer(bytes, request)).toBeUndefined();
  });

  it("whatever comes, it is an answer or none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
        const bytes = Buffer.concat([good.subarray(0, 20), rest]);
        if (bytes.length >= 4) bytes.writeUInt16BE(rest.length, 2);
        const answer = readAnswer(bytes, request);
        return answer === undefined || typeof answer === "object";
      }),
    );
  });
});

describe("a TURN server", () => {
  const service = (port: number, account = {}) => ({ type: "turn", transport: "tcp", host: "127.0.0.1", port, ...account }) as const;
  const account = { username: "romeo", password: "orchard" };

  async function tcp(answer: (request: Buffer, socket: TcpSocket) => void): Promise<number> {
    const sockets = new Set<TcpSocket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined).on("data", (request: Buffer) => answer(request, socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return (server.address() as { port: number }).port;
  }
  const error = (request: Buffer, code: number): Buffer => {
    const message = new Message(methods.ALLOCATE, classes.ERROR, parseMessage(request)?.transactionId);
    return message.setAttribute("ERROR-CODE", [code, "no"]).setAttribute("REALM", "capulet.lit").setAttribute("NONCE", Buffer.from("n")).bytes;
  };

  it.each([
    ["that wants a password where there is none", {}, 401, /wants a password/],
    ["that takes no password", account, 401, /does not take the password/],
    ["that is full", account, 508, /refuses \(508\)/],
  ])("%s is told of", async (_, given, code, words) => {
    const port = await tcp((request, socket) => socket.write(error(request, code)));
    const { relayed } = await turnServer(service(port, given), addresses, probing);
    expect(relayed).toMatchObject({ failed: { code: "failed-transport", message: expect.stringMatching(words) as string } });
  });

  it("that talks of something else is no STUN server", async () => {
    const port = await tcp((_, socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const { relayed } = await turnServer(service(port, account), addresses, probing);
    expect(relayed).toMatchObject({ failed: { message: "What answers is no STUN server." } });
  });

  it("that hangs up is told of at once", async () => {
    const port = await tcp((_, socket) => socket.destroy());
    const { relayed } = await turnServer(service(port, account), addresses, probing);
    expect(relayed).toMatchObject({ failed: { code: "failed-transport" } });
  });

  it("gets its messages whole, however they are cut", () => {
    const { bytes } = allocateRequest();
    for (let cut = 0; cut < 20; cut++) expect(stunLength(bytes.subarray(0, cut))).toBeUndefined();
    expect(stunLength(bytes)).toBe(bytes.length);
  });
});

it("an address in our own network, to which a server sends us, is asked only where that is allowed", async () => {
  const { port } = await udp((request, from, socket) => socket.send(success(request, ["203.0.113.7", 7]), from.port, from.address));
  const refused = await stunServer(at(port), { paths: "any", privateNetworks: true }, probing);
  expect(refused.mapped).toMatchObject({ failed: { message: expect.stringMatching(/not asked.*loopback/) as string } });
});

it("another address that the server names and nobody may be sent to is not asked", async () => {
  const { port } = await udp((request, from, socket) => {
    const other = (message: Message): void => void message.setAttribute("OTHER-ADDRESS", ["224.0.0.1", 9]);
    socket.send(success(request, ["203.0.113.7", 7777], other), from.port, from.address);
  });
  const over = new AbortController();
  try {
    const found = await nat([at(port)], addresses, over.signal);
    expect(found).toMatchObject({ mapping: "unknown", filtering: "unknown", hairpin: false });
  } finally {
    over.abort();
  }
});
