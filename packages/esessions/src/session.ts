import { BalconyError, type ErrorCode, readStanzaError, type StanzaChannel, StanzaRouter, type WaitOptions, withDeadline, writeStanzaError } from "@balcony/channel";
import { bare, type Element, type Jid, type Limits, parseElement, XmlError, xml } from "@balcony/xml";
import { type Binding, bindingOf } from "./binding.js";
import type { Arithmetic, Crypto, RsaKey } from "./crypto.js";
import { readEncrypted } from "./encrypted-content.js";
import { envelope, formIn, wrapForm } from "./envelope.js";
import { findEncrypted, stanzaContents } from "./foreign-stanza.js";
import { flag, readForm, writeForm } from "./form.js";
import { NS_ENCRYPTED, NS_SSN } from "./namespaces.js";
import { compatibilityOf, type Outcome } from "./negotiation.js";
import { equal, wipe } from "./octets.js";
import type { Logging, StanzaKind } from "./parameters.js";
import { Rekeying, type RekeyTimes } from "./rekeying.js";
import { type Renegotiate, Renegotiation } from "./renegotiation.js";
import { type Opened, StanzaCipher } from "./stanza-cipher.js";
import { wholeStanzas } from "./whole-stanza.js";
import type { Wrapping } from "./wrapping.js";

/** Milliseconds to wait for the other side to acknowledge the end. */
const ACKNOWLEDGEMENT = 5_000;
/** Milliseconds after which the answer to an encrypted request counts no more, whatever the one who asked thinks. */
const ANSWER = 10 * 60_000;
/** Stanzas that may wait while a re-key is computed, or for `deliver()`. */
const MOST_WAITING = 1_024;

export interface SessionOptions {
  readonly wide: StanzaChannel;
  readonly peer: Jid;
  readonly thread: string;
  readonly role: "initiator" | "responder";
  readonly outcome: Outcome;
  /** By which we identified ourselves. */
  readonly ownKey?: RsaKey | undefined;
  readonly crypto: Crypto;
  readonly arithmetic: Arithmetic;
  readonly limits: Partial<Limits>;
  readonly rekeyAfter: RekeyTimes;
  /** Blocks under one key, where a test must come to the end of them. */
  readonly mostBlocks?: number | undefined;
  readonly renegotiate?: Renegotiate | undefined;
  readonly report: (error: unknown) => void;
  readonly onEnd: () => void;
}

/** An encrypted session with one peer, on one thread. What is sent and received is on `channel`. */
export class ESession {
  readonly peer: Jid;
  readonly thread: string;
  readonly role: "initiator" | "responder";
  /** What it is, in plain words, for whoever shows it. */
  readonly security: {
    readonly protocol: "ESession";
    readonly cipher: string;
    readonly group: number;
    readonly setting: "deployed" | "strict";
    readonly balcony: boolean;
    readonly logging: "may" | "mustnot" | undefined;
    /** Only for comparison with a peer that has nothing else: a man in the middle can make two of them equal. Undefined where the peer is a Balcony. */
    readonly sas: string | undefined;
    /** `missing`: there were retained secrets for this address, and it had none of them. */
    readonly retained: Outcome["retained"];
    /** The RSA key that the peer was identified by, if it was asked for one. */
    readonly peerKey: RsaKey | undefined;
    /** Ours, by which we identified ourselves, if we did. */
    readonly ownKey: RsaKey | undefined;
  };
  /** Sees each stanza that was decrypted, before anybody acts on it. */
  observer: ((stanza: Element) => void) | undefined;
  /** Looks at each stanza and request before it is sent; what it throws refuses it. Answers to the peer's requests do not pass it. */
  guard: ((stanza: Element) => void) | undefined;
  readonly #options: SessionOptions;
  readonly #channel: StanzaRouter;
  readonly #cipher: StanzaCipher;
  readonly #wrapping: Wrapping;
  readonly #rekeying: Rekeying;
  readonly #renegotiation: Renegotiation;
  /** The peer's share of the connection: what asks and answers encrypted requests. */
  readonly #outside: StanzaChannel;
  readonly #waiting: Element[] = [];
  /** What is left to do of a stanza, once the re-key that it began is computed. */
  #rest: (() => void) | undefined;
  /** What may pass; undefined: not even decryption has begun. */
  #admits: ((stanza: Element) => boolean) | undefined;
  /** Decrypted, and held. */
  readonly #ready: Element[] = [];
  #computing = false;
  #over = false;
  #bound = false;
  #acknowledged: (() => void) | undefined;

  constructor(options: SessionOptions) {
    const { crypto, outcome, peer, report, role, thread, wide } = options;
    this.#options = options;
    this.peer = peer;
    this.thread = thread;
    this.role = role;
    const { chosen } = outcome;
    this.#channel = new StanzaRouter({ self: wide.self, peer, transmit: (stanza) => this.#transmit(stanza), shutdown: () => this.#terminate(), report });
    const renegotiation = new Renegotiation({
      peer,
      role,
      logging: chosen.logging,
      allow: options.renegotiate,
      closed: this.#channel.closed,
      send: async (message) => await this.#send(message),
      report,
      broken: (error) => this.#end(error),
    });
    this.#renegotiation = renegotiation;
    this.security = {
      protocol: "ESession",
      cipher: chosen.cipher,
      group: chosen.group,
      setting: chosen.setting,
      balcony: chosen.balcony,
      get logging() {
        return renegotiation.logging;
      },
      sas: chosen.balcony ? undefined : outcome.sas,
      retained: outcome.retained,
      peerKey: outcome.peerKey,
      ownKey: options.ownKey,
    };
    this.#cipher = new StanzaCipher(crypto, outcome.established, options.mostBlocks);
    const parse = (octets: Uint8Array): Element => parseElement(octets, options.limits);
    this.#wrapping = chosen.balcony ? wholeStanzas({ peer, thread, parse }) : stanzaContents({ kinds: chosen.stanzas, peer, thread, parse });
    this.#outside = wide.to(peer);
    this.#rekeying = new Rekeying({
      cipher: this.#cipher,
      crypto,
      arithmetic: options.arithmetic,
      group: chosen.group,
      frequency: chosen.rekeyFrequency,
      after: options.rekeyAfter,
      peer,
      closed: this.#channel.closed,
      send: async (c) => await wide.send(envelope(peer, thread, c)),
      report,
    });
  }

  /** Stanzas of any kind with another Balcony; with anybody else those that were agreed on, which by default are messages alone. */
  get channel(): StanzaChannel {
    return this.#channel;
  }

  /** Which kinds of stanza come encrypted from the peer, as such. Between two Balconies all of them come in messages. */
  carries(kind: StanzaKind): boolean {
    return kind === "message" || (!this.security.balcony && this.#options.outcome.chosen.stanzas.includes(kind));
  }

  /**
   * What came in until now was held; from now on it goes to the handlers.
   * @param only what may pass already; everything else goes on waiting in its order, until `deliver()` is called without
   */
  deliver(only: (stanza: Element) => boolean = everything): void {
    this.#admits = only;
    if (only === everything) for (const stanza of this.#ready.splice(0)) this.#handOver(stanza);
    this.#drain();
  }

  /**
   * What ties this session to the keys of the two devices, and what a ceremony in it runs on (docs/security.md). Can be had once: the secret that it comes from is then destroyed.
   * @param keys SubjectPublicKeyInfo of our device and the peer's, DER
   * @throws `invalid-argument` for a second time, `closed`, `reflection` where both keys are the same
   */
  bind({ own, peer }: { readonly own: Uint8Array; readonly peer: Uint8Array }): Binding {
    const { crypto, outcome, wide } = this.#options;
    if (this.#over) throw new BalconyError("closed", "The session has ended.", { peer: this.peer });
    if (this.#bound) throw new BalconyError("invalid-argument", "The session is bound already.", { peer: this.peer });
    if (equal(own, peer)) throw new BalconyError("reflection", "The peer shows our own key.", { phase: "trust", peer: this.peer });
    this.#bound = true;
    const [ours, theirs] = [bare(wide.self), bare(this.peer)];
    const initiating = this.role === "initiator";
    const binding = bindingOf(crypto, outcome.finalSecret, {
      initiator: initiating ? ours : theirs,
      responder: initiating ? theirs : ours,
      thread: this.thread,
      transcript: outcome.transcript,
      spkiInitiator: initiating ? own : peer,
      spkiResponder: initiating ? peer : own,
    });
    wipe(outcome.finalSecret);
    return binding;
  }

  /**
   * Agrees with the other side, while the session goes on, on whether either may keep a transcript (XEP-0155 §6).
   * @throws `declined` and `stanza-error`, after which holds what was agreed on before; `tie-break` where the other side has just asked; `timeout`, `aborted`, `closed`;
   *   `esession-options` where it agreed to something else, which ends the session
   */
  async renegotiate({ logging, ...wait }: { readonly logging: Logging } & WaitOptions): Promise<void> {
    await this.#renegotiation.ask(logging, wait);
  }

  /** Ends the session on both sides. */
  async close(): Promise<void> {
    await this.#channel.close();
  }

  /**
   * Agrees on new keys, with a stanza that is sent for that alone.
   * @throws `resource-constraint` before as many stanzas were exchanged as was agreed, or while too many re-keys are under way; `closed`
   */
  async rekey(): Promise<void> {
    await this.#rekeying.begin();
  }

  async #transmit(stanza: Element): Promise<void> {
    if (this.#over || this.#options.outcome.terminates) throw new BalconyError("closed", "The session has ended.", { peer: this.peer });
    if (this.#cipher.exhausted)
      throw this.#end(new BalconyError("resource-constraint", "The session's key has encrypted as much as it may.", { phase: "session", peer: this.peer }));
    if (stanza.attrs.type !== "result" && stanza.attrs.type !== "error") this.guard?.(stanza);
    await this.#send(stanza);
  }

  /** The content of a message that goes with the form that completes the negotiation, in its stanza. @throws `invalid-argument` */
  sealBeside(message: Element): Element {
    return this.#seal(this.#takeApart(message).content);
  }

  async #send(stanza: Element): Promise<void> {
    const { content, errorContent, wrap } = this.#takeApart(stanza);
    const [c, errorC] = [this.#seal(content), errorContent === undefined ? undefined : this.#seal(errorContent)];
    // Nothing may come between sealing and this call: what is sent out of order ends the session.
    const outer = wrap(c, errorC);
    if (outer.name !== "iq" || outer.attrs.type === "result" || outer.attrs.type === "error") {
      await this.#options.wide.send(outer);
      return;
    }
    const answered = (answer: Element): void => {
      answer.attrs.id = stanza.attrs.id;
      this.receive(answer);
    };
    // How it ends is told by what comes in; whoever asked has a deadline of their own.
    this.#outside.request(outer, { timeout: ANSWER, onResult: answered, onError: answered }).catch(() => undefined);
  }

  #seal(content: string): Element {
    const c = this.#cipher.seal(content);
    if (!c) throw new BalconyError("internal", "A stanza that does not re-key cannot be void.");
    this.#rekeying.sent();
    return c;
  }

  #takeApart(stanza: Element): ReturnType<Wrapping["takeApart"]> {
    try {
      return this.#wrapping.takeApart(stanza);
    } catch (error) {
      throw error instanceof XmlError ? new BalconyError("invalid-argument", error.message, { cause: error }) : error;
    }
  }

  /** Takes a message of this peer on this thread, or another stanza that it has encrypted. Each is ours: what is not encrypted is refused. */
  receive(stanza: Element): void {
    if (this.#over) return;
    if (this.#waiting.length >= MOST_WAITING) {
      this.#end(new BalconyError("resource-constraint", "Too many encrypted stanzas wait.", { phase: "session", peer: this.peer }));
      return;
    }
    this.#waiting.push(stanza);
    this.#drain();
  }

  #drain(): void {
    while (this.#admits && !this.#computing && !this.#over) {
      const rest = this.#rest;
      this.#rest = undefined;
      const stanza = rest ? undefined : this.#waiting.shift();
      if (!rest && !stanza) {
        if (this.#options.outcome.terminates && this.#admits === everything)
          this.#end(new BalconyError("closed", `${this.peer} began the session for one stanza.`, { peer: this.peer }));
        return;
      }
      try {
        rest?.();
        if (stanza) this.#take(stanza);
      } catch (error) {
        this.#end(asBalconyError(error, this.peer));
        if (stanza?.getChild("c", NS_ENCRYPTED) && stanza.attrs.type !== "error") this.#refuse();
      }
    }
  }

  /** XEP-0200 §7: the other side may be told, so that it does not go on for nothing. */
  #refuse(): void {
    const error = writeStanzaError({ type: "modify", condition: "not-acceptable" });
    const message = xml("message", { to: this.peer, type: "error" }, xml("thread", {}, this.thread), error);
    this.#options.wide.send(message).catch((reason: unknown) => this.#options.report(reason));
  }

  #take(stanza: Element): void {
    const { c, errorC } = findEncrypted(stanza);
    const [first] = [c, errorC].flatMap((one) => one ?? []);
    // What is of type error is one of ours that came back, unless the peer has encrypted it.
    if (stanza.attrs.type === "error" && !(first && this.#wrapping.errors && this.#cipher.verifies(readEncrypted(first)))) throw this.#returned(stanza);
    if (!first) {
      this.#clear(stanza);
      return;
    }
    const content = c && this.#open(c);
    const finish = (): void => {
      const errorContent = errorC && this.#open(errorC);
      // Only now is it worth looking around: whatever else is in the stanza was in the server's hands, and is dropped.
      const whole = this.#wrapping.putTogether(stanza, { content, errorContent });
      if (whole) this.#deliver(whole);
    };
    if (this.#computing && errorC) this.#rest = finish;
    else finish();
  }

  #open(c: Element): Uint8Array | undefined {
    const { plaintext, rekey } = this.#cipher.open(readEncrypted(c));
    this.#rekeying.received();
    if (rekey) this.#accept(rekey);
    return plaintext;
  }

  #returned(stanza: Element): BalconyError {
    const cause = readStanzaError(stanza);
    if (cause.condition === "not-acceptable") {
      return new BalconyError("ended-unverified", "The other side says that a stanza could not be verified there; anybody on the way can say so.", { phase: "session", cause });
    }
    return new BalconyError("peer-unavailable", `An encrypted stanza came back: ${cause.message}.`, { phase: "session", peer: this.peer, cause, condition: cause.condition });
  }

  #accept({ base, exponent }: NonNullable<Opened["rekey"]>): void {
    this.#computing = true;
    this.#options.arithmetic.powers([{ group: this.#options.outcome.chosen.group, base, exponent }]).then(
      ([power]) => {
        this.#computing = false;
        if (this.#over || !power) return;
        this.#cipher.accept(power);
        this.#drain();
      },
      (error: unknown) => this.#end(asBalconyError(error, this.peer)),
    );
  }

  #deliver(stanza: Element): void {
    stanza.attrs.from = this.peer;
    stanza.attrs.to = this.#options.wide.self;
    const found = stanza.name === "message" ? formIn(stanza) : undefined;
    const form = found && readForm(found.form);
    if (form && flag(form, "terminate") === true) {
      this.#terminated(form.type);
      return;
    }
    if (form?.fields.has("renegotiate")) {
      this.#renegotiation.take(stanza, form);
      return;
    }
    if (this.#admits?.(stanza) !== false) {
      this.#handOver(stanza);
      return;
    }
    if (this.#ready.length >= MOST_WAITING) throw new BalconyError("resource-constraint", "Too many stanzas wait.", { phase: "session", peer: this.peer });
    this.#ready.push(stanza);
  }

  #handOver(stanza: Element): void {
    if (this.#channel.closed.aborted) return; // we are waiting for nothing but the acknowledgement
    this.observer?.(stanza);
    if (!this.#channel.receive(stanza, this.peer)) this.#channel.refuse(stanza, this.peer);
  }

  /** What comes in clear on this thread: anybody on the way can have made it. */
  #clear(stanza: Element): void {
    const found = formIn(stanza);
    const form = found && readForm(found.form);
    if (form && flag(form, "terminate") === true && compatibilityOf(this.security.setting).clearTermination) {
      if (form.type === "result") return;
      throw new BalconyError("ended-unverified", "The session was ended by a stanza in clear.", { phase: "session", peer: this.peer });
    }
    // The answer to an encrypted request was taken away with it: the session cannot be what both think.
    if (stanza.name === "iq") throw new BalconyError("tampered", "The answer to an encrypted request came in clear.", { phase: "session", peer: this.peer });
    const error = new BalconyError("tampered", "A stanza came in clear on an encrypted thread, and was refused.", { phase: "session", peer: this.peer });
    this.#options.report(error);
  }

  /** XEP-0116, "ESession Termination". */
  async #terminate(): Promise<void> {
    if (this.#over) return;
    const acknowledged = new Promise<void>((resolve) => {
      this.#acknowledged = resolve;
    });
    await this.#tellEnd();
    this.deliver();
    await withDeadline(acknowledged, { timeout: ACKNOWLEDGEMENT, waitingFor: `${this.peer} to acknowledge the end of the session` }).catch(() => undefined); // it ends either way
    this.#end(new BalconyError("closed", "The session was closed.", { peer: this.peer }));
  }

  /** Ends the session at once: the other side is told, and nobody waits for its answer. For what has failed. */
  async abandon(): Promise<void> {
    if (this.#over) return;
    const told = this.#tellEnd();
    this.#end(new BalconyError("closed", "The session was closed.", { peer: this.peer }));
    await told;
  }

  async #tellEnd(): Promise<void> {
    const form = (type: "submit" | "result") =>
      writeForm(type, [
        ["FORM_TYPE", [NS_SSN]],
        ["terminate", ["1"]],
      ]);
    await this.#send(xml("message", {}, wrapForm(form("submit"), "feature")));
    if (compatibilityOf(this.security.setting).clearTermination && !this.security.balcony) {
      await this.#options.wide.send(envelope(this.peer, this.thread, wrapForm(form("submit"), "feature")));
    }
  }

  #terminated(type: string): void {
    const reason = new BalconyError("closed", `${this.peer} ended the session.`, { peer: this.peer });
    if (this.#acknowledged || type === "result") {
      this.#acknowledged?.();
      this.#end(reason);
      return;
    }
    const form = writeForm("result", [
      ["FORM_TYPE", [NS_SSN]],
      ["terminate", ["1"]],
    ]);
    this.#send(xml("message", {}, wrapForm(form, "feature"))).catch((error: unknown) => this.#options.report(error));
    this.#end(reason);
  }

  /** The session is over for whatever reason: its keys are gone. */
  #end(reason: BalconyError): BalconyError {
    if (this.#over) return reason;
    this.#over = true;
    this.#rekeying.stop();
    this.#waiting.length = 0;
    this.#rest = undefined;
    this.#cipher.wipe();
    wipe(this.#options.outcome.finalSecret);
    this.#channel.end(reason);
    this.#outside.close().catch((error: unknown) => this.#options.report(error));
    this.#acknowledged?.();
    this.#options.onEnd();
    return reason;
  }

  /** The channel below has gone. */
  lost(reason: BalconyError): void {
    this.#end(reason);
  }
}

const everything = (): boolean => true;

function asBalconyError(error: unknown, peer: Jid): BalconyError {
  if (error instanceof BalconyError) return error;
  if (error instanceof XmlError) return new BalconyError(error.condition satisfies ErrorCode, error.message, { phase: "session", peer, cause: error });
  return new BalconyError("internal", error instanceof Error ? error.message : String(error), { phase: "session", peer, cause: error });
}
