import { type Element, parseElement, XmlError, xml } from "@balcony/xml";
import type { WebSocket } from "ws";
import { type Header, NS_STREAM } from "./negotiation.js";
import type { Wire, WireHandlers } from "./wire.js";

const NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
/** Milliseconds that a client has to close its end after us. */
const CLOSE_TIMEOUT = 1_000;
/** RFC 6455 §7.4.1: a kind of data that is not accepted. */
const UNSUPPORTED_DATA = 1003;

/** RFC 7395: one XML stream over WebSocket, an element a message. */
export class WebSocketWire implements Wire {
  readonly kind = "websocket";
  readonly #socket: WebSocket;
  readonly #handlers: WireHandlers;
  #stanzaBytes: number;
  #opened = false;
  #reading = true;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, stanzaBytes: number, handlers: WireHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.#stanzaBytes = stanzaBytes;
    socket.on("message", (data: Buffer, isBinary) => this.#read(data, isBinary));
    socket.on("error", () => socket.terminate()); // a loss like any other: `gone` tells of it
    socket.on("close", () => {
      clearTimeout(this.#timer);
      handlers.gone();
    });
  }

  get queued(): number {
    return this.#socket.bufferedAmount;
  }

  open({ from, id }: { readonly from: string | undefined; readonly id: string }): void {
    this.#opened = true;
    this.#write(xml("open", { xmlns: NS_FRAMING, from, id, version: "1.0", "xml:lang": "en" }).toString());
  }

  send(element: Element): void {
    // RFC 7395 §3.3.3: each message declares every prefix that it uses.
    this.#write(element.name.startsWith("stream:") ? xml(element.name, { "xmlns:stream": NS_STREAM, ...element.attrs }, ...element.children).toString() : element.toString());
  }

  inject(bytes: Uint8Array | string): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(bytes);
  }

  restart(stanzaBytes: number): void {
    this.#stanzaBytes = stanzaBytes;
  }

  secure(): void {
    this.#handlers.invalid("policy-violation", "There is no STARTTLS over WebSocket"); // RFC 7395 §3.9
  }

  pause(): void {
    if (this.#reading) this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(error?: Element): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#socket.resume(); // its close is still to be read
    if (error) this.send(error);
    if (this.#opened) this.#write(xml("close", NS_FRAMING).toString());
    this.#socket.close(1000);
    this.#timer = setTimeout(() => this.destroy(), CLOSE_TIMEOUT);
  }

  destroy(): void {
    this.#reading = false;
    this.#socket.terminate();
  }

  #write(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(text, () => this.#socket.bufferedAmount === 0 && this.#handlers.drained());
    this.#handlers.wrote(text);
  }

  #read(data: Buffer, isBinary: boolean): void {
    if (!this.#reading) return;
    if (isBinary) {
      this.#reading = false;
      this.#socket.close(UNSUPPORTED_DATA); // RFC 7395 §3.2: text alone
      return;
    }
    let element: Element;
    try {
      element = parseElement(data.toString(), { stanzaBytes: this.#stanzaBytes });
    } catch (error) {
      if (!(error instanceof XmlError)) throw error;
      this.#handlers.invalid(error.condition, error.message);
      return;
    }
    if (element.is("open", NS_FRAMING)) this.#handlers.header(readOpen(element), element.toString());
    else if (element.is("close", NS_FRAMING)) this.#handlers.closed(element.toString());
    else this.#handlers.element(element);
  }
}

function readOpen({ attrs }: Element): Header {
  return { to: attrs.to, version: attrs.version };
}
