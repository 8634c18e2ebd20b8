import { Buffer } from "node:buffer";

/**
 * A fault that a wire in memory commits on bytes. Several work one after another, in the order in which they are given:
 * the places of each count the bytes that the one before it lets through, from 0.
 */
export type ByteFault =
  /** Arrives in pieces of these sizes, over and over again: `[1]` cuts at every byte. */
  | { readonly kind: "split"; readonly sizes: readonly number[] }
  /** Is held back until there are so many bytes, which then arrive as one piece; what is left comes with the end, or on `release()`. */
  | { readonly kind: "coalesce"; readonly bytes: number }
  /** Each piece from this place on waits for `release()`, and everything behind it too. */
  | { readonly kind: "delay"; readonly from?: number }
  /** From this place on nothing arrives, the end neither, until `release()`. */
  | { readonly kind: "stall"; readonly after: number }
  /** When so many bytes have arrived, the connection ends in good order, or breaks with `connection-lost`; the rest is gone. */
  | { readonly kind: "cut"; readonly after: number; readonly how: "end" | "loss" }
  /** Arrives twice, one after the other. */
  | { readonly kind: "duplicate"; readonly at: number; readonly bytes: number }
  /** This byte arrives with these bits turned over. Default all. */
  | { readonly kind: "corrupt"; readonly at: number; readonly bits?: number }
  /** Does not arrive. */
  | { readonly kind: "drop"; readonly at: number; readonly bytes: number }
  /** These bytes arrive before the one at this place. */
  | { readonly kind: "inject"; readonly at: number; readonly bytes: Uint8Array };

/** What goes over a wire, in order. */
export type BytePiece = { readonly kind: "bytes"; readonly bytes: Buffer } | { readonly kind: "end" } | { readonly kind: "loss" };

/** One fault at work. */
export interface ByteStage {
  /** What goes on when this comes. */
  take(piece: BytePiece): readonly BytePiece[];
  /** What was held back and goes on when the test lets so many pieces go. */
  release(pieces: number): readonly BytePiece[];
  /** Does it hold something that the writer has to wait for? */
  readonly blocked: boolean;
}

/** The stage that commits a fault. */
export function byteStage(fault: ByteFault): ByteStage {
  switch (fault.kind) {
    case "split":
      return splitting(fault.sizes);
    case "coalesce":
      return coalescing(fault.bytes);
    case "delay":
      return delaying(fault.from ?? 0);
    case "stall":
      return delaying(fault.after);
    case "cut":
      return cutting(fault.after, fault.how);
    case "duplicate":
      return striking(fault.at, fault.bytes, (bytes) => Buffer.concat([bytes, bytes]));
    case "corrupt":
      return striking(fault.at, 1, (bytes) => bytes.map((byte) => byte ^ (fault.bits ?? 0xff)) as Buffer);
    case "drop":
      return striking(fault.at, fault.bytes, () => Buffer.alloc(0));
    case "inject":
      return striking(fault.at, 1, (bytes) => Buffer.concat([fault.bytes, bytes]));
  }
}

const nothing: readonly BytePiece[] = [];
const passingOn = { release: () => nothing, blocked: false } as const;

/** One piece, or none where there are no bytes. */
function carrying(bytes: Buffer): readonly BytePiece[] {
  return bytes.length === 0 ? nothing : [{ kind: "bytes", bytes }];
}

/** Changes the bytes from `at` on, as many as told, once they are all there; the rest passes. */
function striking(at: number, count: number, change: (bytes: Buffer) => Buffer): ByteStage {
  let position = 0;
  let held = Buffer.alloc(0);
  const struck = () => {
    const bytes = held;
    held = Buffer.alloc(0);
    return bytes.length === 0 ? nothing : carrying(change(bytes));
  };
  return {
    take: (piece) => {
      if (piece.kind !== "bytes") return [...struck(), piece];
      const before = piece.bytes.subarray(0, Math.max(0, at - position));
      const within = piece.bytes.subarray(before.length, Math.max(before.length, at + count - position));
      const behind = piece.bytes.subarray(before.length + within.length);
      position += piece.bytes.length;
      held = Buffer.concat([held, within]);
      const whole = position >= at + count;
      return [...carrying(before), ...(whole ? struck() : nothing), ...carrying(behind)];
    },
    ...passingOn,
  };
}

function splitting(sizes: readonly number[]): ByteStage {
  let next = 0;
  let left = 0;
  const cut = (bytes: Buffer): BytePiece[] => {
    const pieces: BytePiece[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (left === 0) left = Math.max(1, sizes[next++ % sizes.length] ?? bytes.length);
      const piece = bytes.subarray(at, at + left);
      left -= piece.length;
      at += piece.length;
      pieces.push(...carrying(piece));
    }
    return pieces;
  };
  return { take: (piece) => (piece.kind === "bytes" ? cut(piece.bytes) : [piece]), ...passingOn };
}

function coalescing(count: number): ByteStage {
  let held = Buffer.alloc(0);
  const all = () => {
    const bytes = held;
    held = Buffer.alloc(0);
    return carrying(bytes);
  };
  return {
    take: (piece) => {
      if (piece.kind !== "bytes") return [...all(), piece];
      held = Buffer.concat([held, piece.bytes]);
      return held.length >= count ? all() : nothing;
    },
    release: all,
    blocked: false, // or the writer would wait for itself
  };
}

function delaying(from: number): ByteStage {
  const held: BytePiece[] = [];
  let position = 0;
  let passes = 0;
  const passing = () => {
    const gone = held.splice(0, passes);
    passes -= gone.length;
    return gone;
  };
  return {
    take: (piece) => {
      if (piece.kind === "loss") return [piece];
      const [before, behind] = piece.kind === "bytes" ? cutAt(piece.bytes, from - position) : [nothing, [piece]];
      if (piece.kind === "end" && position < from) return [piece];
      if (piece.kind === "bytes") position += piece.bytes.length;
      held.push(...behind);
      return [...before, ...passing()];
    },
    release: (pieces) => {
      passes += pieces;
      return passing();
    },
    get blocked() {
      return held.length > 0;
    },
  };
}

/** Both parts as pieces, none of them empty. */
function cutAt(bytes: Buffer, at: number): readonly [readonly BytePiece[], readonly BytePiece[]] {
  const place = Math.min(bytes.length, Math.max(0, at));
  return [carrying(bytes.subarray(0, place)), carrying(bytes.subarray(place))];
}

function cutting(after: number, how: "end" | "loss"): ByteStage {
  let left = after;
  let over = false;
  const finish = (): readonly BytePiece[] => {
    over = true;
    return [{ kind: how }];
  };
  return {
    take: (piece) => {
      if (over) return nothing;
      if (piece.kind !== "bytes") return [piece];
      const passing = piece.bytes.subarray(0, left);
      left -= passing.length;
      return [...carrying(passing), ...(left === 0 ? finish() : nothing)];
    },
    ...passingOn,
  };
}
