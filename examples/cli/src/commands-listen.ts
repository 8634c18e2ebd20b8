import { type BalconyError, withDeadline } from "@balcony/channel";
import { bare } from "@balcony/xml";
import { confirm, isCancel } from "@clack/prompts";
import type { IncomingOffer, Session } from "balcony";
import { address, goOnline } from "./connect.js";
import { aborted, type Interrupt, onInterrupt } from "./interrupt.js";
import type { StreamOptions } from "./options.js";
import { makeOutput, type Output } from "./output.js";
import { printable } from "./printable.js";
import { tellProgress } from "./progress.js";
import { isPipe, type RunOptions, run, tellClosing } from "./run.js";
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
    online.e2e.on("error", (error) => {
      door.failed(error);
      output.fail(error);
    });
    online.e2e.on("session", door.enter);
    if (options.jsonInput || (!isPipe() && !output.json)) online.e2e.on("restricted", door.enter); // verifying takes somebody who answers
    const others =
      allowed.size > 0
        ? `${[...allowed].map(printable).join(", ")} may come as well. To everybody else you look offline.`
        : "To everybody else you look offline; --allow JID lets them in.";
    const words = `listening, until Ctrl-C; your contacts come by: balcony open ${printable(online.self)}\n${others}`;
    output.tell({ event: "listening", address: online.self, allow: [...allowed] }, words);
    try {
      const upgrade = { e2e: online.e2e, policy: options.upgrade };
      await serve(door, output, interrupt, { once: options.once || (isPipe() && !output.json), jsonInput: options.jsonInput, upgrade });
    } finally {
      await online.close();
    }
  } finally {
    interrupt.release();
  }
}

/** Sessions one after another, since they share one terminal or one pipe. */
async function serve(door: Door, output: Output, interrupt: Interrupt, { once, ...options }: RunOptions & { readonly once: boolean }): Promise<void> {
  for (;;) {
    const session = await door.next();
    if (!session) return;
    const served = run(session, output, interrupt, options).finally(() => door.free());
    if (!once) await served.catch((error: unknown) => output.fail(error));
    else {
      await served;
      if (!(await door.goesOn(session))) return;
    }
  }
}

/** Milliseconds for the stream in which somebody goes on to stand, once their ESession has ended. */
const FOLLOWING = 15_000;

/** Who may come in, one at a time. */
class Door {
  readonly #waiting: Session[] = [];
  #wake = (): void => undefined;
  /** Whom the terminal belongs to; its next question waits for this. */
  #asked: Promise<unknown> = Promise.resolve();
  #taken: Session | undefined;
  /** Who is here in an ESession and opens a stream to go on in. */
  #following: string | undefined;

  constructor(
    private readonly output: Output,
    private readonly interrupt: Interrupt,
    private readonly options: ListenOptions,
    private readonly allowed: ReadonlySet<string>,
  ) {}

  readonly allows = (jid: string): boolean => this.allowed.has(jid) || this.allowed.has(bare(jid));

  readonly accepts = async (offer: IncomingOffer): Promise<boolean> => {
    if (this.#isUpgrade(offer)) {
      this.#following = offer.peer;
      return true;
    }
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
    if (session.peer === this.#following) this.#following = undefined;
    if (session === this.#taken || this.#waiting.includes(session)) return; // it was here for a verification, and is a session like any other now
    this.#waiting.push(session);
    this.#wake();
  };

  /** A stream that was being opened to us has failed. */
  readonly failed = ({ peer }: BalconyError): void => {
    if (peer === undefined || peer !== this.#following) return;
    this.#following = undefined;
    this.#wake();
  };

  /** Does whoever was here in an ESession go on in a stream? The other side has it a moment before we do. */
  async goesOn({ peer }: Session): Promise<boolean> {
    const { signal } = this.interrupt;
    const settled = async (): Promise<void> => {
      while (this.#following === peer) await this.#woken();
    };
    await withDeadline(settled(), { timeout: FOLLOWING, signal, waitingFor: `${peer} to go on in a stream` }).catch(() => undefined); // then it is over
    return this.#waiting.some((session) => session.peer === peer);
  }

  free(): void {
    this.#taken = undefined;
  }

  /** The next session; undefined after Ctrl-C. */
  async next(): Promise<Session | undefined> {
    const { signal } = this.interrupt;
    while (this.#waiting.length === 0 && !signal.aborted) {
      await Promise.race([this.#woken(), aborted(signal)]);
    }
    this.#taken = signal.aborted ? undefined : this.#waiting.shift();
    return this.#taken;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** A stream from whoever is here in an ESession, which ends once that stands. Not where bytes go through a pipe: they stay in one session. */
  #isUpgrade({ peer, protocol }: IncomingOffer): boolean {
    const taken = this.#taken;
    const inPieces = this.output.json || !isPipe();
    return inPieces && protocol === "TLSv1.3" && taken?.peer === peer && taken.security.protocol === "ESession" && taken.status === "online";
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
