import { BalconyError, fillsMemory } from "@balcony/channel";
import { looksLikeStun } from "./stun.js";

/** A STUN message is far smaller; nothing larger is collected. Bytes. */
const STUN_LIMIT = 1500;
const FRAME_LIMIT = 65_535;
/** So many bytes of a frame tell STUN from data. */
const PEEK = 8;

export interface FrameHandlers {
  /** A whole STUN message. */
  readonly stun: (message: Buffer) => void;
  /** Bytes of the stream, as they come: a frame is not waited for. */
  readonly data: (bytes: Buffer) => void;
  /** Memory in which there is nothing but what was taken. */
  readonly alone?: (memory: ArrayBufferLike) => void;
}

/**
 * Takes RFC 4571's frames (a length of two bytes, then as many) apart. Data goes through in the pieces in which it comes, uncopied; only STUN is collected.
 *
 * | state   | comes                      | then                                     |
 * |---------|----------------------------|------------------------------------------|
 * | header  | two bytes                  | peek; an empty frame is skipped          |
 * | peek    | 8 bytes, or the whole frame| stun or data                             |
 * | stun    | the rest                   | handed on whole, header                  |
 * | data    | any                        | handed on, header when the frame is over |
 */
export class FrameReader {
  #pending: Buffer | undefined;
  /** Bytes of a data frame still to come. */
  #left = 0;

  constructor(public handlers: FrameHandlers) {}

  /** Is a frame under way? An end now would be a truncation. */
  get within(): boolean {
    return this.#left > 0 || this.#pending !== undefined;
  }

  /** @throws `ice-framing` for a STUN message larger than any */
  take(bytes: Buffer): void {
    let rest = bytes;
    if (this.#pending) {
      rest = joined(this.#pending, bytes);
      this.#pending = undefined;
    }
    if (fillsMemory(rest)) this.handlers.alone?.(rest.buffer);
    while (rest.length > 0) {
      if (this.#left > 0) {
        const piece = rest.subarray(0, this.#left);
        this.#left -= piece.length;
        rest = rest.subarray(piece.length);
        this.handlers.data(piece);
        continue;
      }
      const length = rest.length < 2 ? undefined : rest.readUInt16BE(0);
      if (length === undefined || rest.length < 2 + Math.min(PEEK, length)) break;
      if (!looksLikeStun(rest.subarray(2, 2 + Math.min(PEEK, length)), length)) {
        this.#left = length;
        rest = rest.subarray(2);
        continue;
      }
      if (length > STUN_LIMIT) throw new BalconyError("ice-framing", `A STUN message of ${length} bytes.`);
      if (rest.length < 2 + length) break;
      const message = rest.subarray(2, 2 + length);
      rest = rest.subarray(2 + length);
      this.handlers.stun(message);
    }
    if (rest.length > 0) this.#pending = rest;
  }
}

/** In no pool of Node's, so that it can be given back. */
function joined(first: Buffer, second: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(first.length + second.length);
  first.copy(bytes);
  second.copy(bytes, first.length);
  return bytes;
}

/** A frame's header. */
function header(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(length, 0);
  return bytes;
}

/** One STUN message as a frame. */
export function stunFrame(message: Buffer): Buffer {
  return Buffer.concat([header(message.length), message]);
}

/** Data as frames, to be written one after another: headers and the very buffers given. What could be taken for STUN is split where it cannot. */
export function dataFrames(chunks: readonly Buffer[]): Buffer[] {
  const frames: Buffer[] = [];
  let frame: Buffer[] = [];
  let length = 0;
  const close = () => {
    if (length > 0) frames.push(header(length), ...frame);
    frame = [];
    length = 0;
  };
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const risky = length === 0 && (chunk[at] as number) < 4;
      const piece = chunk.subarray(at, at + (risky ? 1 : FRAME_LIMIT - length));
      frame.push(piece);
      length += piece.length;
      at += piece.length;
      if (risky || length === FRAME_LIMIT) close();
    }
  }
  close();
  return frames;
}
