import { BalconyError } from "@balcony/channel";
import type { Connection } from "@balcony/jingle";

/** ms that the others have for showing a key of their own, once one has shown a key that nobody knows. */
const PATIENCE = 1_000;

/** What a connection came to. */
export interface Contender {
  readonly tls: { readonly bytes: { destroy(): unknown }; readonly peerCertificate: { readonly spki: string } };
  /** A key that is blocked, and here only to be verified, is one that nobody knows. */
  readonly decision: { readonly action?: string; readonly firstUse?: boolean };
}

/**
 * Finds the peer among connections that had the same right to be its: there are several where somebody else knew a SOCKS5 bytestream's address. Whoever fails TLS, or shows a key that is
 * refused, is dropped, and the right peer gets in. A known key is taken at once. Two unknown ones cannot be told apart: neither is taken, and the path counts as broken.
 * @param attempt the exchange and TLS on one of them; destroys the bytes where it fails
 * @throws what a single one failed with; `connection-lost` where several all failed, or are at odds
 */
export async function contend<T extends Contender>(
  connection: Connection,
  attempt: (one: Connection, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<{ readonly connection: Connection; readonly result: T }> {
  const { others = [] } = connection;
  if (others.length === 0) return { connection, result: await attempt(connection, signal) };
  return await new Contest([connection, ...others], attempt, signal).outcome;
}

interface Entry<T> {
  readonly connection: Connection;
  readonly result: T;
}

class Contest<T extends Contender> {
  readonly outcome: Promise<Entry<T>>;
  readonly #stop = new AbortController();
  #running: number;
  #unknown: Entry<T> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  #settle!: { readonly take: (entry: Entry<T>) => void; readonly fail: (error: unknown) => void };

  constructor(connections: readonly Connection[], attempt: (one: Connection, signal: AbortSignal) => Promise<T>, signal: AbortSignal) {
    this.#running = connections.length;
    this.outcome = new Promise((take, fail) => {
      this.#settle = { take, fail };
    });
    const either = AbortSignal.any([signal, this.#stop.signal]);
    for (const connection of connections) {
      attempt(connection, either).then(
        (result) => this.#shown({ connection, result }),
        (error: unknown) => this.#failed(error, signal),
      );
    }
  }

  #shown(entry: Entry<T>): void {
    this.#running--;
    const { decision, tls } = entry.result;
    if (this.#over) tls.bytes.destroy();
    else if (decision.firstUse === false) this.#take(entry);
    else if (this.#unknown) this.#compare(this.#unknown, entry);
    else {
      this.#unknown = entry;
      if (this.#running === 0) this.#take(entry);
      else this.#patience = setTimeout(() => this.#take(entry), PATIENCE);
    }
  }

  /** Two connections, each with a key that nobody knows. */
  #compare(first: Entry<T>, { result: { tls } }: Entry<T>): void {
    tls.bytes.destroy();
    if (first.result.tls.peerCertificate.spki !== tls.peerCertificate.spki) {
      first.result.tls.bytes.destroy();
      this.#fail(new BalconyError("connection-lost", "Two keys that nobody knows were shown on the same path: somebody else knew its address."));
    } else if (this.#running === 0) this.#take(first);
  }

  #failed(error: unknown, signal: AbortSignal): void {
    this.#running--;
    if (this.#over || this.#running > 0) return;
    if (this.#unknown) this.#take(this.#unknown);
    else
      this.#fail(
        signal.aborted ? error : new BalconyError("connection-lost", "Somebody else knew the path's address, and the peer was not among those who came.", { cause: error }),
      );
  }

  #take(entry: Entry<T>): void {
    this.#end();
    if (this.#unknown && this.#unknown !== entry) this.#unknown.result.tls.bytes.destroy();
    this.#settle.take(entry);
  }

  #fail(error: unknown): void {
    this.#end();
    this.#settle.fail(error);
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#patience);
    this.#stop.abort(new BalconyError("closed", "Another connection was the peer's."));
  }
}
