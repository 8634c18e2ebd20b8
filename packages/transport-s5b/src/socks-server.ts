import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { putBack } from "./put-back.js";
import { readGreeting, readRequest, type SocksStep } from "./socks-request.js";

/** Connections at once; more are not accepted. */
const MOST_CONNECTIONS = 32;
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

  /** The connection that the peer means by a candidate of ours, with everything else closed, the port too. Of several that knew the hash, the first to the candidate's address, or the first. */
  take(host: string): Socket | undefined {
    const able = this.#granted.filter((socket) => !socket.destroyed && socket.readable);
    const chosen = able.find(({ localAddress }) => localAddress === host || localAddress === `::ffff:${host}`) ?? able[0];
    if (chosen) this.#sockets.delete(chosen);
    this.close();
    return chosen;
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
