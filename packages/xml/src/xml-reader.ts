import { Buffer } from "node:buffer";
import type { Limits } from "./limits.js";
import type { ParsedElement } from "./parsed-element.js";
import { TreeBuilder } from "./tree-builder.js";
import { wholeCodePoints } from "./utf8.js";
import { XmlError } from "./xml-error.js";

/** What an XmlReader tells, in the order of the bytes. */
export interface ReaderEvents {
  open(root: ParsedElement): void;
  element(element: ParsedElement, inherited: ReadonlySet<string>): void;
  close(): void;
}

/** `empty`: told of the opening of a root whose tag closes it too, and not yet of that. */
type Phase = "head" | "inside" | "empty" | "closed";

const stopped = new Error("stop() was called");
const noBytes = new Uint8Array(0);

const isSpace = (unit: number): boolean => unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09;

/**
 * Bytes to Elements: UTF-8, sizes, and what may stand between the elements; what stands inside them is TreeBuilder's.
 *
 * All positions are bytes from the beginning of the stream. Whatever the cuts between chunks, each fault is found at the same byte,
 * so that the same bytes always lead to the same error.
 */
export class XmlReader {
  readonly #events: ReaderEvents;
  readonly #limits: Limits;
  readonly #level: 0 | 1;
  readonly #builder: TreeBuilder;
  #phase: Phase = "head";
  /** Between elements: only white space may come before the next `<`, without end, and none of it is kept. */
  #between = true;
  #received = 0;
  /** Bytes that TreeBuilder has, or that were white space between elements. */
  #consumed = 0;
  /** Where what is being read began: an element, the root's tag or the XML declaration. */
  #start = 0;
  /** Where the last of them ended. */
  #boundary = 0;
  /** The first bytes of a code point whose rest has not come yet. */
  #held: Uint8Array = noBytes;
  #stopped = false;
  #failure: Error | undefined;
  #writing = false;
  readonly #waiting: Uint8Array[] = [];

  // The piece of text that TreeBuilder is reading.
  #text = "";
  #ascii = true;
  /** Code units given to TreeBuilder before this piece, less those of this piece that it was not given. */
  #shift = 0;
  #given = 0;
  /** A place in the piece whose position in bytes is known. */
  #mark = { index: 0, position: 0 };

  constructor(events: ReaderEvents, limits: Limits, level: 0 | 1) {
    this.#events = events;
    this.#limits = limits;
    this.#level = level;
    this.#builder = new TreeBuilder(
      {
        declaration: () => this.#pass("head"),
        open: (root, empty) => this.#pass(empty ? "empty" : "inside", () => this.#events.open(root)),
        element: (element, inherited) => this.#pass(this.#level === 0 ? "closed" : "inside", () => this.#events.element(element, inherited)),
        close: () => this.#pass("closed", () => this.#events.close()),
      },
      limits,
      level,
    );
  }

  write(chunk: Uint8Array): void {
    if (this.#failure) throw this.#failure;
    this.#received += chunk.length;
    if (this.#stopped) return;
    this.#waiting.push(chunk);
    if (this.#writing) return;
    this.#writing = true;
    try {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#read(next);
    } catch (error) {
      this.#waiting.length = 0;
      if (error === stopped) return;
      this.#failure = error instanceof Error ? error : new Error("a handler threw", { cause: error });
      throw this.#failure;
    } finally {
      this.#writing = false;
      this.#text = "";
    }
  }

  end(): void {
    if (this.#failure) throw this.#failure;
    if (this.#stopped) return;
    if (this.#phase === "closed" && this.#held.length === 0) return;
    this.#failure = new XmlError("not-well-formed", "the end came before the root was closed");
    throw this.#failure;
  }

  stop(): void {
    this.#stopped = true;
  }

  get unread(): number {
    return this.#stopped ? this.#received - this.#boundary : 0;
  }

  #read(chunk: Uint8Array): void {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    // RFC 6120 §11.6: FE FF and FF FE begin UTF-16 with a byte order mark, 00 begins UTF-16 or UTF-32 without one.
    if (this.#consumed === 0 && (bytes[0] === 0xfe || bytes[0] === 0xff || bytes[0] === 0)) throw new XmlError("unsupported-encoding", "not UTF-8 from the first byte on");
    const { valid, rest } = wholeCodePoints(bytes);
    this.#readPieces(bytes.subarray(0, valid));
    if (rest < 0) throw new XmlError("not-well-formed", "not UTF-8");
    this.#held = rest === 0 ? noBytes : Uint8Array.from(bytes.subarray(valid));
  }

  /** Hands on no more at a time than the element being read may still have, so that none is ever longer than the limit. */
  #readPieces(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; ) {
      let to = from + this.#limits.stanzaBytes - (this.#consumed - this.#start);
      if (to >= bytes.length) to = bytes.length;
      else while (((bytes[to] ?? 0) & 0xc0) === 0x80) to--;
      if (to <= from) throw new XmlError("policy-violation", `longer than ${this.#limits.stanzaBytes} bytes`);
      this.#readPiece(bytes.subarray(from, to));
      from = to;
    }
  }

  #readPiece(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    this.#text = text;
    this.#ascii = text.length === bytes.length;
    this.#mark = { index: 0, position: this.#consumed };
    const skipped = this.#between ? this.#skipSpace(0) : 0;
    this.#shift = skipped - this.#given;
    if (!this.#between) {
      this.#given += text.length - skipped;
      this.#builder.write(skipped === 0 ? text : text.slice(skipped));
    }
    this.#consumed += bytes.length;
    if (this.#between) this.#start = this.#consumed;
  }

  /** Passes the end of a tag or element, tells of it, and goes on behind it. */
  #pass(phase: Phase, tell?: () => void): void {
    const index = this.#builder.position + this.#shift;
    this.#boundary = this.#positionOf(index);
    this.#phase = phase;
    tell?.();
    if (this.#stopped) throw stopped;
    if (phase !== "empty") this.#skipSpace(index);
  }

  /** Goes on to the next `<`, from where only white space may stand before it. @returns its index, or the length of the text */
  #skipSpace(from: number): number {
    const text = this.#text;
    let index = from;
    while (index < text.length && isSpace(text.charCodeAt(index))) index++;
    this.#between = index === text.length;
    if (this.#between) return index;
    if (this.#phase === "closed") throw new XmlError("not-well-formed", "more behind the root");
    // RFC 6120 §11.6: U+FEFF is no byte order mark but a character like any other, also as the first.
    if (text.charCodeAt(index) !== 0x3c)
      throw this.#phase === "head" ? new XmlError("not-well-formed", "text before the root") : new XmlError("bad-format", "text directly under the root");
    this.#start = this.#positionOf(index);
    // XML 1.0 §2.8: nothing, not even white space, stands before the declaration.
    if (this.#start > 0) this.#builder.xmlDeclPossible = false;
    return index;
  }

  #positionOf(index: number): number {
    const { index: known, position } = this.#mark;
    const passed = this.#ascii ? index - known : Buffer.byteLength(this.#text.slice(known, index));
    this.#mark = { index, position: position + passed };
    return this.#mark.position;
  }
}
