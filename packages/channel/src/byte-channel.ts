import type { Duplex } from "node:stream";

/**
 * A reliable, ordered byte stream: a Node Duplex, in bytes (never object mode), a plain `net.Socket` wherever possible.
 *
 * It promises what a Duplex does: bytes in order, backpressure, then `end` or `error`, then `close`. `end()` flushes and closes both ways:
 * half-close is not part of the contract (in-band bytestreams and data channels have none). When the peer ends, this side ends by itself
 * once what was received has been read; what it writes until it hears of our end need not arrive. A loss is an `error` with a BalconyError,
 * where the channel is ours to shape; `destroy()` drops what was not sent, without an error at this side. The callback of each write comes,
 * whatever becomes of the channel. What was not delivered is for the layer above to report.
 *
 * `byteChannelCompliance` of `@balcony/channel/compliance` asks all of this.
 */
export type ByteChannel = Duplex;

/**
 * What a ByteChannel may say of the memory that passes through it: once the callback of a write has come without an error it does not refer to what was written any more, and whether anybody else
 * refers to what it hands out. Whoever has copied what was read, or made what was written for this write alone, may then give memory back at once, where otherwise it waits for the garbage collector.
 */
export interface UnsharedMemory {
  /**
   * Has nobody else a part of this memory, now or later, of which parts were handed out? A `net.Socket`'s chunk is alone in its memory only where it fills it (`fillsMemory`): in what a read has left
   * over, Node may put what it reads next, from whichever connection.
   */
  owns(memory: ArrayBufferLike): boolean;
}

/** Are these bytes all that there is of their memory? */
export const fillsMemory = ({ buffer, byteLength }: Uint8Array): boolean => byteLength === buffer.byteLength;
