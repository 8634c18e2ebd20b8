import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import type { Element } from "./element.js";
import { clientLimits, type Limits } from "./limits.js";
import { toElement } from "./parsed-element.js";
import { parseElement } from "./parser.js";
import { XmlError } from "./xml-error.js";
import { XmlReader } from "./xml-reader.js";

const NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"; // RFC 7395 §3.3

/** What @xmpp/client listens for. */
export interface ClientParserEvents {
  /** The stream's header, or `<open/>`. */
  start: [header: Element];
  element: [element: Element];
  /** The stream was closed; its header, or `<close/>`. */
  end: [element: Element];
  /** The input cannot be read; nothing comes any more. */
  error: [error: XmlError];
}

export interface ClientParserOptions {
  /** Default `clientLimits`. */
  readonly limits?: Partial<Limits>;
  /**
   * Is this the last element of the stream, as `<proceed/>` is (RFC 6120 §5.4.2.3)? Then nothing behind it is read, and
   * if anything came with it, the element is not told of either: an error `policy-violation` is.
   */
  readonly last?: (element: Element) => boolean;
}

type Event = { [Name in keyof ClientParserEvents]: readonly [Name, ClientParserEvents[Name][0]] }[keyof ClientParserEvents];

/**
 * The shape of @xmpp/xml's Parser. Faults of the input are events and never come out of `write()`, also where nobody listens for
 * them: @xmpp/client takes its listeners away at the first. What a listener throws does come out, as from any emitter;
 * what it kept from being told is told with the next write.
 */
abstract class EmittingParser extends EventEmitter<ClientParserEvents> {
  readonly #events: Event[] = [];
  #failed = false;
  #emitting = false;

  /** Reads more: bytes cut anywhere, or text. Bytes wherever they can be had, since text that was made of half a code point is spoilt. A WebSocket of the platform hands out ArrayBuffers. */
  write(data: string | Uint8Array | ArrayBuffer): void {
    this.#attempt(() => this.read(data instanceof ArrayBuffer ? new Uint8Array(data) : data));
  }

  /** No more will come. */
  end(data?: string | Uint8Array | ArrayBuffer): void {
    if (data !== undefined) this.write(data);
    this.#attempt(() => this.finish());
  }

  protected abstract read(data: string | Uint8Array): void;
  protected abstract finish(): void;

  protected tell(...event: Event): void {
    this.#events.push(event);
  }

  #attempt(work: () => void): void {
    if (!this.#failed) {
      try {
        work();
      } catch (error) {
        if (!(error instanceof XmlError)) throw error;
        this.#failed = true;
        this.tell("error", error);
      }
    }
    this.#emitAll();
  }

  #emitAll(): void {
    if (this.#emitting) return;
    this.#emitting = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#emitOne(next);
    } finally {
      this.#emitting = false;
    }
  }

  #emitOne(event: Event): void {
    switch (event[0]) {
      case "error":
        if (this.listenerCount("error") > 0) this.emit("error", event[1]);
        return;
      case "start":
      case "element":
      case "end":
        this.emit(event[0], event[1]);
    }
  }
}

/** Takes the place of @xmpp/xml's Parser over TCP: reads one XML stream, with limits. */
export class ClientParser extends EmittingParser {
  readonly #reader: XmlReader;

  constructor({ limits = {}, last = () => false }: ClientParserOptions = {}) {
    super();
    let header: Element | undefined;
    this.#reader = new XmlReader(
      {
        open: (root) => {
          header = toElement(root);
          this.tell("start", header);
        },
        // Its parent is the header, as @xmpp/xml has it.
        element: (parsed) => {
          const element = toElement(parsed);
          if (last(element)) this.#reader.stop();
          if (this.#reader.unread > 0) throw new XmlError("policy-violation", `more came behind <${element.name}/>`);
          this.tell("element", element);
        },
        close: () => {
          if (header) this.tell("end", header);
        },
      },
      { ...clientLimits, ...limits },
      1,
    );
  }

  protected override read(data: string | Uint8Array): void {
    this.#reader.write(typeof data === "string" ? Buffer.from(data) : data);
  }

  protected override finish(): void {
    this.#reader.end();
  }
}

/** Takes the place of @xmpp/websocket's FramedParser: each write is one message and holds one whole element (RFC 7395 §3.3.3). */
export class FramedClientParser extends EmittingParser {
  readonly #limits: Partial<Limits>;

  constructor({ limits = {} }: Omit<ClientParserOptions, "last"> = {}) {
    super();
    this.#limits = { ...clientLimits, ...limits };
  }

  protected override read(data: string | Uint8Array): void {
    const element = parseElement(data, this.#limits);
    this.tell(element.is("open", NS_FRAMING) ? "start" : element.is("close", NS_FRAMING) ? "end" : "element", element);
  }

  protected override finish(): void {}
}
