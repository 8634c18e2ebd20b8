import { Buffer } from "node:buffer";
import { BalconyError, type ErrorCode, readStanzaError, type StanzaChannel, StanzaRouter, withDeadline, writeStanzaError } from "@balcony/channel";
import { bare, childElements, clone, type Element, type Jid, type Limits, parseElement, serialize, XmlError, xml } from "@balcony/xml";
import { type Binding, bindingOf } from "./binding.js";
import type { Arithmetic, Crypto } from "./crypto.js";
import { readEncrypted } from "./encrypted-content.js";
import { envelope, formIn, wrapForm } from "./envelope.js";
import { flag, readForm, writeForm } from "./form.js";
import { NS_CLIENT, NS_ENCRYPTED, NS_SSN } from "./namespaces.js";
import { compatibilityOf, type Outcome } from "./negotiation.js";
import { equal, wipe } from "./octets.js";
import { type Opened, StanzaCipher } from "./stanza-cipher.js";

/** Milliseconds to wait for the other side to acknowledge the end. */
const ACKNOWLEDGEMENT = 5_000;
/** Stanzas that may wait while a re-key is computed, or for `deliver()`. */
const MOST_WAITING = 1_024;

/** When a session agrees on new keys by itself, where the frequency that was negotiated allows it. */
export interface RekeyTimes {
  /** Stanzas that we have sent since the last time. */
  readonly stanzas: number;
  /** Milliseconds, if anything was sent or received in them. */
  readonly time: number;
}

export const defaultRekeyTimes: RekeyTimes = Object.freeze({ stanzas: 4_096, time: 10 * 60_000 });

export interface SessionOptions {
  readonly wide: StanzaChannel;
  readonly peer: Jid;
  readonly thread: string;
  readonly role: "initiator" | "responder";
  readonly outcome: Outcome;
  readonly crypto: Crypto;
  readonly arithmetic: Arithmetic;
  readonly limits: Partial<Limits>;
  readonly rekeyAfter: RekeyTimes;
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
  };
  /** Sees each stanza that was decrypted, before anybody acts on it. */
  observer: ((stanza: Element) => void) | undefined;
  /** Looks at each stanza and request before it is sent; what it throws refuses it. Answers to the peer's requests do not pass it. */
  guard: ((stanza: Element) => void) | undefined;
  readonly #options: SessionOptions;
  readonly #channel: StanzaRouter;
  readonly #cipher: StanzaCipher;
  readonly #waiting: Element[] = [];
  /** What may pass; undefined: not even decryption has begun. */
  #admits: ((stanza: Element) => boolean) | undefined;
  /** Decrypted, and held. */
  readonly #ready: Element[] = [];
  #computing = false;
  #over = false;
  #bound = false;
  /** Stanzas in both directions since our last re-key, and of those ours. */
  #exchanged = 0;
  #sent = 0;
  #rekeying = false;
  readonly #rekeyTimer: ReturnType<typeof setInterval>;
  #acknowledged: (() => void) | undefined;

  constructor(options: SessionOptions) {
    const { crypto, outcome, peer, report, role, thread, wide } = options;
    this.#options = options;
    this.peer = peer;
    this.thread = thread;
    this.role = role;
    const { chosen } = outcome;
    this.security = {
      protocol: "ESession",
      cipher: chosen.cipher,
      group: chosen.group,
      setting: chosen.setting,
      balcony: chosen.balcony,
      logging: chosen.logging,
      sas: chosen.balcony ? undefined : outcome.sas,
      retained: outcome.retained,
    };
    this.#cipher = new StanzaCipher(crypto, outcome.established);
    this.#rekeyTimer = setInterval(() => this.#rekeyInTime(), options.rekeyAfter.time);
    this.#rekeyTimer.unref();
    this.#channel = new StanzaRouter({ self: wide.self, peer, transmit: (stanza) => this.#transmit(stanza), shutdown: () => this.#terminate(), report });
  }

  /** Stanzas of any kind with another Balcony, messages alone with anybody else. */
  get channel(): StanzaChannel {
    return this.#channel;
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

  /** Ends the session on both sides. */
  async close(): Promise<void> {
    await this.#channel.close();
  }

  /** XEP-0200 §8: as regularly as possible. A key that is known later opens no more than what was sent under it. */
  #rekeyInTime(): void {
    if (this.#rekeying || this.#over || this.#exchanged < this.#options.outcome.chosen.rekeyFrequency || !this.#cipher.mayRekey) return;
    this.#rekeying = true;
    this.rekey()
      .catch((error: unknown) => {
        if (!this.#channel.closed.aborted) this.#options.report(error);
      })
      .finally(() => {
        this.#rekeying = false;
      });
  }

  /**
   * Agrees on new keys, with a stanza that is sent for that alone.
   * @throws `resource-constraint` before as many stanzas were exchanged as was agreed, or while too many re-keys are under way; `closed`
   */
  async rekey(): Promise<void> {
    const { arithmetic, crypto, outcome } = this.#options;
    if (this.#exchanged < outcome.chosen.rekeyFrequency) {
      throw new BalconyError("resource-constraint", `A re-key may come after ${outcome.chosen.rekeyFrequency} stanzas, as was agreed.`, { phase: "session", peer: this.peer });
    }
    for (;;) {
      this.#channel.closed.throwIfAborted();
      if (!this.#cipher.mayRekey)
        throw new BalconyError("resource-constraint", "The peer has not been heard to have seen the last re-keys.", { phase: "session", peer: this.peer });
      const { group } = outcome.chosen;
      const exponent = crypto.random(64);
      exponent[0] = (exponent[0] ?? 0) | 0x80;
      const against = this.#cipher.peerPublic;
      const [publicValue, power] = await arithmetic.powers([
        { group, exponent },
        { group, base: against, exponent },
      ]);
      this.#channel.closed.throwIfAborted();
      const c = publicValue && power && this.#cipher.seal(undefined, { against, exponent, publicValue, power });
      if (!c) continue; // the peer has re-keyed meanwhile
      this.#exchanged = 0;
      this.#sent = 0;
      await this.#options.wide.send(envelope(this.peer, this.thread, c));
      return;
    }
  }

  async #transmit(stanza: Element): Promise<void> {
    if (this.#over) throw new BalconyError("closed", "The session has ended.", { peer: this.peer });
    if (this.#cipher.exhausted)
      throw this.#end(new BalconyError("resource-constraint", "The session's key has encrypted as much as it may.", { phase: "session", peer: this.peer }));
    if (stanza.attrs.type !== "result" && stanza.attrs.type !== "error") this.guard?.(stanza);
    await this.#send(this.#plaintext(stanza));
  }

  async #send(plaintext: string): Promise<void> {
    const c = this.#cipher.seal(plaintext);
    this.#exchanged++;
    this.#sent++;
    if (this.#sent >= this.#options.rekeyAfter.stanzas) this.#rekeyInTime();
    // Nothing may come between seal() and this call: what is sent out of order ends the session.
    if (c) await this.#options.wide.send(envelope(this.peer, this.thread, c));
  }

  /** The whole stanza without its addresses, or with somebody else than a Balcony what is in a message. */
  #plaintext(stanza: Element): string {
    try {
      const addressed = stanza.attrs.from !== undefined || stanza.attrs.to !== undefined;
      const copy = addressed ? clone(stanza) : stanza;
      if (addressed) {
        delete copy.attrs.from;
        delete copy.attrs.to;
      }
      if (this.security.balcony) return serialize(copy, { parentNamespace: NS_CLIENT });
      if (copy.name !== "message") throw new BalconyError("invalid-argument", `Only messages are encrypted in this session, and this is <${copy.name}/>.`);
      return childElements(copy)
        .filter((child) => child.getName() !== "thread")
        .map((child) => serialize(child, { parentNamespace: NS_CLIENT }))
        .join("");
    } catch (error) {
      throw error instanceof XmlError ? new BalconyError("invalid-argument", error.message, { cause: error }) : error;
    }
  }

  /** Takes a message of this peer on this thread. Each is ours: what is not encrypted is refused. */
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
      const stanza = this.#waiting.shift();
      if (!stanza) return;
      try {
        this.#take(stanza);
      } catch (error) {
        this.#end(asBalconyError(error, this.peer));
        if (stanza.getChild("c", NS_ENCRYPTED) && stanza.attrs.type !== "error") this.#refuse();
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
    const c = stanza.getChild("c", NS_ENCRYPTED);
    if (stanza.attrs.type === "error") {
      const cause = readStanzaError(stanza);
      if (cause.condition === "not-acceptable") {
        throw new BalconyError("ended-unverified", "The other side says that a stanza could not be verified there; anybody on the way can say so.", { phase: "session", cause });
      }
      throw new BalconyError("peer-unavailable", `An encrypted stanza came back: ${cause.message}.`, { phase: "session", peer: this.peer, cause, condition: cause.condition });
    }
    if (!c) {
      this.#clear(stanza);
      return;
    }
    if (stanza.getChildren("c", NS_ENCRYPTED).length > 1) throw new BalconyError("stanza-malformed", "A stanza holds two <c/> (XEP-0200 §4).", { phase: "session" });
    const opened = this.#cipher.open(readEncrypted(c));
    this.#exchanged++;
    // Only now is it worth looking around: whatever else is in the stanza was in the server's hands, and is dropped.
    if (this.security.balcony && (stanza.attrs.type ?? stanza.attrs.id) !== undefined) {
      throw new BalconyError("tampered", "A server has given an encrypted stanza a type or an id.", { phase: "session", peer: this.peer });
    }
    if (opened.rekey) this.#accept(opened.rekey);
    if (opened.plaintext) this.#deliver(this.#parse(opened.plaintext));
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

  #parse(plaintext: Uint8Array): Element {
    const { limits } = this.#options;
    const text = Buffer.from(plaintext);
    const element = this.security.balcony
      ? parseElement(text, limits)
      : parseElement(Buffer.concat([Buffer.from(`<message xmlns='${NS_CLIENT}'>`), text, Buffer.from("</message>")]), limits);
    if (element.attrs.xmlns === undefined) element.attrs.xmlns = NS_CLIENT;
    if (!["message", "presence", "iq"].includes(element.name) || element.getNS() !== NS_CLIENT) {
      throw new BalconyError("unsupported-stanza-type", `The peer encrypted <${element.name}/>, which is no stanza.`, { phase: "session", peer: this.peer });
    }
    if (element.attrs.from !== undefined || element.attrs.to !== undefined) {
      throw new BalconyError("invalid-from", "An encrypted stanza carries an address.", { phase: "session", peer: this.peer });
    }
    element.attrs.from = this.peer;
    element.attrs.to = this.#options.wide.self;
    return element;
  }

  #deliver(stanza: Element): void {
    const found = stanza.name === "message" ? formIn(stanza) : undefined;
    const form = found && readForm(found.form);
    if (form && flag(form, "terminate") === true) {
      this.#terminated(form.type);
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
    await this.#send(this.#plaintext(xml("message", {}, wrapForm(form("submit"), "feature"))));
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
    this.#send(this.#plaintext(xml("message", {}, wrapForm(form, "feature")))).catch((error: unknown) => this.#options.report(error));
    this.#end(reason);
  }

  /** The session is over for whatever reason: its keys are gone. */
  #end(reason: BalconyError): BalconyError {
    if (this.#over) return reason;
    this.#over = true;
    clearInterval(this.#rekeyTimer);
    this.#waiting.length = 0;
    this.#cipher.wipe();
    wipe(this.#options.outcome.finalSecret);
    this.#channel.end(reason);
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
