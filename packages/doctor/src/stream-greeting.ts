import type { Socket } from "node:net";
import { BalconyError } from "@balcony/channel";
import { type Element, StreamParser, serialize, XmlError, xml } from "@balcony/xml";

const NS_STREAM = "http://etherx.jabber.org/streams";
const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";
/** Features are small; this is a stranger's stream. */
const LIMITS = { stanzaBytes: 64 * 1024, children: 256 };

export interface Asked {
  readonly domain: string;
  /** As a client would (RFC 6120 §3.2.1, XEP-0368), or as another server. */
  readonly as: "client" | "server";
  /** Where the server is, if DNS does not tell: `xmpp://host:port`, `xmpps://…`, `ws://…` or `wss://…`. */
  readonly service?: string | undefined;
}

export interface Greeting {
  /** `<stream:features/>` */
  readonly features: Element;
  /** Asks for TLS. Afterwards the socket is bare, and nothing reads it. Throws `starttls-refused`, `starttls-injection`. */
  readonly startTls: () => Promise<void>;
}

/**
 * Opens an XMPP stream and reads what the server offers on it (RFC 6120 §4.3).
 * @throws `stream-error`, `connection-lost`, the codes of malformed XML
 */
export async function greet(socket: Socket, { as, domain }: Asked): Promise<Greeting> {
  const elements = new Elements(socket);
  socket.write(
    `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:${as}' xmlns:stream='${NS_STREAM}'${as === "server" ? " xmlns:db='jabber:server:dialback'" : ""}>`,
  );
  const features = await elements.next();
  if (features.is("error", NS_STREAM)) throw new BalconyError("stream-error", `The server ended the stream: ${childName(features)}.`);
  if (!features.is("features", NS_STREAM)) throw new BalconyError("invalid-xml", `The server began with <${features.name.slice(0, 64)}/> where its features belong.`);
  return {
    features,
    startTls: async () => {
      socket.write(serialize(xml("starttls", NS_TLS)));
      const answer = await elements.next();
      const unread = elements.stop();
      if (!answer.is("proceed", NS_TLS)) throw new BalconyError("starttls-refused", "The server offers STARTTLS and then refuses it.");
      if (unread > 0) throw new BalconyError("starttls-injection", "Bytes came behind <proceed/>, where only an attacker puts any.");
    },
  };
}

const childName = (element: Element): string => (element.children.find((child) => typeof child !== "string") as Element | undefined)?.name.slice(0, 64) ?? "for no reason";

/** The elements of a stream, one at a time. */
class Elements {
  readonly #parser: StreamParser;
  readonly #come: Element[] = [];
  #wanted: { resolve(element: Element): void; reject(error: Error): void } | undefined;
  #failure: Error | undefined;

  constructor(private readonly socket: Socket) {
    this.#parser = new StreamParser(
      {
        open: () => undefined,
        element: (element) => {
          this.#come.push(element);
          if (element.is("proceed", NS_TLS)) this.#parser.stop();
          this.#give();
        },
        close: () => this.#fail(new BalconyError("connection-lost", "The server closed the stream.")),
      },
      LIMITS,
    );
    socket.on("data", this.#onData).on("error", this.#onError).on("close", this.#onClose);
  }

  next(): Promise<Element> {
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject };
      this.#give();
    });
  }

  /** Reads no more. @returns how many bytes came behind the last element */
  stop(): number {
    this.socket.off("data", this.#onData).off("close", this.#onClose).pause();
    return this.#parser.unread;
  }

  readonly #onData = (chunk: Uint8Array): void => {
    try {
      this.#parser.write(chunk);
    } catch (error) {
      this.#fail(error instanceof XmlError ? new BalconyError(error.condition, error.message, { cause: error }) : (error as Error));
    }
  };
  readonly #onError = (error: Error): void => this.#fail(new BalconyError("connection-lost", error.message, { cause: error }));
  readonly #onClose = (): void => this.#fail(new BalconyError("connection-lost", "The server closed the connection."));

  #give(): void {
    if (!this.#wanted) return;
    const element = this.#come.shift();
    if (element) this.#wanted.resolve(element);
    else if (this.#failure) this.#wanted.reject(this.#failure);
    else return;
    this.#wanted = undefined;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#give();
  }
}
