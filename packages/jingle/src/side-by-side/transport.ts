import { BalconyError, stanzaError } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import type { AddressPolicy } from "../address-policy.js";
import { type Deferred, deferred } from "../deferred.js";
import type { Connection, Reach, Transport, TransportAttempt, TransportContext } from "../plugins.js";
import { type Item, NS_SIDE_BY_SIDE, readItems, writeItem, writeTransport } from "./element.js";
import { answering, type Effect, type Event, offering, type State, step, type Wait } from "./machine.js";

/** All in ms. */
export interface SideBySideTimes {
  /** From both sides' word until the other direct ways begin beside the first. Default 250 (RFC 8305 §5). */
  readonly headStart: number;
  /** From then, too, until the first relayed one begins. Default 750. */
  readonly relays: number;
  /** How long a direct path waits for one that is preferred to it. Default 400. */
  readonly better: number;
  /** How long a relayed path waits for a direct one, from when the peer has answered them all. Default 1,500. */
  readonly patience: number;
  /** The same from both sides' word, whatever has been answered. Default 3,000. */
  readonly longest: number;
  /** For direct paths where none leads through a relay. Default 5,000. */
  readonly direct: number;
  /** For anything at all. Default 9,000. */
  readonly end: number;
}

const defaultTimes: SideBySideTimes = Object.freeze({ headStart: 250, relays: 750, better: 400, patience: 1500, longest: 3000, direct: 5000, end: 9000 });

const timeOf: Readonly<Record<Wait, keyof SideBySideTimes>> = {
  "head-start": "headStart",
  relays: "relays",
  better: "better",
  patience: "patience",
  longest: "longest",
  direct: "direct",
  end: "end",
};

/**
 * Transports that are tried side by side, as one transport between two Balconies (docs/xep-side-by-side.md): the first has a head start, a relayed path waits a little for a direct one, and
 * what works first is taken. Only those that say what they reach are tried.
 * @param transports in order of preference
 */
export function sideBySide(transports: readonly Transport[], times: Partial<SideBySideTimes> = {}): Transport {
  const known = new Map(transports.map((transport) => [transport.namespace, transport]));
  return {
    namespace: NS_SIDE_BY_SIDE,
    covers: [...known.keys()],
    check: (offer) => {
      const items = readItems(offer);
      if (!items.some(({ what }) => what === "offer")) throw stanzaError("bad-request", { text: "an offer has at least one way" });
      checkOffers(items, known);
    },
    attempt: (context) => new SideBySideAttempt(context, known, { ...defaultTimes, ...times }),
  };
}

function checkOffers(items: readonly Item[], known: ReadonlyMap<string, Transport>): void {
  for (const item of items) if (item.what === "offer") known.get(item.transport.getNS() ?? "")?.check?.(item.transport);
}

/** One way, as far as it has been begun. */
interface Run {
  readonly namespace: string;
  readonly reach: Reach;
  /** The peer's side of it, where it was offered to us. */
  readonly offer: Element | undefined;
  attempt: TransportAttempt | undefined;
  /** Ours, once it is prepared. */
  side: Element | undefined;
  readonly stop: AbortController;
  /** Resolves once the peer has been told our side: no info goes before. */
  readonly announced: Deferred<void>;
  connection: Connection | undefined;
  /** Of a connection that stands and is not chosen yet. */
  readonly onClose: () => void;
  dropped: boolean;
}

class SideBySideAttempt implements TransportAttempt {
  readonly #runs = new Map<string, Run>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #state: State = answering;
  /** What is told in the first element; undefined once that has gone. */
  #first: Element[] | undefined = [];
  #opening: Deferred<Element> | undefined;
  #connecting: Deferred<Connection> | undefined;
  #lastError: Error | undefined;
  #over = false;

  constructor(
    private readonly context: TransportContext,
    private readonly known: ReadonlyMap<string, Transport>,
    private readonly times: SideBySideTimes,
  ) {}

  async offer(): Promise<Element> {
    const ways = this.#ways();
    for (const [id, { namespace, reach }] of ways) this.#know(id, { namespace, reach, offer: undefined });
    this.#opening = opening();
    const first = offering([...ways].map(([id, { reach }]) => ({ id, reach })));
    this.#state = first.state;
    this.#perform(first.effects);
    return await this.#opening.promise;
  }

  async answer(offer: Element): Promise<Element> {
    this.#opening = opening();
    this.#takeItems(readItems(offer));
    return await this.#opening.promise;
  }

  accepted(answer: Element): void {
    this.#takeItems(readItems(answer));
  }

  info(transport: Element): void {
    const items = readItems(transport);
    checkOffers(items, this.known);
    this.#takeItems(items);
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    if (this.#over) throw this.#failure();
    this.#connecting = deferred<Connection>();
    const stop = (): void => this.#end(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted) stop();
      this.#take({ type: "started" });
      return await this.#connecting.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  abort(): void {
    this.#end(new BalconyError("closed", "The transport's time is over."));
  }

  /** What there is to try: direct before relayed. */
  #ways(): Map<string, { readonly namespace: string; readonly reach: Reach }> {
    const { paths } = this.context.addresses;
    const reaches: readonly Reach[] = paths === "any" ? ["direct", "relayed"] : [paths];
    const ways = reaches.flatMap((reach) => [...this.known.values()].filter((one) => one.reaches?.includes(reach)).map(({ namespace }) => ({ namespace, reach })));
    return new Map(ways.map((way, index) => [String(index), way]));
  }

  // ---- the machine

  #takeItems(items: readonly Item[]): void {
    for (const item of items) {
      if (this.#over) return;
      const { way } = item;
      if (item.what === "offer") {
        const namespace = item.transport.getNS() ?? "";
        const known = this.known.has(namespace);
        if (!this.#runs.has(way)) this.#know(way, { namespace, reach: item.reach, offer: item.transport });
        this.#take({ type: "offered", way, reach: item.reach, known });
      } else if (item.what === "answer") this.#takeAnswer(way, item.transport);
      else if (item.what === "info") this.#inform(way, item.transport);
      else this.#take({ type: item.what === "failed" ? "peer-lost" : "chosen", way });
    }
  }

  /** What is malformed in it refuses the answer, and ends the way. */
  #takeAnswer(way: string, answer: Element): void {
    try {
      this.#take({ type: "answered", way }, answer);
    } catch (error) {
      queueMicrotask(() => this.#lost(way, error));
      throw error;
    }
  }

  #inform(way: string, info: Element): void {
    const run = this.#runs.get(way);
    if (!run || (!run.attempt && !run.dropped)) throw stanzaError("item-not-found", { text: "no such way" });
    if (!run.dropped) run.attempt?.info(info);
  }

  #take(event: Event, answer?: Element): void {
    if (this.#over) return;
    const { state, effects } = step(this.#state, event);
    // What refuses an element leaves everything as it was.
    for (const effect of effects) {
      if (effect.type === "refuse") throw stanzaError(effect.condition);
      if (effect.type === "accept" && answer) this.#runs.get(effect.way)?.attempt?.accepted(answer);
    }
    this.#state = state;
    this.#perform(effects);
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "prepare":
          void this.#prepare(effect.way);
          break;
        case "connect":
          void this.#connect(effect.way);
          break;
        case "drop":
          this.#drop(effect.way);
          break;
        case "tell":
          this.#tell(effect.what, effect.way);
          break;
        case "await":
          this.#await(effect.wait);
          break;
        case "finish":
          this.#finish(effect.way);
          break;
        case "fail":
          this.#end(this.#failure());
          break;
        default: // "accept" and "refuse": see #take()
      }
    }
    this.#compose();
  }

  #await(wait: Wait): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#take({ type: "over", wait });
    }, this.times[timeOf[wait]]);
    this.#timers.add(timer);
  }

  #lost(way: string, error: unknown): void {
    const run = this.#runs.get(way);
    if (!run || run.dropped || this.#over) return;
    this.#lastError = error instanceof Error ? error : new Error(String(error));
    this.context.progress(`${run.namespace} (${run.reach}) did not connect`, this.#lastError, run.namespace);
    this.#take({ type: "lost", way });
  }

  // ---- one way

  #know(way: string, of: Pick<Run, "namespace" | "reach" | "offer">): void {
    const announced = deferred<void>();
    announced.promise.catch(() => undefined); // those that wait to send an info hear of it
    const onClose = (): void => this.#lost(way, new BalconyError("connection-lost", "It broke before it was chosen."));
    this.#runs.set(way, { ...of, attempt: undefined, side: undefined, stop: new AbortController(), announced, connection: undefined, onClose, dropped: false });
  }

  async #prepare(way: string): Promise<void> {
    const run = this.#runs.get(way);
    const transport = run && this.known.get(run.namespace);
    if (!run || !transport) throw new BalconyError("internal", "A way that nobody knows.");
    try {
      run.attempt = transport.attempt(this.#contextOf(run, way));
      run.side = await (run.offer ? run.attempt.answer(run.offer) : run.attempt.offer());
      this.#take({ type: "prepared", way });
    } catch (error) {
      this.#lost(way, error);
    }
  }

  #contextOf(run: Run, way: string): TransportContext {
    const { addresses } = this.context;
    const narrowed: AddressPolicy = addresses.paths === "any" && run.reach === "direct" ? { ...addresses, paths: "direct" } : addresses;
    return {
      ...this.context,
      addresses: narrowed,
      reach: addresses.paths === "any" && run.reach === "relayed" && !run.offer ? "relayed" : undefined,
      progress: (text, error) => this.context.progress(text, error, run.namespace),
      sendInfo: async (transport) => {
        await run.announced.promise;
        await this.context.sendInfo(writeTransport([writeItem("info", { way }, transport)]));
      },
    };
  }

  async #connect(way: string): Promise<void> {
    const run = this.#runs.get(way);
    if (!run?.attempt) return;
    this.context.progress(`connecting by ${run.namespace} (${run.reach})`, undefined, run.namespace);
    try {
      const connection = await run.attempt.connect(run.stop.signal);
      for (const { bytes } of all(connection)) bytes.on("error", () => undefined); // until somebody owns them
      run.connection = connection;
      if (run.dropped) this.#drop(way);
      else {
        connection.bytes.once("close", run.onClose);
        this.#take({ type: "connected", way });
      }
    } catch (error) {
      this.#lost(way, error);
    }
  }

  #drop(way: string): void {
    const run = this.#runs.get(way);
    if (!run) return;
    const { attempt, connection } = run;
    connection?.bytes.off("close", run.onClose);
    run.dropped = true;
    run.connection = undefined;
    const error = new BalconyError("closed", "The transport's time is over.");
    run.announced.reject(error);
    run.stop.abort(error);
    attempt?.abort();
    for (const { bytes } of all(connection)) bytes.destroy();
  }

  // ---- what the peer is told

  #tell(what: "offer" | "answer" | "failed" | "chosen", way: string): void {
    const run = this.#runs.get(way);
    const item = what === "failed" || what === "chosen" ? writeItem(what, { way }) : writeItem(what, { way, reach: what === "offer" ? run?.reach : undefined }, run?.side);
    // The session hears of a refusal by itself.
    if (this.#first) this.#first.push(item);
    else this.context.sendInfo(writeTransport([item])).catch(() => undefined);
    if (what === "offer" || what === "answer") run?.announced.resolve();
  }

  /** The first element goes once there is something to say, and no answer to what came in the peer's first is lacking. */
  #compose(): void {
    if (!this.#first || this.#first.length === 0 || !this.#opening || this.#state.ways.some(({ phase }) => this.#state.side === "answerer" && phase === "preparing")) return;
    this.#opening.resolve(writeTransport(this.#first));
    this.#first = undefined;
  }

  // ---- the end

  #finish(way: string): void {
    const run = this.#runs.get(way);
    const connection = run?.connection;
    if (!run || !connection || !this.#connecting) return;
    connection.bytes.off("close", run.onClose);
    run.connection = undefined; // its owner's from now on
    this.#over = true;
    this.#clear();
    const { namespace: transport } = run;
    this.#connecting.resolve({ ...connection, transport, others: connection.others?.map((other) => ({ ...other, transport })) });
  }

  #failure(): BalconyError {
    return new BalconyError("failed-transport", "None of the ways that were tried side by side led to the peer.", { cause: this.#lastError });
  }

  #end(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#clear();
    for (const [way, { attempt, dropped, namespace, reach }] of this.#runs) {
      if (attempt && !dropped) this.context.progress(`${namespace} (${reach}) did not connect`, new BalconyError("timeout", "It was given up with the others."), namespace);
      this.#drop(way);
    }
    this.#opening?.reject(error);
    this.#connecting?.reject(error);
  }

  #clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}

/** Whoever waits for it hears how it ends; where its elements are malformed nobody does. */
function opening(): Deferred<Element> {
  const made = deferred<Element>();
  made.promise.catch(() => undefined);
  return made;
}

const all = (connection: Connection | undefined): readonly Connection[] => (connection ? [connection, ...(connection.others ?? [])] : []);
