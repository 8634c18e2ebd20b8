import { lookup } from "node:dns/promises";
import { connect, isIP, type Socket } from "node:net";
import { abortError, BalconyError, withDeadline } from "@balcony/channel";
import { type AddressPolicy, addressRefusal } from "@balcony/jingle";
import { SocksClient } from "socks";
import { putBack } from "./put-back.js";

export interface Dial {
  readonly host: string;
  readonly port: number;
  /** DST.ADDR: 40 hex digits. */
  readonly hash: string;
  readonly addresses: AddressPolicy;
  /** ms for the TCP connection, for each address of a host name. Default: `timeout`. */
  readonly reaching?: number | undefined;
  /** ms for SOCKS5 behind it. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * Connects to a candidate and asks it for the session (XEP-0065 §5.3.2). A host name is resolved first: what is judged is what is connected to.
 * @returns the bare socket, paused, with nothing of what came behind the reply lost
 * @throws `failed-transport`, `timeout`, `aborted`
 */
export async function dial(options: Dial): Promise<Socket> {
  const { host, addresses, timeout, signal } = options;
  const waitingFor = `${host} to be found`;
  const found = isIP(host) ? [host] : await withDeadline(resolve(host), { timeout, signal, waitingFor });
  const refusals = found.map((address) => addressRefusal(address, addresses));
  const allowed = found.filter((_, index) => refusals[index] === undefined);
  let failure: unknown = new BalconyError("failed-transport", `${host} is not connected to: ${refusals.find((refusal) => refusal !== undefined) ?? "it has no address"}.`);
  for (const address of allowed) {
    if (signal.aborted) throw abortError(signal, waitingFor);
    try {
      return await dialAddress(address, options);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function resolve(host: string): Promise<string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw new BalconyError("failed-transport", `${host} has no address.`, { cause: error });
  }
}

async function dialAddress(address: string, { port, hash, timeout, reaching = timeout, signal }: Dial): Promise<Socket> {
  const socket = connect({ host: address, port, noDelay: true });
  socket.on("error", () => undefined); // also between here and its owner
  const place = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`;
  const ask = async (): Promise<void> => {
    await SocksClient.createConnection({
      existing_socket: socket,
      proxy: { host: address, port, type: 5 },
      command: "connect",
      destination: { host: hash, port: 0 },
      timeout: 2 * timeout,
    });
    await held(socket);
  };
  try {
    await withDeadline(connected(socket), { timeout: reaching, signal, waitingFor: `${place} to take the connection` });
    await withDeadline(ask(), { timeout, signal, waitingFor: `${place} to grant the bytestream` });
    return socket;
  } catch (error) {
    socket.destroy();
    if (error instanceof BalconyError) throw error;
    throw new BalconyError("failed-transport", `${place} did not take the connection: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket
      .once("connect", resolve)
      .once("error", reject)
      .once("close", () => reject(new Error("it was closed")));
  });
}

/** The client of `socks` gives what came behind the reply as 'data' a turn later, and lets the socket flow: it is caught and put back. */
async function held(socket: Socket): Promise<void> {
  const chunks: Uint8Array[] = [];
  const hold = (chunk: Uint8Array): unknown => chunks.push(chunk);
  socket.on("data", hold);
  await new Promise((resolve) => setImmediate(resolve));
  putBack(socket.off("data", hold), Buffer.concat(chunks));
  if (socket.destroyed) throw new Error("it was closed");
}
