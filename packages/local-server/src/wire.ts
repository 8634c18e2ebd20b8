import type { Element } from "@balcony/xml";
import type { Header, StreamCondition } from "./negotiation.js";

/** What a wire tells of the client at its other end. */
export interface WireHandlers {
  header(header: Header, xml: string): void;
  element(element: Element): void;
  /** The client closed its stream, in these words. */
  closed(xml: string): void;
  /** What came is no XML stream. */
  invalid(condition: StreamCondition, text: string): void;
  /** The connection is gone, with or without a closed stream. Told once, and last. */
  gone(): void;
  /** What was queued has been taken. */
  drained(): void;
  /** Everything that is written, as it is written. */
  wrote(xml: string): void;
}

/** One client's XML stream over one connection: TCP (RFC 6120) or WebSocket (RFC 7395). */
export interface Wire {
  readonly kind: "tcp" | "websocket";
  /** Bytes written and not yet taken by the client's end of the connection. */
  readonly queued: number;
  open(header: { readonly from: string | undefined; readonly id: string }): void;
  send(element: Element): void;
  /** Bytes as they are, wherever they fall in the stream. */
  inject(bytes: Uint8Array | string): void;
  /** Reads a new stream behind the current element. `stanzaBytes`: its limit for one element. */
  restart(stanzaBytes: number): void;
  /** Writes `proceed`, then begins TLS. Only TCP can. */
  secure(proceed: Element, stanzaBytes: number): void;
  /** Reads nothing until `resume()`. */
  pause(): void;
  resume(): void;
  /** Ends our stream, after a stream error if there is one, and then the connection. Nothing is read any more. */
  close(error?: Element): void;
  /** Cuts the connection, as a network does. */
  destroy(): void;
}
