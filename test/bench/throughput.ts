import type { Duplex } from "node:stream";
import type { Pair } from "./pairs.js";

const MEGABYTE = 1_000_000;

export interface Load {
  /** What each write is given, or each message. */
  readonly piece: Buffer;
  readonly pieces: number;
}

/** 256 MiB in writes of 64 KiB. */
export const large: Load = { piece: Buffer.alloc(64 * 1024, 7), pieces: 4096 };

/** Megabytes a second from the first end to the second, as fast as backpressure allows; both ends are destroyed afterwards. */
export async function rate(make: () => Promise<Pair<Duplex>>, { piece, pieces }: Load = large): Promise<number> {
  const [near, far] = await make();
  for (const end of [near, far]) end.on("error", () => undefined);
  near.resume();
  const measured = await timed(
    pieces * piece.length,
    (came) => far.on("data", ({ length }: Buffer) => came(length)),
    () => pump(near, piece, pieces),
  );
  near.destroy();
  far.destroy();
  return measured;
}

function pump(near: Duplex, piece: Buffer, pieces: number): void {
  let left = pieces;
  const go = (): void => {
    while (left-- > 0) if (!near.write(piece)) return void near.once("drain", go);
  };
  go();
}

/** Megabytes a second, from the first byte written to the last one received. */
export async function timed(total: number, listen: (came: (length: number) => void) => void, write: () => void): Promise<number> {
  const start = performance.now();
  await new Promise<void>((resolve) => {
    let sum = 0;
    listen((length) => {
      sum += length;
      if (sum >= total) resolve();
    });
    write();
  });
  return total / MEGABYTE / ((performance.now() - start) / 1000);
}
