import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { TLSSocket, connect as tlsConnect } from "node:tls";
import { describe, it } from "vitest";
import { byteChannelCompliance, stanzaChannelCompliance } from "../src/compliance/index.js";
import { memoryBytePair, memoryStanzaNetwork, memoryStanzaPair } from "../src/index.js";
import { brokenPair } from "./broken/byte-channels.js";

const romeo = "romeo@montague.lit/orchard";
const juliet = "juliet@capulet.lit/balcony";
const mallory = "mallory@evil.lit/x";

describe("bytes in memory keep the contract of a ByteChannel", () => {
  byteChannelCompliance({
    setup: async () => {
      const [a, b] = memoryBytePair();
      return { a, b };
    },
    test: it,
  });
});

describe("bytes in memory, cut and joined on the way, keep the contract of a ByteChannel", () => {
  byteChannelCompliance({
    setup: async () => {
      const [a, b] = memoryBytePair({ faults: { aToB: [{ kind: "split", sizes: [1, 2, 3, 5, 8] }], bToA: [{ kind: "split", sizes: [7] }] } });
      return { a, b };
    },
    test: it,
    size: 65_536,
  });
});

describe("a Duplex around another keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({ setup: async () => brokenPair("sound"), test: it });
});

async function sockets(): Promise<{ a: Socket; b: Socket }> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const a = connect(address.port, "127.0.0.1");
  const [b] = await accepted;
  if (a.connecting) await once(a, "connect");
  server.close();
  return { a, b };
}

/** What the kernel takes for both sides of a loopback connection before it stops the writer. */
const kernelBytes = 32 * 1024 * 1024;

describe("a net.Socket keeps the contract of a ByteChannel", () => {
  byteChannelCompliance({ setup: sockets, test: it, inFlight: kernelBytes });
});

describe("a TLSSocket on a net.Socket keeps the contract of a ByteChannel", () => {
  // A key that both know instead of certificates: what is tested is the channel, not the trust.
  const options = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
  const psk = Buffer.alloc(32, 7);
  byteChannelCompliance({
    setup: async () => {
      const below = await sockets();
      const b = new TLSSocket(below.b, { ...options, isServer: true, pskCallback: () => psk } as ConstructorParameters<typeof TLSSocket>[1]);
      const a = tlsConnect({ ...options, socket: below.a, pskCallback: () => ({ psk, identity: "a" }), checkServerIdentity: () => undefined });
      await Promise.all([once(a, "secureConnect"), once(b, "secure")]);
      return { a, b };
    },
    test: it,
    inFlight: kernelBytes,
  });
});

describe("stanzas in memory keep the contract of a StanzaChannel", () => {
  stanzaChannelCompliance({
    setup: async () => {
      const [a, b] = memoryStanzaPair({ a: romeo, b: juliet }, { report: () => undefined });
      return { a, b };
    },
    test: it,
  });
});

describe("channels narrowed from a network keep the contract of a StanzaChannel", () => {
  const networks = new WeakMap<object, ReturnType<typeof memoryStanzaNetwork>>();
  stanzaChannelCompliance({
    setup: async () => {
      const network = memoryStanzaNetwork({ report: () => undefined });
      const a = network.connect(romeo).to(juliet);
      networks.set(a, network);
      return { a, b: network.connect(juliet).to(romeo) };
    },
    stranger: async ({ a }) => {
      const network = networks.get(a);
      if (!network) throw new Error("no such network");
      return network.connect(mallory).to(a.self);
    },
    closing: "apart",
    test: it,
  });
});
