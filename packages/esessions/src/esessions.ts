import { answersItself, BalconyError, notMine, randomId, readAddress, type StanzaChannel, type Unsubscribe, type WaitOptions, withDeadline } from "@balcony/channel";
import { bare, type Element, isFull, type Jid, type Limits, serialize, XmlError } from "@balcony/xml";
import type { Arithmetic, Crypto } from "./crypto.js";
import { envelope, formIn, isOffline, no, threadOf, wrapForm } from "./envelope.js";
import { isEncrypted } from "./foreign-stanza.js";
import { allowedGroups, defaultGroups } from "./groups.js";
import { type InitiatorState, stepInitiator } from "./initiator.js";
import { ciphers } from "./keys.js";
import { NS_ENCRYPTED } from "./namespaces.js";
import { type Keys, type Negotiation, negotiate } from "./negotiating.js";
import type { Given, Outcome, Step } from "./negotiation.js";
import type { Messages, Parameters, StanzaKind } from "./parameters.js";
import { defaultRekeyTimes, type RekeyTimes } from "./rekeying.js";
import type { Renegotiate } from "./renegotiation.js";
import { type ResponderState, stepResponder } from "./responder.js";
import { type RetainedSecret, retain } from "./retained-secrets.js";
import { ESession } from "./session.js";

/** Where retained secrets lie. By the peer's bare address. */
export interface SecretStore {
  list(peer: Jid): Promise<readonly RetainedSecret[]>;
  /** Resolves once it is kept. Other negotiations, and other processes, may have changed them since `list()`: what is given to `next` is what is there now. */
  change(peer: Jid, next: (secrets: readonly RetainedSecret[]) => readonly RetainedSecret[]): Promise<void>;
}

/** Secrets that end with the process. */
export function memorySecrets(): SecretStore {
  const all = new Map<Jid, readonly RetainedSecret[]>();
  return {
    list: (peer) => Promise.resolve(all.get(peer) ?? []),
    change: (peer, next) => {
      all.set(peer, next(all.get(peer) ?? []));
      return Promise.resolve();
    },
  };
}

export type Verdict = boolean | "decline" | "ignore";

export interface ESessionsOptions {
  readonly crypto: Crypto;
  readonly arithmetic: Arithmetic;
  readonly secrets: SecretStore;
  /**
   * May this address have a session? `ignore`, as `false`, is for those who may not know that we are there: nothing is computed, and nothing sent. `decline` tells them. May ask the
   * person; the signal is aborted when the time of the negotiation is up.
   */
  readonly accept: (peer: Jid, signal: AbortSignal) => Verdict | Promise<Verdict>;
  /** Somebody has opened a session to us. What comes in on it waits for its `deliver()`. */
  readonly onSession: (session: ESession) => void;
  readonly report: (error: unknown) => void;
  /** Needed where `parameters` ask for, or offer, an identification by key. */
  readonly keys?: Keys;
  /** Asked where the other side wants less, in a session that stands, than was agreed on. Without it nobody gets that. */
  readonly renegotiate?: Renegotiate;
  /**
   * A secret that was agreed on outside with this bare address (XEP-0116, "Other Shared Secret"), for four messages in either role: without the same one no session comes about.
   * Whoever opens a session to us can try words against it at home, so that a short one protects nothing.
   */
  readonly otherSecret?: (peer: Jid) => Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /** Default: groups 14 to 16, every cipher, no logging if possible, four messages, no identification by key, both settings. Groups 17 and 18 may be listed; 1, 2 and 5 throw. */
  readonly parameters?: Partial<Parameters>;
  readonly limits?: Partial<Limits>;
  /** When new keys are agreed on. Default: after 4,096 stanzas of ours, and every ten minutes in which anything was said. */
  readonly rekeyAfter?: Partial<RekeyTimes>;
  /** Milliseconds for a whole negotiation. Default 30,000. */
  readonly timeout?: number;
}

export interface InitiateOptions extends WaitOptions {
  /** A secret agreed outside, in the place of the one that `ESessionsOptions.otherSecret` gives. */
  readonly otherSecret?: Uint8Array;
  /** How many messages the negotiation takes. Default 4: three are for services that everybody knows (XEP-0116 §4), and leave out the string, retained and other secrets. */
  readonly messages?: Messages;
}

const defaults: Parameters = {
  groups: defaultGroups,
  ciphers,
  logging: ["mustnot", "may"],
  settings: ["strict", "deployed"],
  rekeyFrequency: 1,
  messages: [4],
  identify: ["none"],
  require: ["none"],
  wholeStanzas: true,
  stanzas: ["message"],
};
const TIMEOUT = 30_000;
const MOST_PER_PEER = 4;
const MOST_PENDING = 64;

/** The ESessions of one client: seals its connection to a peer, and answers those who want to seal theirs. */
export class ESessions {
  readonly #channel: StanzaChannel;
  readonly #options: ESessionsOptions;
  readonly #parameters: Parameters;
  readonly #sessions = new Map<string, ESession>();
  readonly #negotiations = new Map<string, Negotiation>();
  /** By account, the thread that has its presence and requests: they name none themselves, and of two sessions nobody could say whose they are. */
  readonly #threadless = new Map<Jid, string>();
  readonly #subscriptions: readonly Unsubscribe[];
  readonly #onClosed = (): void => {
    for (const session of [...this.#sessions.values()]) session.lost(this.#channel.closed.reason);
  };

  /** @throws `invalid-argument` for parameters that name a group that is never used, or an identification for which there are no keys */
  constructor(channel: StanzaChannel, options: ESessionsOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#parameters = { ...defaults, ...options.parameters };
    const refused = this.#parameters.groups.filter((group) => !allowedGroups.includes(group));
    if (refused.length > 0) throw new BalconyError("invalid-argument", `MODP group ${refused.join(", ")} is never used.`);
    if (!this.#parameters.stanzas.includes("message")) throw new BalconyError("invalid-argument", "Messages are always among what is encrypted: everything else hangs on them.");
    if (!options.keys && [...this.#parameters.identify, ...this.#parameters.require].some((method) => method !== "none")) {
      throw new BalconyError("invalid-argument", "An identification by key needs `keys`.");
    }
    this.#subscriptions = [
      channel.onStanza(({ stanza, from }) => this.#received(stanza, from)),
      ...(["get", "set"] as const).map((type) =>
        channel.onRequest({ type, name: "c", xmlns: NS_ENCRYPTED }, ({ stanza, from }) => (this.#carried("iq", stanza, from) ? answersItself : notMine)),
      ),
    ];
    channel.closed.addEventListener("abort", this.#onClosed, { once: true });
  }

  /**
   * Seals the channel to a peer (XEP-0116).
   * @param peer full or bare; the resource that answers is the one
   * @throws `esession-options`, `esession-check`, `esession-form`, `declined`, `stanza-error`, `reflection`, `not-trusted` and what `keys.trust` throws, `key-unacceptable`, `timeout`,
   *   `aborted`, `closed`; `invalid-argument` for three messages without an identification by key, or with an other secret
   */
  async initiate(peer: Jid, options: InitiateOptions = {}): Promise<ESession> {
    return await this.#initiate(peer, options, undefined);
  }

  /**
   * Sends one message under keys of its own, with nothing that lasts: in a negotiation of three messages whose last form holds it and ends the session (XEP-0116, "Sending Alice's Identity"). Only to a peer that
   * takes three, with an identification by key of both sides.
   * @returns once it is sent; nobody says that it was read
   * @throws what `initiate()` does
   */
  async sendOnce(peer: Jid, message: Element, options: WaitOptions = {}): Promise<void> {
    if (message.name !== "message" || message.attrs.type === "error") throw new BalconyError("invalid-argument", "What is sent by itself is a message, and no error.");
    writable(message); // what cannot be sent is told before anybody is asked for anything
    const session = await this.#initiate(peer, { ...options, messages: 3 }, message);
    session.lost(new BalconyError("closed", "The session was for one stanza.", { peer: session.peer }));
  }

  async #initiate(peer: Jid, { messages = 4, otherSecret, signal, timeout = this.#options.timeout ?? TIMEOUT }: InitiateOptions, single: Element | undefined): Promise<ESession> {
    if (messages === 3) this.#mayBeThree(otherSecret);
    const address = readAddress(peer);
    const thread = randomId();
    const given = {
      ...(await this.#given(
        bare(address),
        this.#parametersFor(bare(address), thread),
        otherSecret ?? (messages === 4 ? await this.#options.otherSecret?.(bare(address)) : undefined),
      )),
      terminates: single !== undefined,
    };
    const { arithmetic, keys } = this.#options;
    let negotiation: Negotiation | undefined;
    const established = new Promise<ESession>((resolve, reject) => {
      let state: InitiatorState = { at: "idle" };
      negotiation = negotiate({
        thread,
        account: bare(address),
        address,
        given,
        step: (event) => {
          const next: Step<InitiatorState> = stepInitiator(given, state, event);
          state = next.state;
          return next.effects;
        },
        begin: { messages },
        arithmetic,
        keys,
        send: (stanza) => this.#channel.send(stanza),
        establish: (from, outcome, early) => this.#establish(from, thread, "initiator", outcome, early),
        beside: single && ((session) => session.sealBeside(single)),
        done: resolve,
        failed: reject,
      });
      this.#negotiations.set(thread, negotiation);
    });
    const onClosed = () => negotiation?.abandon(this.#channel.closed.reason);
    this.#channel.closed.addEventListener("abort", onClosed, { once: true });
    try {
      return await withDeadline(established, { timeout, signal, waitingFor: `${address} to negotiate an ESession` });
    } catch (error) {
      negotiation?.abandon(asError(error));
      this.#drop(thread, asError(error));
      throw error;
    } finally {
      this.#channel.closed.removeEventListener("abort", onClosed);
      this.#negotiations.delete(thread);
      this.#settled(bare(address), thread);
    }
  }

  #mayBeThree(otherSecret: Uint8Array | undefined): void {
    const { identify, require } = this.#parameters;
    const byKey = [identify, require].every((methods) => methods.some((method) => method !== "none"));
    if (!byKey) throw new BalconyError("invalid-argument", "A negotiation of three messages needs an identification by key of both sides (XEP-0116 §4.3).");
    if (otherSecret) throw new BalconyError("invalid-argument", "A negotiation of three messages has no place for an other shared secret (XEP-0116 §4.7.3).");
  }

  /** Ends every session properly, and takes no more. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map((session) => session.close()));
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#channel.closed.removeEventListener("abort", this.#onClosed);
  }

  #received(stanza: Element, from: Jid): boolean | undefined {
    if (stanza.name === "presence") return this.#carried("presence", stanza, from);
    if (stanza.name !== "message") return undefined;
    const thread = threadOf(stanza);
    if (thread === undefined || !isFull(from)) return undefined;
    const session = this.#sessions.get(key(from, thread));
    if (session) {
      session.receive(stanza);
      return true;
    }
    const found = formIn(stanza);
    const negotiation = this.#negotiations.get(thread);
    if (negotiation && (negotiation.peer === undefined ? negotiation.account === bare(from) : negotiation.peer === from)) {
      negotiation.receive(stanza, from);
      return true;
    }
    if (negotiation && negotiation.account === bare(from) && found?.form.attrs.type === "submit") {
      // A message to a resource that has gone is given to every other one: the first to answer is it, and each other is told.
      this.#send(from, thread, no("result"), "feature");
      return true;
    }
    if (isOffline(stanza)) return undefined; // XEP-0187: for whoever takes those
    if (stanza.getChild("c", NS_ENCRYPTED)) return true; // of a thread nobody knows: nothing is said, and nothing shown
    if (!found || stanza.attrs.type === "error" || (found.form.attrs.type ?? "form") !== "form") return undefined;
    if (stanza.getChild("delay", "urn:xmpp:delay")) return true; // it was stored: any answer would tell that we were away
    this.#offered(stanza, from, thread).catch((error: unknown) => this.#options.report(error));
    return true;
  }

  async #offered(stanza: Element, from: Jid, thread: string): Promise<void> {
    const pending = [...this.#negotiations.values()];
    if (this.#negotiations.has(thread) || pending.length >= MOST_PENDING || pending.filter(({ account }) => account === bare(from)).length >= MOST_PER_PEER) return;
    // From here on it counts, however long the person takes.
    this.#negotiations.set(thread, { thread, account: bare(from), peer: from, receive: () => undefined, abandon: () => undefined });
    const ending = new AbortController();
    let negotiation: Negotiation | undefined;
    const over = () => {
      clearTimeout(timer);
      this.#channel.closed.removeEventListener("abort", over);
      this.#negotiations.delete(thread);
      this.#settled(bare(from), thread);
      ending.abort();
    };
    const { timeout = TIMEOUT } = this.#options;
    const timer = setTimeout(() => {
      over();
      negotiation?.abandon(new BalconyError("timeout", `${from} has not completed the ESession that it began, within ${timeout} ms.`, { phase: "negotiate", peer: from }));
    }, timeout);
    this.#channel.closed.addEventListener("abort", over, { once: true });
    let given: Given;
    try {
      const verdict = await this.#options.accept(from, ending.signal);
      if (ending.signal.aborted) return;
      if (verdict === "decline") this.#send(from, thread, no("submit"), "feature");
      if (verdict !== true) {
        over();
        return;
      }
      given = await this.#given(bare(from), this.#parametersFor(bare(from), thread), await this.#options.otherSecret?.(bare(from)));
    } catch (error) {
      over();
      throw error;
    }
    let state: ResponderState = { at: "idle" };
    const { arithmetic, keys } = this.#options;
    negotiation = negotiate({
      thread,
      account: bare(from),
      peer: from,
      address: from,
      given,
      step: (event) => {
        const next: Step<ResponderState> = stepResponder(given, state, event);
        state = next.state;
        return next.effects;
      },
      begin: stanza,
      arithmetic,
      keys,
      send: (answer) => this.#channel.send(answer),
      establish: (peer, outcome, early) => this.#establish(peer, thread, "responder", outcome, early),
      done: (session) => {
        over();
        this.#options.onSession(session);
      },
      failed: (error) => {
        over();
        this.#drop(thread, error);
        this.#options.report(error);
      },
    });
    this.#negotiations.set(thread, negotiation);
  }

  async #establish(peer: Jid, thread: string, role: "initiator" | "responder", outcome: Outcome, early: readonly Element[]): Promise<ESession> {
    const { arithmetic, crypto, keys, limits = {}, rekeyAfter, renegotiate, report, secrets } = this.#options;
    const session = new ESession({
      wide: this.#channel,
      peer,
      thread,
      role,
      outcome,
      ownKey: outcome.chosen.identification[role] === "none" ? undefined : keys?.signer.publicKey,
      crypto,
      arithmetic,
      limits,
      rekeyAfter: { ...defaultRekeyTimes, ...rekeyAfter },
      renegotiate,
      report,
      onEnd: () => {
        this.#sessions.delete(key(peer, thread));
        this.#settled(bare(peer), thread);
      },
    });
    this.#sessions.set(key(peer, thread), session);
    for (const stanza of early) session.receive(stanza);
    const { fresh, shared } = outcome;
    try {
      if (fresh) await secrets.change(bare(peer), (now) => retain(now, shared, fresh));
    } catch (error) {
      session.lost(asError(error));
      throw error;
    }
    return session;
  }

  /** A negotiation that failed when its session was there already, as the last form could not be sent: nobody will ever get it. */
  #drop(thread: string, error: BalconyError): void {
    for (const session of [...this.#sessions.values()]) if (session.thread === thread) session.lost(error);
  }

  /** Encrypted presence, or an encrypted request. */
  #carried(kind: StanzaKind, stanza: Element, from: Jid): boolean {
    if (!isEncrypted(stanza)) return false;
    const session = [...this.#sessions.values()].find(({ peer, thread }) => peer === from && this.#threadless.get(bare(peer)) === thread);
    if (!session?.carries(kind)) return false;
    session.receive(stanza);
    return true;
  }

  #parametersFor(account: Jid, thread: string): Parameters {
    if (this.#parameters.stanzas.length === 1) return this.#parameters;
    if (this.#threadless.has(account)) return { ...this.#parameters, stanzas: ["message"] };
    this.#threadless.set(account, thread);
    return this.#parameters;
  }

  /** A negotiation is over, or a session: has it presence and requests? Otherwise the next one may. */
  #settled(account: Jid, thread: string): void {
    if (this.#threadless.get(account) !== thread) return;
    const stands = [...this.#sessions.values()].some((session) => session.thread === thread && (session.carries("presence") || session.carries("iq")));
    if (!stands) this.#threadless.delete(account);
  }

  async #given(account: Jid, parameters: Parameters, otherSecret: Uint8Array | undefined): Promise<Given> {
    const { arithmetic, crypto, keys, secrets } = this.#options;
    const exponents = new Map<number, Uint8Array>();
    for (const group of parameters.groups) {
      const exponent = crypto.random(64);
      exponent[0] = (exponent[0] ?? 0) | 0x80; // 2²ⁿ < x, with n = 128
      exponents.set(group, exponent);
    }
    return {
      crypto,
      parameters,
      prime: (group) => arithmetic.prime(group),
      nonce: crypto.random(16),
      exponents,
      counter: crypto.random(16),
      decoys: [crypto.random(32), crypto.random(32), crypto.random(32)],
      secrets: await secrets.list(account),
      otherSecret,
      publicKey: keys?.signer.publicKey,
    };
  }

  #send(to: Jid, thread: string, form: Element, wrapper: "feature" | "init"): void {
    this.#channel.send(envelope(to, thread, wrapForm(form, wrapper))).catch((error: unknown) => this.#options.report(error));
  }
}

/** @throws `invalid-argument` for what cannot be written as XML */
function writable(stanza: Element): void {
  try {
    serialize(stanza);
  } catch (error) {
    throw error instanceof XmlError ? new BalconyError("invalid-argument", error.message, { cause: error }) : error;
  }
}

const asError = (error: unknown): BalconyError => (error instanceof BalconyError ? error : new BalconyError("internal", String(error), { phase: "negotiate", cause: error }));

const key = (peer: Jid, thread: string): string => `${peer}\n${thread}`;
