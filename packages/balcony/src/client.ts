import type { Element } from "@balcony/xml";

/** What Balcony needs of an @xmpp/client: `client({ … })` as it is fits, whatever its own types say. */
export interface XmppClient {
  readonly status: string;
  readonly jid: { toString(): string } | null | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: @xmpp/client's elements and ours are the same objects under types of other origin
  send(stanza: any): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: a listener may take whatever its event carries
  on(event: string, listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  removeListener(event: string, listener: (...args: any[]) => void): unknown;
}

/** A parser as @xmpp/client's connections use one: an EventEmitter with `start`, `element`, `end` and `error`. */
export interface ConnectionParser {
  write(data: Uint8Array | ArrayBuffer | string): void;
}

/** One of `client.transports`: TCP, TLS, WebSocket. */
export interface ConnectionTransport {
  readonly prototype: { Parser: new () => ConnectionParser; socketParameters(service: string): unknown };
}

/** The inside of @xmpp/client 0.14 that the adapter reaches into, in one place. */
export interface ClientInternals extends XmppClient {
  transports: ConnectionTransport[];
  parser: ConnectionParser | null;
  socket: {
    destroy?: () => void;
    end: () => void;
    setNoDelay?: (on: boolean) => void;
    socket?: { destroy?: () => void; terminate?: () => void; binaryType?: string } | null;
  } | null;
  streamManagement?: {
    enabled: boolean;
    id: string;
    inbound: number;
    /** How many of our stanzas the server has acknowledged, and those that it has not. */
    readonly outbound: number;
    readonly outbound_q: readonly unknown[];
    on(event: "resumed", listener: () => void): unknown;
    removeListener(event: "resumed", listener: () => void): unknown;
  };
  sendMany?(stanzas: Iterable<Element>): Promise<unknown>;
  /** Ends the stream to the server, on the application's word. */
  stop?(): Promise<unknown>;
  _onData(data: Uint8Array | ArrayBuffer | string): void;
  _onElement(element: Element): void;
}
