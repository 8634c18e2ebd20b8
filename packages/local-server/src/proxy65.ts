import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { readGreeting, readRequest, type SocksStep } from "@balcony/transport-s5b/socks";
import { type Element, type Jid, xml } from "@balcony/xml";
import { addressIn } from "./address.js";
import { errorReply, resultReply } from "./errors.js";
import { info } from "./host.js";
import { closed, listen, portOf } from "./listen.js";
import type { Service } from "./router.js";

const NS_BYTESTREAMS = "http://jabber.org/protocol/bytestreams";
const NS_INFO = "http://jabber.org/protocol/disco#info";
/** Milliseconds from connecting to activation. */
const ACTIVATION_TIMEOUT = 60_000;

/** The mediated half of SOCKS5 bytestreams (XEP-0065 §6): two connections with one hash, joined when their requester says so. */
export class Proxy65 implements Service {
  readonly jid: Jid;
  readonly host: string;
  readonly #server: Server;
  /** Connections that wait for activation, by hash: one, or both. */
  readonly #waiting = new Map<string, Socket[]>();
  readonly #sockets = new Set<Socket>();
  readonly #joined = new WeakSet<Socket>();

  constructor(jid: Jid, host: string, maxConnections: number) {
    this.jid = jid;
    this.host = host;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket)); // one side may have much to say when the other has said all
    this.#server.maxConnections = maxConnections;
  }

  get port(): number {
    return portOf(this.#server);
  }

  listen(): Promise<void> {
    return listen(this.#server, 0, this.host);
  }

  /** Cuts every connection. */
  async stop(): Promise<void> {
    const stopped = closed(this.#server);
    for (const socket of this.#sockets) socket.destroy();
    await stopped;
  }

  answer(request: Element, from: Jid): Element {
    const query = request.getChild("query");
    const get = request.attrs.type === "get";
    if (get && query?.is("query", NS_INFO) && !query.attrs.node) return resultReply(request, info({ category: "proxy", type: "bytestreams" }, [NS_BYTESTREAMS, NS_INFO]));
    if (!query?.is("query", NS_BYTESTREAMS)) return errorReply(request, "service-unavailable");
    const { sid } = query.attrs;
    if (!get) return this.#activate(request, from, sid, query.getChildText("activate"));
    return resultReply(request, xml("query", { xmlns: NS_BYTESTREAMS, sid }, xml("streamhost", { host: this.host, port: this.port, jid: this.jid })));
  }

  #activate(request: Element, from: Jid, sid: string | undefined, activate: string | null): Element {
    if (!sid || !activate) return errorReply(request, "bad-request");
    const target = addressIn(activate);
    if (target === undefined) return errorReply(request, "jid-malformed");
    // XEP-0065 hashes sid, requester, target; where the target of the session offered the proxy (XEP-0260), some put the two the other way round.
    const key = [hash(sid + from + target), hash(sid + target + from)].find((candidate) => this.#waiting.has(candidate));
    const [one, other] = this.#waiting.get(key ?? "") ?? [];
    if (key === undefined || !one) return errorReply(request, "item-not-found");
    if (!other) return errorReply(request, "not-allowed");
    this.#waiting.delete(key);
    for (const socket of [one, other]) this.#joined.add(socket);
    join(one, other);
    return resultReply(request);
  }

  #accept(socket: Socket): void {
    socket.setNoDelay(true);
    this.#sockets.add(socket);
    socket.setTimeout(ACTIVATION_TIMEOUT, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("end", () => {
      if (!this.#joined.has(socket)) socket.end();
    });
    socket.on("close", () => this.#sockets.delete(socket));
    let bytes = new Uint8Array();
    let read: (bytes: Uint8Array) => SocksStep = readGreeting;
    const onData = (chunk: Uint8Array): void => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let step = read(bytes); step.is !== "wait"; step = read(bytes)) {
        if (step.is === "refused") {
          socket.off("data", onData).end(step.reply);
          return;
        }
        bytes = bytes.subarray(step.read);
        read = (rest) => readRequest(rest);
        if (step.is === "greeted") {
          socket.write(step.reply);
          continue;
        }
        socket.off("data", onData).pause();
        if (bytes.length > 0) socket.unshift(bytes); // the bytestream's own, for after the activation
        this.#wait(step.hash, socket, step.reply);
        return;
      }
    };
    socket.on("data", onData);
  }

  #wait(destination: string, socket: Socket, reply: Uint8Array): void {
    const waiting = this.#waiting.get(destination) ?? [];
    if (waiting.length >= 2) {
      socket.destroy(); // a third one knows the hash, and is neither
      return;
    }
    waiting.push(socket);
    this.#waiting.set(destination, waiting);
    socket.write(reply);
    socket.on("close", () => {
      if (this.#waiting.get(destination) !== waiting) return;
      waiting.splice(waiting.indexOf(socket), 1);
      if (waiting.length === 0) this.#waiting.delete(destination);
    });
  }
}

/** Joins two connections in both directions; when one is lost, so is the other. */
function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.setTimeout(0);
    from.on("close", (lost) => (lost ? to.destroy() : to.end()));
    from.pipe(to);
  }
}

const hash = (text: string): string => createHash("sha1").update(text).digest("hex");
