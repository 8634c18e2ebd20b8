import { bare } from "@balcony/xml";
import { confirm, isCancel } from "@clack/prompts";
import type { IncomingOffer, Session } from "balcony";
import { address, goOnline } from "./connect.js";
import { aborted, type Interrupt, onInterrupt } from "./interrupt.js";
import type { StreamOptions } from "./options.js";
import { makeOutput, type Output } from "./output.js";
import { printable } from "./printable.js";
import { tellProgress } from "./progress.js";
import { isPipe, run, tellClosing } from "./run.js";
import { canAsk } from "./secrets.js";

export interface ListenOptions extends StreamOptions {
  readonly allow: readonly string[];
  readonly yes: boolean;
  readonly once: boolean;
}

/** `balcony listen` */
export async function listenCommand(options: ListenOptions): Promise<void> {
  const allowed = new Set(options.allow.map(address));
  const output = makeOutput(options);
  const interrupt = onInterrupt(() => tellClosing(output));
  const door = new Door(output, interrupt, options, allowed);
  try {
    const online = await goOnline(options, output, {
      signal: interrupt.signal,
      e2e: { policy: { allow: door.allows, accept: door.accepts, fallback: options.streamsOnly ? "never" : () => true } },
    });
    online.e2e.on("progress", tellProgress(output, options));
    online.e2e.on("error", (error) => output.fail(error));
    online.e2e.on("session", door.enter);
    if (options.jsonInput || (!isPipe() && !output.json)) online.e2e.on("restricted", door.enter); // verifying takes somebody who answers
    const others =
      allowed.size > 0
        ? `${[...allowed].map(printable).join(", ")} may come as well. To everybody else you look offline.`
        : "To everybody else you look offline; --allow JID lets them in.";
    const words = `listening, until Ctrl-C; your contacts come by: balcony open ${printable(online.self)}\n${others}`;
    output.tell({ event: "listening", address: online.self, allow: [...allowed] }, words);
    try {
      await serve(door, output, interrupt, { once: options.once || (isPipe() && !output.json), jsonInput: options.jsonInput });
    } finally {
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}

/** Sessions one after another, since they share one terminal or one pipe. */
async function serve(door: Door, output: Output, interrupt: Interrupt, { jsonInput, once }: { readonly once: boolean; readonly jsonInput: boolean | undefined }): Promise<void> {
  for (;;) {
    const session = await door.next();
    if (!session) return;
    const served = run(session, output, interrupt, { jsonInput }).finally(() => door.free());
    if (once) return await served;
    await served.catch((error: unknown) => output.fail(error));
  }
}

/** Who may come in, one at a time. */
class Door {
  readonly #waiting: Session[] = [];
  #wake = (): void => undefined;
  /** Whom the terminal belongs to; its next question waits for this. */
  #asked: Promise<unknown> = Promise.resolve();
  #taken: Session | undefined;

  constructor(
    private readonly output: Output,
    private readonly interrupt: Interrupt,
    private readonly options: ListenOptions,
    private readonly allowed: ReadonlySet<string>,
  ) {}

  readonly allows = (jid: string): boolean => this.allowed.has(jid) || this.allowed.has(bare(jid));

  readonly accepts = async (offer: IncomingOffer): Promise<boolean> => {
    if (this.#turnedAway(offer)) return false;
    if (this.allows(offer.peer) || offer.known || this.options.yes) return true;
    if (!canAsk() || isPipe()) {
      this.output.tell({ event: "declined", peer: offer.peer, why: "not-allowed" }, `${printable(offer.peer)} was declined: not among those --allow names`, "warning");
      return false;
    }
    const answer = this.#asked.then(async () => !offer.signal.aborted && !this.#turnedAway(offer) && (await this.#ask(offer)));
    this.#asked = answer.catch(() => undefined); // whoever offered hears of it; the next question need not
    return await answer;
  };

  readonly enter = (session: Session): void => {
    if (session === this.#taken || this.#waiting.includes(session)) return; // it was here for a verification, and is a session like any other now
    this.#waiting.push(session);
    this.#wake();
  };

  free(): void {
    this.#taken = undefined;
  }

  /** The next session; undefined after Ctrl-C. */
  async next(): Promise<Session | undefined> {
    const { signal } = this.interrupt;
    while (this.#waiting.length === 0 && !signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([woken, aborted(signal)]);
    }
    this.#taken = signal.aborted ? undefined : this.#waiting.shift();
    return this.#taken;
  }

  /** While one session goes on, others are declined: nobody would see what they say. */
  #turnedAway({ peer }: IncomingOffer): boolean {
    if (!this.#taken) return false;
    this.output.tell({ event: "declined", peer, why: "busy" }, `${printable(peer)} wanted to open a stream, and was declined: one at a time`, "warning");
    return true;
  }

  async #ask({ peer, protocol, signal }: IncomingOffer): Promise<boolean> {
    const what = protocol === "ESession" ? "an ESession with you, which is less than an end-to-end stream" : "a stream with you";
    const question = `${printable(peer)} wants to open ${what}. Take it?`;
    const answer = await confirm({ message: question, initialValue: false, output: process.stderr, signal });
    if (isCancel(answer) && !signal.aborted) this.interrupt.press(); // Ctrl-C, which the prompt reads as a key
    return !isCancel(answer) && answer;
  }
}
