import { BalconyError, type StanzaChannel, stanzaError, withDeadline } from "@balcony/channel";
import type { Code, CodeMessage, Device } from "@balcony/trust";
import { bare, type Element, type Jid, xml } from "@balcony/xml";
import { CodeRun } from "./code-run.js";
import { codeMessageNames, readCodeMessage, writeCodeMessage } from "./code-stanzas.js";
import { rejection } from "./errors.js";
import { type OpenInvitation, readCode } from "./invitations.js";
import { NS_VERIFICATION } from "./stanzas.js";
import type { VerificationParts } from "./verification.js";

/** Milliseconds, beyond which a run has ended of itself. */
const LIFE = 60_000;

/** What codes run on. */
interface Holding extends StanzaChannel {
  hold(): void;
  deliver(): void;
}

/** Codes within one session, one at a time. */
export class CodeVerification {
  #current: CodeRun | undefined;
  /** What waited when the peer asked, and what the run of now has used up. */
  #waiting: OpenInvitation | undefined;
  #used: OpenInvitation | undefined;
  readonly #self: Jid;
  readonly #peer: Jid;

  constructor(
    private readonly channel: Holding,
    private readonly parts: VerificationParts,
    private readonly verified: (device: Device) => Promise<void>,
    private readonly peer: Jid,
  ) {
    this.#self = bare(channel.self);
    this.#peer = bare(peer);
    for (const name of codeMessageNames) channel.onRequest({ type: "set", name, xmlns: NS_VERIFICATION }, ({ payload }) => this.#receive(payload));
    channel.closed.addEventListener("abort", () => this.#current?.lost(), { once: true });
  }

  /** Tries the code that the person has typed or scanned. Resolves once the peer has proved to know it, and has heard that we do. */
  async verify(typed: string, signal?: AbortSignal): Promise<void> {
    const code = readCode(typed, this.peer);
    const run = this.#begin();
    if (!run) throw new BalconyError("verification-busy", `A verification with ${this.#peer} is open already.`, { phase: "trust", peer: this.peer });
    run.ask(code);
    try {
      await withDeadline(run.ended, { timeout: LIFE, signal, waitingFor: `${this.#peer} to try the code` });
    } catch (error) {
      run.cancel();
      throw error;
    }
    if (run.failure) throw run.failure;
  }

  #receive(payload: Element): undefined | Promise<undefined> {
    const message = readCodeMessage(payload);
    const waiting = message.type === "code-request" ? this.parts.ceremonies.invitations.waitingFor(this.#peer) : undefined;
    if (message.type === "code-request" && (!this.#current || this.#current.over)) {
      if (!waiting) throw stanzaError("item-not-found");
      if (!this.#begin()) throw stanzaError("resource-constraint");
    }
    if (waiting) this.#waiting = waiting;
    const run = this.#current;
    if (!run?.receive(message, waiting?.code)) throw stanzaError("item-not-found");
    return message.type === "code-tag" ? answered(run) : undefined;
  }

  #begin(): CodeRun | undefined {
    const { binding, ceremonies, store } = this.parts;
    const { ctx, ekm, role, spki } = binding;
    let run: CodeRun | undefined;
    if (!ceremonies.begin(this.#peer, { cancel: () => run?.cancel(), secret: undefined })) return undefined;
    this.#waiting = undefined;
    this.#used = undefined;
    run = new CodeRun({
      context: { role, self: this.#self, peer: this.#peer, ctx, ekm },
      send: async (message) => {
        const options = message.type === "code-tag" ? { onResult: () => this.#handOver() } : {};
        await this.channel.request(xml("iq", { type: "set" }, writeCodeMessage(message)), options);
      },
      rejection: rejectionOf,
      spend: async (code) => {
        await store.spendCode(this.#self, this.#peer, code);
        this.#use(code);
      },
      save: async (code) => await this.verified(await store.confirmCode(this.#self, this.#peer, spki, code)),
      over: (failure) => {
        ceremonies.end(this.#peer);
        if (failure) this.#used?.fail(failure);
        else this.#used?.accept(this.channel);
      },
    });
    this.#current = run;
    return run;
  }

  /** Whoever waits for the verification adds handlers in the turn in which it ends, and the peer may say something right behind its answer. */
  #handOver(): void {
    this.channel.hold();
    setImmediate(() => this.channel.deliver());
  }

  /** The invitation whose code this is has had its one try. */
  #use(code: Code): void {
    if (this.#waiting?.code.text !== code.text) return;
    this.#used = this.#waiting;
    this.#used.use();
  }
}

/** The peer hears that we have its tag once what it proves is kept: from then on both sides are verified. */
async function answered(run: CodeRun): Promise<undefined> {
  await run.ended;
  if (run.failure) throw stanzaError("not-acceptable");
  return undefined;
}

function rejectionOf(error: unknown, message: CodeMessage): BalconyError["code"] {
  const code = rejection(error);
  return code === "verification-cancelled" && message.type === "code-request" ? "code-unknown" : code;
}
