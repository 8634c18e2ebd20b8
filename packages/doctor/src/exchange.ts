import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import { abortError, BalconyError } from "@balcony/channel";
import { type AddressPolicy, addressRefusal } from "@balcony/jingle";
import type { Endpoint } from "./findings.js";
import { readAnswer, type StunAnswer, type StunRequest, stunLength } from "./stun.js";

/** RFC 8489 §6.2.1: the first retransmission, and each twice as long after; in ms. */
const FIRST_RETRANSMISSION = 250;

/** The addresses of a server that may be asked: of each family the first, IPv4 before IPv6. Throws `failed-transport`. */
export async function serverAddresses(host: string, addresses: AddressPolicy): Promise<readonly string[]> {
  const found = isIP(host) ? [host] : (await lookup(host, { all: true }).catch(() => [])).map(({ address }) => address);
  if (found.length === 0) throw new BalconyError("failed-transport", `${host} has no address.`);
  const refusals = found.map((address) => addressRefusal(address, addresses));
  const allowed = found.filter((_, index) => refusals[index] === undefined);
  if (allowed.length === 0) throw new BalconyError("failed-transport", `${host} is not asked: ${refusals[0]}.`);
  return [4, 6].flatMap((family) => allowed.find((address) => isIP(address) === family) ?? []);
}

/** A UDP port of ours that asks STUN servers. What comes from anybody else is not heard. */
export class UdpAsker {
  readonly #socket: UdpSocket;
  readonly #listeners = new Set<(bytes: Buffer, from: RemoteInfo) => void>();

  private constructor(
    family: 4 | 6,
    private readonly signal: AbortSignal,
  ) {
    this.#socket = createSocket(family === 4 ? "udp4" : "udp6");
    this.#socket.on("error", () => undefined); // of a message that could not be sent: it is one that is not answered
    this.#socket.on("message", (bytes, from) => {
      for (const listener of this.#listeners) listener(bytes, from);
    });
  }

  /** It is closed when the signal is aborted. */
  static async open(family: 4 | 6, signal: AbortSignal): Promise<UdpAsker> {
    const asker = new UdpAsker(family, signal);
    asker.#socket.bind(0);
    await once(asker.#socket, "listening");
    const close = (): void => void asker.#socket.close();
    if (signal.aborted) close();
    else signal.addEventListener("abort", close, { once: true });
    return asker;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** The address that packets to this place leave from. */
  async localAddress({ ip, port }: Endpoint): Promise<string> {
    const probe = createSocket(isIP(ip) === 6 ? "udp6" : "udp4");
    probe.connect(port, ip);
    try {
      await once(probe, "connect");
      return probe.address().address;
    } finally {
      probe.close();
    }
  }

  /**
   * Asks, again and again until the time is over.
   * @param answerFrom who may answer, where it is not who is asked
   * @returns undefined where nobody did
   */
  async ask(
    request: StunRequest,
    to: Endpoint,
    { timeout, answerFrom }: { readonly timeout: number; readonly answerFrom?: (from: Endpoint) => boolean },
  ): Promise<StunAnswer | undefined> {
    const expected = answerFrom ?? (({ ip, port }) => ip === to.ip && port === to.port);
    return await this.#hear<StunAnswer>(
      timeout,
      () => this.#socket.send(request.bytes, to.port, to.ip),
      (bytes, { address, port }) => (expected({ ip: address, port }) ? readAnswer(bytes, request) : undefined),
    );
  }

  /** Does what is sent to that place come back to this one? */
  async reaches(from: UdpAsker, to: Endpoint, { bytes }: StunRequest, timeout: number): Promise<boolean> {
    return (
      (await this.#hear(
        timeout,
        () => from.#socket.send(bytes, to.port, to.ip),
        (come) => (come.equals(bytes) ? true : undefined),
      )) ?? false
    );
  }

  #hear<T>(timeout: number, send: () => void, read: (bytes: Buffer, from: RemoteInfo) => T | undefined): Promise<T | undefined> {
    const { signal } = this;
    return new Promise((resolve, reject) => {
      let wait = FIRST_RETRANSMISSION;
      let timer: NodeJS.Timeout | undefined;
      const repeat = (): void => {
        send();
        timer = setTimeout(repeat, wait);
        wait *= 2;
      };
      const done = (settle: () => void): void => {
        clearTimeout(timer);
        clearTimeout(late);
        this.#listeners.delete(listener);
        signal.removeEventListener("abort", stopped);
        settle();
      };
      const listener = (bytes: Buffer, from: RemoteInfo): void => {
        const found = read(bytes, from);
        if (found !== undefined) done(() => resolve(found));
      };
      const stopped = (): void => done(() => reject(abortError(signal, "a STUN server")));
      const late = setTimeout(() => done(() => resolve(undefined)), timeout);
      if (signal.aborted) return stopped();
      signal.addEventListener("abort", stopped, { once: true });
      this.#listeners.add(listener);
      repeat();
    });
  }
}

/** A connection to a STUN or TURN server. */
export interface StreamAsker {
  ask(request: StunRequest): Promise<StunAnswer>;
  readonly local: Endpoint;
}

/** Connects by TCP, or TLS for `stuns` and `turns`, whose certificate has to be the server's. It is closed when the signal is aborted. Throws `failed-transport`. */
export async function streamAsker(to: Endpoint, tls: { readonly servername: string } | undefined, signal: AbortSignal): Promise<StreamAsker> {
  const plain = connect({ host: to.ip, port: to.port, noDelay: true });
  const socket = tls ? connectTls({ socket: plain, ...(isIP(tls.servername) === 0 && tls) }) : plain;
  const close = (): void => {
    socket.destroy();
    plain.destroy();
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const lost = new Promise<never>((_, reject) => {
    const fail = (error?: Error): void =>
      reject(new BalconyError("failed-transport", `The connection failed${error ? `: ${(error as NodeJS.ErrnoException).code ?? error.message}` : ""}.`, { cause: error }));
    for (const one of [plain, socket]) one.on("error", fail).once("close", () => fail());
  });
  lost.catch(() => undefined); // heard where something is waited for
  await Promise.race([once(socket, tls ? "secureConnect" : "connect"), lost]);
  let come = Buffer.alloc(0);
  return {
    local: { ip: plain.localAddress ?? "", port: plain.localPort ?? 0 },
    ask: async (request) => {
      socket.write(request.bytes);
      const answer = new Promise<StunAnswer>((resolve, reject) => {
        const refuse = (): void => reject(new BalconyError("failed-transport", "What answers is no STUN server."));
        const onData = (chunk: Buffer): void => {
          come = Buffer.concat([come, chunk]);
          for (let length = stunLength(come); length !== undefined; length = stunLength(come)) {
            if (Number.isNaN(length)) {
              refuse();
              return;
            }
            if (come.length < length) return;
            const found = readAnswer(come.subarray(0, length), request);
            come = come.subarray(length);
            if (!found) continue;
            socket.off("data", onData);
            resolve(found);
            return;
          }
        };
        socket.on("data", onData);
      });
      return await Promise.race([answer, lost]);
    },
  };
}
