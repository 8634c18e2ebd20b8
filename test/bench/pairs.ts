import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { createIdentity, exportIdentity, secure } from "@balcony/tls";
import { openStream, type XmlStream } from "@balcony/xml-stream";

export const romeo = { jid: "romeo@montague.lit/orchard", identity: createIdentity("romeo@montague.lit") };
export const juliet = { jid: "juliet@capulet.lit/balcony", identity: createIdentity("juliet@capulet.lit") };

export type Pair<T> = readonly [near: T, far: T];

/** Makes pairs of connected sockets on loopback. */
export async function socketPairs(): Promise<{ pair(): Promise<Pair<Socket>>; close(): void }> {
  const server: Server = createServer({ noDelay: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    pair: async () => {
      const accepted = once(server, "connection") as Promise<[Socket]>;
      const near = connect({ host: "127.0.0.1", port, noDelay: true });
      const [far] = await accepted;
      if (near.connecting) await once(near, "connect");
      return [near, far];
    },
    close: () => void server.close(),
  };
}

const accept = (): undefined => undefined;

/** TLS 1.3 as Balcony runs it, over two ends. */
export async function securedPair([near, far]: Pair<Duplex>): Promise<Pair<Socket>> {
  const [client, server] = await Promise.all([
    secure(near, { role: "client", identity: romeo.identity, accept }),
    secure(far, { role: "server", identity: juliet.identity, accept }),
  ]);
  return [client.bytes, server.bytes];
}

/** node:tls as everybody uses it, on a TCP connection of its own. */
export async function bareTlsPair(): Promise<Pair<Duplex>> {
  const { privateKey: key, certificate: cert } = exportIdentity(juliet.identity);
  const server = createTlsServer({ key, cert, minVersion: "TLSv1.3" });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
  const near = connectTls({ host: "127.0.0.1", port: (server.address() as { port: number }).port, rejectUnauthorized: false });
  const [far] = await accepted;
  server.close();
  return [near, far];
}

/** XML streams over two ends. */
export async function streamPair([near, far]: Pair<Socket>): Promise<Pair<XmlStream>> {
  const report = (error: unknown): never => {
    throw error;
  };
  return await Promise.all([
    openStream(near, { role: "initiator", self: romeo.jid, peer: juliet.jid, report }),
    openStream(far, { role: "responder", self: juliet.jid, peer: romeo.jid, report }),
  ]);
}
