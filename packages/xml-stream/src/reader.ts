import type { Duplex } from "node:stream";
import { BalconyError } from "@balcony/channel";
import { type Element, type Limits, type StreamHandlers, StreamParser, XmlError } from "@balcony/xml";
import { streamError } from "./stream-error.js";

/** What comes out of one direction of a stream. After `failed` nothing comes any more. */
export interface Receiver {
  header(header: Element): void;
  element(element: Element): void;
  /** The peer closed its direction by `</stream:stream>`. */
  close(): void;
  /** The bytes ended, broke, or hold what no stream may hold. */
  failed(error: BalconyError): void;
  /** Reading was stopped from within `header` or `element`; that many bytes had come behind it. */
  stopped(surplus: number): void;
  /** Bytes came, whatever they were. */
  heard(): void;
}

/** Reads the XML stream that comes in on `bytes`, with a parser of its own, and tells its receiver, which may be exchanged on the way. */
export class XmlReader implements StreamHandlers {
  receiver: Receiver;
  readonly #bytes: Duplex;
  readonly #parser: StreamParser;
  /** How many bytes may still come in all. */
  #budget: number;
  #reading = true;
  #complete = false;

  /** @param budget how many bytes the whole stream may have */
  constructor(bytes: Duplex, receiver: Receiver, { limits, budget = Number.POSITIVE_INFINITY }: { limits?: Partial<Limits> | undefined; budget?: number | undefined }) {
    this.#bytes = bytes;
    this.receiver = receiver;
    this.#budget = budget;
    this.#parser = new StreamParser(this, limits);
    bytes.on("data", this.#onData).on("end", this.#onEnd).on("error", this.#onError).on("close", this.#onClose).resume();
  }

  /** Stops for good, also in the middle of a chunk, and leaves the bytes paused. Their loss is still told, until `release()`. */
  stop(): void {
    if (!this.#reading) return;
    this.#reading = false;
    this.#parser.stop();
    this.#bytes.off("data", this.#onData).off("end", this.#onEnd).pause();
  }

  /** Stops, and takes the last listeners away from the bytes. */
  release(): void {
    this.stop();
    this.#bytes.off("error", this.#onError).off("close", this.#onClose);
  }

  open(header: Element): void {
    this.receiver.header(header);
  }

  element(element: Element): void {
    this.receiver.element(element);
  }

  close(): void {
    this.#complete = true;
    this.receiver.close();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.receiver.heard();
    const allowed = chunk.length > this.#budget ? chunk.subarray(0, this.#budget) : chunk;
    this.#budget -= allowed.length;
    try {
      this.#parser.write(allowed);
    } catch (error) {
      this.receiver.failed(error instanceof XmlError ? streamError(error.condition, error.message, { cause: error }) : asError(error, "internal"));
      return;
    }
    const rest = chunk.length - allowed.length;
    if (!this.#reading) this.receiver.stopped(this.#parser.unread + rest + this.#bytes.readableLength);
    else if (rest > 0) this.receiver.failed(streamError("policy-violation", "More bytes came than the stream may have."));
  };

  readonly #onEnd = (): void => {
    // Inside TLS too: an end without close_notify looks like any other, so </stream:stream> alone tells that all was read.
    if (!this.#complete) this.receiver.failed(streamError("truncated", "The bytes ended before the stream was closed."));
  };

  readonly #onError = (error: Error): void => {
    this.receiver.failed(asError(error, "connection-lost"));
  };

  readonly #onClose = (): void => {
    // Also behind the peer's closing tag: ours may not be out yet, and never will be.
    this.receiver.failed(streamError("connection-lost", "The connection was closed before the stream was."));
  };
}

function asError(error: unknown, code: "internal" | "connection-lost"): BalconyError {
  if (error instanceof BalconyError) return error;
  return streamError(code, error instanceof Error ? error.message : String(error), { cause: error });
}
