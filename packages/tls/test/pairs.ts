import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type MemoryByteOptions, memoryBytePair } from "@balcony/channel";
import { createIdentity, type Secured, type SecureOptions, secure } from "../src/index.js";

export const juliet = createIdentity("juliet@capulet.lit");
export const romeo = createIdentity("romeo@montague.lit");

export type Pair = readonly [Duplex, Duplex];

export const memoryPair = async (options?: MemoryByteOptions): Promise<Pair> => {
  const [a, b] = memoryBytePair(options);
  return [a, b];
};

export async function socketPair(): Promise<readonly [Socket, Socket]> {
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
  return [a, b];
}

/** What every test of a channel is run over: TLS takes a socket's handle, and another Duplex by its methods. */
export const kinds = [
  ["memory", memoryPair],
  ["sockets", socketPair],
] as const satisfies readonly (readonly [string, () => Promise<Pair>])[];

export type Options = Partial<SecureOptions>;

export const asClient = (bytes: Duplex, options: Options = {}): Promise<Secured> => secure(bytes, { role: "client", identity: romeo, accept: () => undefined, ...options });
export const asServer = (bytes: Duplex, options: Options = {}): Promise<Secured> => secure(bytes, { role: "server", identity: juliet, accept: () => undefined, ...options });

export async function securedPair(
  [a, b]: Pair,
  options: { readonly client?: Options; readonly server?: Options } = {},
): Promise<{ readonly client: Secured; readonly server: Secured }> {
  const [client, server] = await Promise.all([asClient(a, options.client), asServer(b, options.server)]);
  return { client, server };
}

/** The code that a promise is rejected with, or "accepted". */
export const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "accepted",
    (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
  );

/** The code of the error that a stream fails with, or "closed" where it closes without one. */
export async function failure(stream: Duplex): Promise<string> {
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
  const { errored } = stream;
  return errored === null ? "closed" : "code" in errored ? String(errored.code) : String(errored);
}
