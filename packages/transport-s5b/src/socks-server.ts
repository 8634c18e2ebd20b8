import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { putBack } from "./put-back.js";
import { readGreeting, readRequest, type SocksStep } from "./socks-request.js";

/** Connections at once; more are not accepted. */
const MOST_CONNECTIONS = 32;
/** Connections that are taken for what may be the peer's. */
const MOST_TAKEN = 8;
/** ms from connecting to a request that is granted. */
const REQUEST_TIMEOUT = 10_000;
/** A greeting with all methods and a request, and nothing behind it. */
const MOST_BYTES = 1024;

/** The SOCKS5 server of one pending session. Whoever does not ask for its hash is turned away; those who do wait until the choice is made. */
export class SocksServer {
  readonly #server: Server;
  readonly #hashes: ReadonlySet<string>;
  readonly #sockets = new Set<Socket>();
  readonly #granted: Socket[] = [];

  /** @param hashes each 40 lower-case hex digits */
  constructor(hashes: readonly string[]) {
    this.#hashes = new Set(hashes);
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server.maxConnections = MOST_CONNECTIONS;
  }

  /** @param host `127.0.0.1`, or undefined for all interfaces, IPv4 and IPv6. Throws what Node says where it cannot. */
  async listen(host: string | undefined): Promise<number> {
    this.#server.listen(0, host);
    await once(this.#server, "listening");
    this.#server.on("error", () => undefined); // of a connection that could not be accepted: it is one less
    const address = this.#server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  /**
   * The connections of which one is what the peer means by a candidate of ours, with everything else closed, the port too. There are several where somebody else knew the hash, and then
   * it shows later which is the peer's: those to the candidate's address go before others, and of these the last, since the peer tells of its own as soon as it has it.
   */
  take(host: string): Socket[] {
    const at = ({ localAddress }: Socket): boolean => localAddress === host || localAddress === `::ffff:${host}`;
    const able = this.#granted.filter((socket) => !socket.destroyed && socket.readable).reverse();
    const taken = [...able.filter(at), ...able.filter((socket) => !at(socket))].slice(0, MOST_TAKEN);
    for (const socket of taken) this.#sockets.delete(socket);
    this.close();
    return taken;
  }

  close(): void {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    const deadline = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT);
    socket.on("error", () => undefined); // it closes, and is forgotten
    socket.once("close", () => {
      clearTimeout(deadline);
      this.#sockets.delete(socket);
    });
    let bytes: Uint8Array = new Uint8Array();
    let read: (bytes: Uint8Array) => SocksStep = readGreeting;
    const onData = (chunk: Uint8Array): void => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let step = read(bytes); ; step = read(bytes)) {
        if (step.is === "wait") {
          if (bytes.length > MOST_BYTES) socket.destroy();
          return;
        }
        if (step.is === "refused") {
          socket.off("data", onData).end(step.reply);
          socket.resume();
          return;
        }
        socket.write(step.reply);
        bytes = bytes.subarray(step.read);
        if (step.is === "granted") break;
        read = (rest) => readRequest(rest, (hash) => this.#hashes.has(hash));
      }
      clearTimeout(deadline);
      putBack(socket.off("data", onData), bytes); // what is left is the bytestream's own, ahead of the choice: held
      this.#granted.push(socket);
    };
    socket.on("data", onData);
  }
}
