import { Buffer } from "node:buffer";
import type { Element } from "./element.js";
import { defaultLimits, type Limits } from "./limits.js";
import { type ParsedElement, toElement } from "./parsed-element.js";
import { XmlError } from "./xml-error.js";
import { XmlReader } from "./xml-reader.js";

/** What a StreamParser tells of the stream it reads, in the order of the bytes. */
export interface StreamHandlers {
  /** The stream's root was opened; its element has attributes and no children. */
  open(header: Element): void;
  /**
   * A child of the root is complete. It stands on its own: what it inherits from the root of namespace declarations is declared
   * on the element itself, so that it keeps its meaning wherever it is moved or written.
   */
  element(element: Element): void;
  /** The root was closed. Bytes behind it are an error, white space apart. */
  close(): void;
}

/** Reads one XML stream from its bytes. */
export class StreamParser {
  readonly #reader: XmlReader;

  constructor(handlers: StreamHandlers, limits: Partial<Limits> = {}) {
    this.#reader = new XmlReader(
      {
        open: (root) => handlers.open(toElement(root)),
        element: (element, inherited) => handlers.element(detach(element, inherited)),
        close: () => handlers.close(),
      },
      { ...defaultLimits, ...limits },
      1,
    );
  }

  /**
   * Reads more bytes, cut anywhere. Throws XmlError; a parser that has thrown throws the same again.
   * What a handler throws comes out of here too, and ends the parser likewise. Bytes written from within a handler are read after it.
   */
  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  /** No more bytes will come. Throws XmlError (`not-well-formed`) where the root was never closed. */
  end(): void {
    this.#reader.end();
  }

  /**
   * Stops reading for good: meant to be called by a handler. No handler is called any more, for what the same chunk still holds neither.
   * Afterwards `unread` tells how many bytes came behind the last element.
   */
  stop(): void {
    this.#reader.stop();
  }

  /** Bytes that came behind the element in whose handler `stop()` was called, white space and halves of code points included. */
  get unread(): number {
    return this.#reader.unread;
  }
}

/** Reads one whole element, as text or as UTF-8. Throws XmlError. */
export function parseElement(data: string | Uint8Array, limits: Partial<Limits> = {}): Element {
  // Half a surrogate pair has no UTF-8 form; encoding would quietly make U+FFFD of it.
  if (typeof data === "string" && /\p{Surrogate}/u.test(data)) throw new XmlError("not-well-formed", "half a surrogate pair");
  const found: ParsedElement[] = [];
  const reader = new XmlReader({ open: () => undefined, element: (element) => found.push(element), close: () => undefined }, { ...defaultLimits, ...limits }, 0);
  reader.write(typeof data === "string" ? Buffer.from(data) : data);
  reader.end();
  const [element] = found;
  if (element === undefined) throw new XmlError("not-well-formed", "no element");
  return toElement(element);
}

function detach(element: ParsedElement, inherited: ReadonlySet<string>): Element {
  const root = element.parent;
  element.parent = null;
  if (root !== null) {
    if (element.attrs.xmlns === undefined && root.attrs.xmlns !== undefined) element.attrs.xmlns = root.attrs.xmlns;
    for (const attribute of inherited) element.attrs[attribute] = root.attrs[attribute];
  }
  return toElement(element);
}
