import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { BalconyError } from "@balcony/channel";
import { malformedTable } from "@balcony/test-kit";
import { afterEach, expect, it } from "vitest";
import { dial } from "../src/dial.js";
import { readGreeting, readRequest, type SocksStep } from "../src/socks-request.js";

const hash = "0123456789abcdef0123456789abcdef01234567";
const greeting = Buffer.of(5, 1, 0);
const request = (address = hash, ...head: number[]) => Buffer.concat([Buffer.of(...(head.length ? head : [5, 1, 0, 3, 40])), Buffer.from(address), Buffer.of(0, 0)]);

/** What a server answers to all of it: the reply's reason, or that it waits. */
function serve(bytes: Uint8Array): string {
  let rest: Uint8Array = bytes;
  let read: (bytes: Uint8Array) => SocksStep = readGreeting;
  for (;;) {
    const step = read(rest);
    if (step.is === "wait") return "waits";
    if (step.is === "granted") return "granted";
    if (step.is === "refused") return step.reply[1] === 0xff ? "no acceptable method" : `refused with ${step.reply[1]}`;
    rest = rest.subarray(step.read);
    read = (more) => readRequest(more, (asked) => asked === hash);
  }
}

malformedTable("a greeting and a request to our port, or to a proxy's, that RFC 1928 and XEP-0065 do not allow", {
  rules: [
    { section: "RFC 1928 §3 VER", text: "the version is 5" },
    { section: "RFC 1928 §3 METHODS", text: "1 to 255 methods, of which XEP-0065 §7 wants 'no authentication'" },
    { section: "RFC 1928 §4 VER", text: "the version is 5" },
    { section: "RFC 1928 §4 CMD", text: "CONNECT; XEP-0065 §8 has UDP ASSOCIATE, which is not offered here" },
    { section: "RFC 1928 §4 RSV", text: "reserved is 0" },
    { section: "XEP-0065 §7 ATYP", text: "the address type is 3, a domain name" },
    { section: "XEP-0065 §7 DST.ADDR", text: "the address is 40 hex digits, of a bytestream that is pending" },
    { section: "XEP-0065 §7 DST.PORT", text: "the port is 0" },
  ],
  rows: [
    { name: "version 4", breaks: "RFC 1928 §3 VER", input: Buffer.of(4, 1, 0), code: "no acceptable method" },
    { name: "HTTP", breaks: "RFC 1928 §3 VER", input: Buffer.from("GET / HTTP/1.1\r\n\r\n"), code: "no acceptable method" },
    { name: "TLS", breaks: "RFC 1928 §3 VER", input: Buffer.of(0x16, 3, 1, 0, 5, 1), code: "no acceptable method" },
    { name: "no methods", breaks: "RFC 1928 §3 METHODS", input: Buffer.of(5, 0), code: "no acceptable method" },
    { name: "a password alone", breaks: "RFC 1928 §3 METHODS", input: Buffer.of(5, 1, 2), code: "no acceptable method" },
    { name: "255 methods, none of them ours", breaks: "RFC 1928 §3 METHODS", input: Buffer.concat([Buffer.of(5, 255), Buffer.alloc(255, 9)]), code: "no acceptable method" },
    { name: "version 4", breaks: "RFC 1928 §4 VER", input: Buffer.concat([greeting, request(hash, 4, 1, 0, 3, 40)]), code: "refused with 2" },
    { name: "BIND", breaks: "RFC 1928 §4 CMD", input: Buffer.concat([greeting, request(hash, 5, 2, 0, 3, 40)]), code: "refused with 7" },
    { name: "UDP ASSOCIATE", breaks: "RFC 1928 §4 CMD", input: Buffer.concat([greeting, request(hash, 5, 3, 0, 3, 40)]), code: "refused with 7" },
    { name: "RSV 1", breaks: "RFC 1928 §4 RSV", input: Buffer.concat([greeting, request(hash, 5, 1, 1, 3, 40)]), code: "refused with 2" },
    { name: "an IPv4 address", breaks: "XEP-0065 §7 ATYP", input: Buffer.concat([greeting, request(hash, 5, 1, 0, 1, 127)]), code: "refused with 8" },
    { name: "an IPv6 address", breaks: "XEP-0065 §7 ATYP", input: Buffer.concat([greeting, request(hash, 5, 1, 0, 4, 0)]), code: "refused with 8" },
    { name: "39 characters", breaks: "XEP-0065 §7 DST.ADDR", input: Buffer.concat([greeting, request(hash, 5, 1, 0, 3, 39)]), code: "refused with 2" },
    { name: "41 characters", breaks: "XEP-0065 §7 DST.ADDR", input: Buffer.concat([greeting, request(`${hash}0`, 5, 1, 0, 3, 41)]), code: "refused with 2" },
    { name: "no hex digits", breaks: "XEP-0065 §7 DST.ADDR", input: Buffer.concat([greeting, request("g".repeat(40))]), code: "refused with 2" },
    { name: "another bytestream's", breaks: "XEP-0065 §7 DST.ADDR", input: Buffer.concat([greeting, request("f".repeat(40))]), code: "refused with 2" },
    { name: "port 80", breaks: "XEP-0065 §7 DST.PORT", input: Buffer.concat([greeting, request().subarray(0, -2), Buffer.of(0, 80)]), code: "refused with 2" },
    { name: "port 256", breaks: "XEP-0065 §7 DST.PORT", input: Buffer.concat([greeting, request().subarray(0, -2), Buffer.of(1, 0)]), code: "refused with 2" },
  ],
  run: serve,
});

it("every beginning of a good greeting and request waits for more", () => {
  const whole = Buffer.concat([greeting, request()]);
  for (let length = 0; length < whole.length; length++) expect(serve(whole.subarray(0, length))).toBe("waits");
  expect(serve(whole)).toBe("granted");
});

// ---- a candidate that we connect to, be it a proxy or what the peer calls its own

let server: Server | undefined;
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
});

const method = Buffer.of(5, 0);
const reply = (status = 0, address = hash) => Buffer.concat([Buffer.of(5, status, 0, 3, address.length), Buffer.from(address), Buffer.of(0, 0)]);

/** Answers the greeting and then the request; "end" hangs up, "silence" says nothing more. */
type Script = readonly (Buffer | "end" | "silence")[];

async function outcome(script: Script): Promise<string> {
  server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    const left = [...script];
    socket.on("data", () => {
      const next = left.shift();
      if (next === "end") socket.end();
      else if (next !== "silence" && next !== undefined) socket.write(next);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const addresses = { paths: "any", privateNetworks: false, dangerouslyUseLoopback: true } as const;
  try {
    const socket = await dial({ host: "127.0.0.1", port, hash, addresses, timeout: 200, signal: new AbortController().signal });
    sockets.push(socket);
    return "connected";
  } catch (error) {
    return error instanceof BalconyError ? error.code : String(error);
  }
}

malformedTable("an answer of whoever we connect to that RFC 1928 and XEP-0065 do not allow", {
  rules: [
    { section: "RFC 1928 §3 answer", text: "version 5 and a method that was offered" },
    { section: "RFC 1928 §6 VER", text: "the version is 5" },
    { section: "RFC 1928 §6 REP", text: "anything but 0 is a failure" },
    { section: "RFC 1928 §6 whole", text: "the reply comes, and whole" },
  ],
  rows: [
    { name: "version 4", breaks: "RFC 1928 §3 answer", input: [Buffer.of(4, 0)], code: "failed-transport" },
    { name: "no acceptable method", breaks: "RFC 1928 §3 answer", input: [Buffer.of(5, 0xff)], code: "failed-transport" },
    { name: "a method that was not offered", breaks: "RFC 1928 §3 answer", input: [Buffer.of(5, 2)], code: "timeout" },
    { name: "something else", breaks: "RFC 1928 §3 answer", input: [Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")], code: "failed-transport" },
    { name: "an end", breaks: "RFC 1928 §3 answer", input: ["end"], code: "failed-transport" },
    { name: "version 4", breaks: "RFC 1928 §6 VER", input: [method, Buffer.concat([Buffer.of(4), reply().subarray(1)])], code: "failed-transport" },
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 255].map((status) => ({ name: `status ${status}`, breaks: "RFC 1928 §6 REP", input: [method, reply(status)], code: "failed-transport" })),
    { name: "an end behind the method", breaks: "RFC 1928 §6 whole", input: [method, "end" as const], code: "failed-transport" },
    { name: "nothing", breaks: "RFC 1928 §6 whole", input: ["silence" as const], code: "timeout" },
    { name: "nothing behind the method", breaks: "RFC 1928 §6 whole", input: [method, "silence" as const], code: "timeout" },
    { name: "half of it", breaks: "RFC 1928 §6 whole", input: [method, reply().subarray(0, 20)], code: "timeout" },
  ],
  run: outcome,
});

it("a reply that repeats something else than was asked for is taken: TLS finds out who is there", async () => {
  expect(await outcome([method, reply(0, "f".repeat(40))])).toBe("connected");
});
