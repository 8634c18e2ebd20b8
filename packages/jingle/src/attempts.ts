import { BalconyError } from "@balcony/channel";
import type { Element } from "@balcony/xml";
import type { AddressPolicy } from "./address-policy.js";
import { deferred } from "./deferred.js";
import type { Connection, Transport, TransportAttempt, TransportContext } from "./plugins.js";
import type { Way } from "./ways.js";

/** What an attempt tells the machine, without the attempt's number. */
export type News =
  | { readonly type: "prepared" | "answered"; readonly transport: Element }
  | { readonly type: "unprepared" | "unanswered" | "failed"; readonly error: Error }
  | { readonly type: "connected" };

export interface AttemptsOptions {
  readonly transports: ReadonlyMap<string, Transport>;
  readonly context: Pick<TransportContext, "channel" | "role" | "sid" | "servers" | "progress">;
  /** Asked as each attempt begins. */
  readonly addresses: () => AddressPolicy;
  /** ms for the present attempt to be prepared or answered, and then again to connect; Infinity for none of its own. */
  readonly deadline: (reach: Way["reach"]) => number;
  /** Sends a transport-info; resolves once it is acknowledged. */
  readonly sendInfo: (number: number, transport: Element) => Promise<void>;
  readonly tell: (number: number, news: News) => void;
  readonly report: (error: unknown) => void;
}

/** What is told of an attempt that takes too long. */
type Late = Extract<News, { error: Error }>["type"];

interface Running {
  readonly number: number;
  readonly namespace: string;
  readonly reach: Way["reach"];
  readonly attempt: TransportAttempt;
  readonly stop: AbortController;
  /** Resolves once the peer has been sent our side of it: no transport-info goes before. */
  readonly announced: ReturnType<typeof deferred<void>>;
  /** What ends the present part of it where that takes too long. Not while the peer is waited for, which may ask a person. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The attempts of one session to connect a transport, one after another, and the connections they have brought. */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #connections = new Map<number, Connection>();
  #running: Running | undefined;

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  /** Begins an attempt by offering: `prepared` or `unprepared`. */
  prepare(number: number, { namespace, reach }: Way): void {
    const work = async () => await this.#begin(number, { namespace, reach }, "unprepared").offer();
    work().then(
      (transport) => this.#options.tell(number, { type: "prepared", transport }),
      (error: unknown) => this.#failed(number, namespace, { type: "unprepared", error: asError(error) }),
    );
  }

  /** Begins an attempt by answering; what was held goes right behind the offer: `answered` or `unanswered`. */
  answer(number: number, { namespace, offer, held }: { readonly namespace: string; readonly offer: Element; readonly held: readonly Element[] }): void {
    const work = async () => {
      const attempt = this.#begin(number, { namespace }, "unanswered");
      const answer = attempt.answer(offer);
      try {
        for (const info of held) attempt.info(info);
      } catch (error) {
        answer.catch(() => undefined); // the first error counts
        throw error;
      }
      return await answer;
    };
    work().then(
      (transport) => this.#options.tell(number, { type: "answered", transport }),
      (error: unknown) => this.#failed(number, namespace, { type: "unanswered", error: asError(error) }),
    );
  }

  /** The peer has been sent our offer or answer: from now on transport-infos may go. */
  announced(): void {
    clearTimeout(this.#running?.timer);
    this.#running?.announced.resolve();
  }

  /** Throws a stanza error where the peer's answer is malformed. */
  accepted(answer: Element): void {
    this.#running?.attempt.accepted(answer);
  }

  /** Throws a stanza error where the peer's transport-info is malformed. */
  info(transport: Element): void {
    this.#running?.attempt.info(transport);
  }

  /** `connected` or `failed`. */
  connect(number: number): void {
    const running = this.#running;
    if (!running) return;
    const { attempt, namespace, stop } = running;
    this.#limit(running, "failed");
    this.#options.context.progress(`connecting by ${namespace}`);
    const work = async () => await attempt.connect(stop.signal);
    work().then(
      (connection) => {
        // Bytes may fail before their owner listens, and a peer may time that: without a listener the process would end. The owner finds them destroyed.
        for (const { bytes } of all(connection)) bytes.on("error", () => undefined);
        this.#connections.set(number, connection);
        this.#options.tell(number, { type: "connected" });
      },
      (error: unknown) => this.#failed(number, namespace, { type: "failed", error: asError(error) }),
    );
  }

  connection(number: number): Connection | undefined {
    return this.#connections.get(number);
  }

  /** The connection stays, or this one of those that came with it; the present attempt has no deadline any more. */
  settle(number: number, taken: Connection | undefined): void {
    clearTimeout(this.#running?.timer);
    const present = this.#connections.get(number);
    const kept = taken ?? present;
    if (!present || !kept) return;
    for (const one of all(present)) if (one.bytes !== kept.bytes) one.bytes.destroy();
    this.#connections.set(number, { bytes: kept.bytes, path: kept.path, transport: present.transport });
  }

  /** Lets go of the present attempt, but not of a connection that it has brought. */
  abort(): void {
    const running = this.#running;
    this.#running = undefined;
    if (!running) return;
    clearTimeout(running.timer);
    const error = new BalconyError("closed", "The transport's time is over.");
    running.announced.reject(error);
    running.stop.abort(error);
    try {
      running.attempt.abort();
    } catch (defect) {
      this.#options.report(defect);
    }
  }

  /** Destroys the bytes of an attempt that nobody waits for any more. */
  discard(number: number): void {
    for (const { bytes } of all(this.#connections.get(number))) bytes.destroy();
    this.#connections.delete(number);
  }

  /** Destroys what is left of all bytes. */
  destroy(error: BalconyError | undefined): void {
    for (const connection of this.#connections.values()) for (const { bytes } of all(connection)) bytes.destroy(error);
    this.#connections.clear();
  }

  #begin(number: number, { namespace, reach }: Way, late: Late): TransportAttempt {
    const transport = this.#options.transports.get(namespace);
    if (!transport) throw new BalconyError("unsupported-transports", `No transport ${namespace} is known.`);
    const announced = deferred<void>();
    announced.promise.catch(() => undefined); // those that wait to send a transport-info hear of it
    const addresses = this.#options.addresses();
    const attempt = transport.attempt({
      ...this.#options.context,
      addresses: reach === "direct" ? { ...addresses, paths: "direct" } : addresses,
      reach: reach === "relayed" ? reach : undefined,
      sendInfo: async (element) => {
        await announced.promise;
        await this.#options.sendInfo(number, element);
      },
    });
    this.#running = { number, namespace, reach, attempt, stop: new AbortController(), announced, timer: undefined };
    this.#limit(this.#running, late);
    return attempt;
  }

  #limit(running: Running, late: Late): void {
    clearTimeout(running.timer);
    const timeout = this.#options.deadline(running.reach);
    if (timeout === Number.POSITIVE_INFINITY) return;
    const { number, namespace } = running;
    const expire = (): void => this.#failed(number, namespace, { type: late, error: new BalconyError("timeout", `Waited ${Math.round(timeout / 100) / 10} s for it.`) });
    running.timer = setTimeout(expire, timeout);
  }

  #failed(number: number, namespace: string, news: Extract<News, { error: Error }>): void {
    // What was aborted has not failed.
    if (this.#running?.number === number) this.#options.context.progress(`${namespace} ${failures[news.type]}`, news.error);
    this.#options.tell(number, news);
  }
}

const failures = { unprepared: "could not be prepared", unanswered: "could not be answered", failed: "did not connect" } as const;

const all = (connection: Connection | undefined): readonly Connection[] => (connection ? [connection, ...(connection.others ?? [])] : []);

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
