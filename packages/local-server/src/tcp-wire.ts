import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { type Element, StreamParser, XmlError, xml } from "@balcony/xml";
import { NS_CLIENT } from "./errors.js";
import { type Header, NS_STREAM } from "./negotiation.js";
import { type Throttle, ThrottledReader } from "./throttle.js";
import type { Wire, WireHandlers } from "./wire.js";

const FOOTER = "</stream:stream>";
/** Milliseconds that a client has to close its end after us (RFC 6120 §4.4). */
const CLOSE_TIMEOUT = 1_000;
const HANDSHAKE_TIMEOUT = 15_000;

export interface TcpOptions {
  readonly stanzaBytes: number;
  readonly throttle?: Throttle | undefined;
  readonly secureContext?: SecureContext | undefined;
}

/** RFC 6120 §4: one XML stream over TCP, and over TLS from STARTTLS on. */
export class TcpWire implements Wire {
  readonly kind = "tcp";
  readonly #options: TcpOptions;
  readonly #handlers: WireHandlers;
  readonly #raw: Socket;
  #socket: Socket;
  #parser: StreamParser;
  #reader: ThrottledReader | undefined;
  #next: { stanzaBytes: number; proceed?: Element } | undefined;
  #headerSent = false;
  #reading = true;
  readonly #pauses = new Set<"throttle" | "congestion">();
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, options: TcpOptions, handlers: WireHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#raw = socket;
    this.#socket = socket;
    this.#parser = this.#newParser(options.stanzaBytes);
    socket.setNoDelay(true);
    // `gone` hangs on the raw socket alone: a TLS socket on it may end first.
    socket.on("close", () => {
      clearTimeout(this.#timer);
      this.#reader?.stop();
      if (this.#socket !== socket) this.#socket.destroy();
      handlers.gone();
    });
    this.#attach(socket);
  }

  get queued(): number {
    return this.#socket.writableLength;
  }

  open({ from, id }: { readonly from: string | undefined; readonly id: string }): void {
    const header = xml("stream:stream", { xmlns: NS_CLIENT, "xmlns:stream": NS_STREAM, from, id, version: "1.0", "xml:lang": "en" });
    this.#headerSent = true;
    this.#write(`<?xml version="1.0"?>${header.toString().slice(0, -2)}>`);
  }

  send(element: Element): void {
    // The stream's root declares the namespace of stanzas already. No attribute's value can hold a quote or ">" as such.
    this.#write(element.toString().replace(/^(<[^>]*?) xmlns="jabber:client"/, "$1"));
  }

  inject(bytes: Uint8Array | string): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  restart(stanzaBytes: number): void {
    this.#next = { stanzaBytes };
    this.#parser.stop();
  }

  secure(proceed: Element, stanzaBytes: number): void {
    this.#next = { stanzaBytes, proceed };
    this.#parser.stop();
  }

  pause(): void {
    this.#pauseFor("congestion");
  }

  resume(): void {
    this.#resumeFrom("congestion");
  }

  close(error?: Element): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#parser.stop();
    this.#reader?.stop();
    if (error) this.send(error);
    if (this.#headerSent) this.#write(FOOTER);
    this.#socket.resume(); // what still comes is read and dropped, so that the end of the connection is seen
    this.#socket.end();
    this.#destroyAfter(CLOSE_TIMEOUT);
  }

  destroy(): void {
    this.#reading = false;
    this.#socket.destroy();
    this.#raw.destroy();
  }

  #pauseFor(reason: "throttle" | "congestion"): void {
    if (!this.#reading) return;
    this.#pauses.add(reason);
    this.#socket.pause();
  }

  #resumeFrom(reason: "throttle" | "congestion"): void {
    this.#pauses.delete(reason);
    if (this.#reading && this.#pauses.size === 0) this.#socket.resume();
  }

  #destroyAfter(timeout: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.destroy(), timeout);
  }

  #write(text: string): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (socket.writableCorked === 0) {
      socket.cork(); // what one read causes is written at once
      process.nextTick(() => socket.uncork());
    }
    socket.write(text);
    this.#handlers.wrote(text);
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    const { throttle } = this.#options;
    const flow = { pause: () => this.#pauseFor("throttle"), resume: () => this.#resumeFrom("throttle") };
    const reader = throttle && new ThrottledReader(throttle, flow, (chunk) => this.#read(chunk));
    this.#reader = reader;
    socket.on("data", (chunk: Buffer) => (reader ? reader.push(chunk) : this.#read(chunk)));
    socket.on("drain", () => this.#handlers.drained());
    socket.on("error", () => socket.destroy()); // a loss like any other: `gone` tells of it
  }

  #read(chunk: Uint8Array): void {
    if (!this.#reading) return;
    try {
      this.#parser.write(chunk);
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      this.#handlers.invalid(error.condition, error.message);
      return;
    }
    const next = this.#next;
    if (!next) return;
    this.#next = undefined;
    const unread = this.#parser.unread;
    if (next.proceed) {
      this.#beginTls(next.proceed, unread + (this.#reader?.held ?? 0), next.stanzaBytes);
      return;
    }
    this.#parser = this.#newParser(next.stanzaBytes);
    if (unread > 0) this.#read(chunk.subarray(chunk.length - unread));
  }

  #beginTls(proceed: Element, unread: number, stanzaBytes: number): void {
    const { secureContext } = this.#options;
    if (!secureContext || unread > 0) {
      // RFC 6120 §5.3.3: nothing may follow <starttls/>. Whatever does was put there by somebody else.
      this.#handlers.invalid("policy-violation", "Bytes behind <starttls/>");
      return;
    }
    this.send(proceed);
    this.#raw.uncork();
    this.#reader?.stop();
    this.#raw.removeAllListeners("data");
    const secured = new TLSSocket(this.#raw, { isServer: true, secureContext });
    this.#destroyAfter(HANDSHAKE_TIMEOUT);
    secured.once("secure", () => this.#reading && clearTimeout(this.#timer));
    this.#headerSent = false;
    this.#parser = this.#newParser(stanzaBytes);
    this.#attach(secured);
  }

  #newParser(stanzaBytes: number): StreamParser {
    return new StreamParser(
      {
        open: (header) => this.#handlers.header(readHeader(header), `${header.toString().slice(0, -2)}>`),
        element: (element) => this.#handlers.element(element),
        close: () => this.#handlers.closed(FOOTER),
      },
      { stanzaBytes },
    );
  }
}

function readHeader(header: Element): Header {
  const { to, version } = header.attrs;
  return { to, version, problem: header.is("stream", NS_STREAM) && header.attrs.xmlns === NS_CLIENT ? undefined : "invalid-namespace" };
}
