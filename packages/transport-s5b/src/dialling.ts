import type { Candidate } from "./transport-element.js";

/** XEP-0260 §4: ms between two attempts, and before the first proxy, to give direct connections their chance. */
const STAGGER = 200;
const BEFORE_PROXIES = 500;

/** Connects to candidates by priority, one begun after another without waiting for its end (as RFC 8305 does); where one fails the next begins at once. */
export class Dialling<Connected> {
  #queue: Candidate[] = [];
  readonly #running = new Map<string, AbortController>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #began = false;

  constructor(
    private readonly dial: (candidate: Candidate, signal: AbortSignal) => Promise<Connected>,
    private readonly ended: (candidate: Candidate, outcome: { readonly connected: Connected } | { readonly error: unknown }) => void,
  ) {}

  add(candidates: readonly Candidate[]): void {
    this.#queue = [...this.#queue, ...candidates].sort((a, b) => Number(a.type === "proxy") - Number(b.type === "proxy") || b.priority - a.priority);
    if (this.#timer === undefined && this.#running.size === 0) this.#next();
  }

  /** Gives up all but these. */
  keep(candidates: readonly Candidate[]): void {
    const kept = new Set(candidates.map(({ cid }) => cid));
    this.#queue = this.#queue.filter(({ cid }) => kept.has(cid));
    for (const [cid, stop] of this.#running) {
      if (kept.has(cid)) continue;
      this.#running.delete(cid);
      stop.abort();
    }
    if (this.#queue.length === 0) this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): void {
    this.#clear();
    const candidate = this.#queue.shift();
    if (!candidate) return;
    const stop = new AbortController();
    this.#running.set(candidate.cid, stop);
    this.#began = true;
    const over = (outcome: Parameters<typeof this.ended>[1]): void => {
      if (this.#running.get(candidate.cid) !== stop) return; // given up
      this.#running.delete(candidate.cid);
      this.ended(candidate, outcome);
      if ("error" in outcome) this.#next();
    };
    this.dial(candidate, stop.signal).then(
      (connected) => over({ connected }),
      (error: unknown) => over({ error }),
    );
    const [following] = this.#queue;
    if (following) this.#timer = setTimeout(() => this.#next(), following.type === "proxy" && candidate.type !== "proxy" && this.#began ? BEFORE_PROXIES : STAGGER);
  }
}
