import { type Element, type Limits, StreamParser, XmlError } from "../src/index.js";

export const header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

export interface Run {
  readonly elements: readonly Element[];
  /** What was told, in order, and last of all how it ended: a condition, or `accepted`. */
  readonly told: readonly string[];
  readonly code: string;
}

const outcome = (work: () => void): string => {
  try {
    work();
    return "accepted";
  } catch (error) {
    if (error instanceof XmlError) return error.condition;
    throw error;
  }
};

/** Reads bytes in the given chunks, then says that no more come. */
export function readChunks(chunks: Iterable<Uint8Array>, limits: Partial<Limits> = {}): Run {
  const elements: Element[] = [];
  const told: string[] = [];
  const parser = new StreamParser(
    {
      open: (root) => told.push(`open ${root}`),
      element: (element) => {
        elements.push(element);
        told.push(`element ${element}`);
      },
      close: () => told.push("close"),
    },
    limits,
  );
  const code = outcome(() => {
    for (const chunk of chunks) parser.write(chunk);
    parser.end();
  });
  told.push(code);
  return { elements, told, code };
}

export function* pieces(bytes: Uint8Array, size: number): Iterable<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** The one outcome of these bytes: whole, byte by byte, and cut in two at every byte. Where two cuts differ, says so. */
export function outcomeAtEveryCut(bytes: Uint8Array, limits: Partial<Limits> = {}): string {
  const whole = readChunks([bytes], limits);
  const expected = whole.told.join("\n");
  const differs = (run: Run, how: string): string | undefined =>
    run.told.join("\n") === expected ? undefined : `${whole.code}, but ${run.code} ${how}: ${JSON.stringify(run.told)}`;
  const bytewise = differs(readChunks(pieces(bytes, 1), limits), "byte by byte");
  if (bytewise) return bytewise;
  const step = Math.max(1, Math.floor(bytes.length / 2_000));
  for (let at = 0; at <= bytes.length; at += step) {
    const cut = differs(readChunks([bytes.subarray(0, at), bytes.subarray(at)], limits), `cut at ${at}`);
    if (cut) return cut;
  }
  return whole.code;
}
