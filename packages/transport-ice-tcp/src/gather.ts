import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { BalconyError, withDeadline } from "@balcony/channel";
import { type AddressPolicy, addressKind } from "@balcony/jingle";
import { ACTIVE_PORT, type Candidate } from "./candidate.js";
import { FrameReader, stunFrame } from "./framing.js";
import { ownCandidate } from "./priority.js";
import { type Endpoint, readStun, writeQuestion } from "./stun.js";

/** A STUN server that is asked over TCP. */
export interface StunServer {
  /** Name or address. */
  readonly host: string;
  readonly port: number;
}

interface Asking {
  /** ms */
  readonly timeout: number;
  readonly preference: number;
}

/** Addresses that are offered, and so twice as many candidates. */
const ADDRESS_LIMIT = 8;

/** Our own addresses that this policy lets a peer see; loopback ones only where tests ask for them. */
export function ownAddresses({ dangerouslyUseLoopback = false }: AddressPolicy): readonly string[] {
  const all = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? []);
  const usable = all.filter(({ address }) => {
    const kind = addressKind(address);
    return kind === "public" || kind === "private" || (kind === "loopback" && dangerouslyUseLoopback);
  });
  return usable.slice(0, ADDRESS_LIMIT).map(({ address }) => address);
}

/** Gathers candidates (RFC 6544 §5): host ones from listening at each address, server reflexive ones from a STUN server over TCP. Owns its listeners. */
export class Gathering {
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();
  #over = false;

  /** @param accepted is given each connection that comes in */
  constructor(private readonly accepted: (socket: Socket, local: Candidate) => void) {}

  /** An active and a passive candidate of each address that can be listened at. */
  async hosts(addresses: readonly string[]): Promise<readonly Candidate[]> {
    const found = await Promise.all(addresses.map(async (ip, index) => await this.#host(ip, 8191 - index)));
    return found.flat();
  }

  async #host(ip: string, preference: number): Promise<readonly Candidate[]> {
    const active = ownCandidate({ ip, port: ACTIVE_PORT, type: "host", tcptype: "active" }, preference);
    let passive: Candidate | undefined;
    const port = await this.#listen(ip, 0, () => passive);
    if (port !== undefined) passive = ownCandidate({ ip, port, type: "host", tcptype: "passive" }, preference);
    return passive ? [active, passive] : [active];
  }

  /**
   * What a STUN server says of us, behind a NAT: a passive candidate whose base listens at the very port that the server was asked from, so that a NAT that maps endpoint-independently
   * leads there. The question's connection stays open, for the mapping's sake.
   */
  async reflexive(ip: string, server: StunServer, { timeout, preference }: Asking): Promise<Candidate | undefined> {
    const { mapped, port: asked } = await this.#ask(ip, server, timeout);
    if (mapped.ip === ip || this.#over) return undefined; // no NAT: the host candidate says it all
    let candidate: Candidate | undefined;
    const port = await this.#listen(ip, asked, () => candidate);
    if (port === undefined) return undefined;
    candidate = ownCandidate({ ...mapped, type: "srflx", tcptype: "passive", base: { ip, port } }, preference);
    return candidate;
  }

  /**
   * A simultaneous-open candidate (RFC 6544 §5.2): a port of its own, as nobody can connect from one that is listened at. Without a NAT it is a host candidate, for what stands behind a
   * firewall alone.
   */
  async simultaneous(ip: string, server: StunServer, { timeout, preference }: Asking): Promise<Candidate | undefined> {
    const { mapped, port } = await this.#ask(ip, server, timeout);
    if (this.#over) return undefined;
    const base = { ip, port };
    return mapped.ip === ip ? ownCandidate({ ...base, type: "host", tcptype: "so" }, preference) : ownCandidate({ ...mapped, type: "srflx", tcptype: "so", base }, preference);
  }

  async #ask(ip: string, server: StunServer, timeout: number): Promise<{ readonly mapped: Endpoint; readonly port: number }> {
    const socket = connect({ ...server, localAddress: ip, family: ip.includes(":") ? 6 : 4 });
    if (this.#over) socket.destroy();
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    const mapped = await withDeadline(ask(socket), { timeout, waitingFor: `the STUN server ${server.host}:${server.port}` }).catch((error: unknown) => {
      socket.destroy();
      throw error;
    });
    return { mapped, port: socket.localPort ?? 0 };
  }

  stop(): void {
    this.#over = true;
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  async #listen(host: string, port: number, candidate: () => Candidate | undefined): Promise<number | undefined> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const local = candidate();
      if (local) this.accepted(socket, local);
      else socket.destroy();
    });
    this.#servers.add(server);
    server.listen({ host, port });
    try {
      await once(server, "listening");
    } catch {
      return undefined; // an address that cannot be listened at (a tentative IPv6 one, say) can still be connected from
    }
    if (this.#over) server.close();
    return (server.address() as { port: number } | null)?.port;
  }
}

/** Asks a STUN server over TCP (RFC 8489 §6.2.2: unframed). */
export async function ask(socket: Socket): Promise<Endpoint> {
  const { bytes, transaction } = writeQuestion();
  return await new Promise((resolve, reject) => {
    const refuse = (cause?: Error) => reject(new BalconyError("ice-stun", "The STUN server gave no answer that could be used.", { cause }));
    // Unframed as it is, it is read by the reader of frames: the header's own length gives the frame.
    let pending = Buffer.alloc(0);
    const reader = new FrameReader({
      data: () => refuse(),
      stun: (message) => {
        const stun = readStun(message);
        if (stun?.kind === "success" && stun.transaction === transaction && stun.mapped) resolve(stun.mapped);
        else refuse();
      },
    });
    socket.on("data", (piece: Buffer) => {
      pending = Buffer.concat([pending, piece]);
      const length = pending.length < 4 ? Number.POSITIVE_INFINITY : 20 + pending.readUInt16BE(2);
      if (pending.length > 1500) refuse();
      else if (pending.length >= length) reader.take(stunFrame(pending.subarray(0, length)));
    });
    socket.once("connect", () => socket.write(bytes));
    socket.once("error", refuse);
    socket.once("close", () => refuse());
  });
}
