import type { Duplex } from "node:stream";

/** How long (ms) the bytes may take to close once the stream above is over. */
const PATIENCE = 10_000;

/** Says the last words, ends the bytes and resolves once they are closed; they are destroyed where that takes too long. */
export function hangUp(bytes: Duplex, lastWords: string): Promise<void> {
  return new Promise((resolve) => {
    if (bytes.closed) return resolve();
    const timer = setTimeout(() => bytes.destroy(), PATIENCE);
    // The stream is over and has its reason already: an error of the bytes changes nothing about it.
    bytes.on("error", nothing).once("close", () => {
      clearTimeout(timer);
      bytes.off("error", nothing);
      resolve();
    });
    bytes.resume(); // what still comes is not read by anybody, and must not keep the bytes from ending
    if (!bytes.writable) bytes.destroy();
    else bytes.end(lastWords);
  });
}

function nothing(): void {}
