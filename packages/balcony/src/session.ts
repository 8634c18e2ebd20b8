import { EventEmitter } from "node:events";
import { BalconyError, type StanzaChannel, type WaitOptions } from "@balcony/channel";
import type { ESession } from "@balcony/esessions";
import type { Session as JingleSession, Reason } from "@balcony/jingle";
import type { Decision, Device, Statement } from "@balcony/trust";
import type { Element, Jid } from "@balcony/xml";
import { type IqCallee, type IqCaller, iqCallee, iqCaller } from "./client-shape.js";
import { type IntroductionParts, Introductions } from "./devices/introductions.js";
import { type JID, jid } from "./jid.js";
import type { Logging, LogPreference } from "./logging.js";
import type { Security } from "./security.js";
import type { Ceremony } from "./verification/ceremony.js";
import { CodeVerification } from "./verification/code-verification.js";
import { canBeVerified, Restriction, type RestrictionParts } from "./verification/restriction.js";
import { Verification, type VerificationParts, type VerificationRequest, type VerifyOptions } from "./verification/verification.js";

/** `online` from the start, `closing` while the closing handshake runs, `offline` for good. */
export type SessionStatus = "online" | "closing" | "offline";

export interface SessionEvents {
  /** Each stanza from the peer, IQs too, as @xmpp/client has it. `from` and `to` are full JIDs and vouched for. */
  stanza: [stanza: Element];
  /** The same, under @xmpp/client's other name. */
  element: [element: Element];
  status: [status: SessionStatus];
  /** The other person asks to verify each other. Without a listener they are told that this client cannot. */
  verification: [request: VerificationRequest];
  /** Both sides accept each other's key now: what was there for a verification alone is a session like any other. */
  unrestricted: [];
  /** `security` has changed: the peer's key is verified now, or not any more. */
  security: [security: Security];
  /** The peer has said something of a key, over its signature, and it was heeded: one more device of theirs, a key that takes the place of another, one that is refused from now on. */
  statement: [statement: Statement];
  /** Why the session ended, where it was not closed properly. Only sent if somebody listens. */
  error: [error: BalconyError];
  /** The session has ended. Exactly once. */
  close: [];
}

export interface CodeOptions {
  /** As the person has typed it, in any case and with whatever between its parts; or the `xmpp:` URI that was scanned. */
  readonly code: string;
  readonly signal?: AbortSignal;
}

/** Stanzas under end-to-end encryption: an XML stream, or an ESession. */
export interface SecuredStanzas extends StanzaChannel {
  /** Sees each stanza that comes in, IQs too, before anybody acts on it. */
  observer: ((stanza: Element) => void) | undefined;
  /** Looks at each stanza and request before it is sent, whichever way it was handed in; what it throws refuses it. Answers to requests of the peer's do not pass it. */
  guard: ((stanza: Element) => void) | undefined;
  /** Looks at each stanza and request that comes in, before anybody else; the error that it gives is the answer. Needed only where a session may be restricted. */
  gate?: ((stanza: Element) => BalconyError | undefined) | undefined;
  /** Lets come in what was held until now. */
  deliver(): void;
  /** Holds what comes in from now on, until `deliver()`. */
  hold(): void;
}

/** What open() and accept() hand over once everything stands. */
export interface SessionParts {
  readonly stream: SecuredStanzas;
  /** What carries it, and ends with it. */
  readonly jingle: Pick<JingleSession, "peer" | "role" | "terminate">;
  readonly security: Security;
  /** What both have said about transcripts; left out where nothing was said. */
  readonly logging?: Logging | undefined;
  /** Without a binding where the peer has no key that could be verified. */
  readonly verification: Omit<VerificationParts, "binding"> & Partial<Pick<VerificationParts, "binding">>;
  /** Undefined where the peer has no key that could be verified. */
  readonly introductions?: IntroductionParts | undefined;
  /** Set where one side does not accept the other's key yet. */
  readonly restriction?: RestrictionParts | undefined;
  /** Of an ESession alone. */
  readonly renegotiate?: ESession["renegotiate"];
  /** Told of what a handler of the application's threw. */
  readonly report: (error: unknown) => void;
}

/**
 * An end-to-end stream with one peer. It has @xmpp/client's own `send`, `sendMany`, `iqCaller`, `iqCallee`, `jid`, `status` and events, so that a function
 * written for one runs on the other.
 */
export class Session extends EventEmitter<SessionEvents> {
  /** Our own full address. */
  readonly jid: JID;
  /** The peer's full address, in normal form. */
  readonly peer: Jid;
  /** Whether we opened it. Where both sides called at once there is one session, and one of the two opened it. */
  readonly role: "initiator" | "responder";
  readonly iqCaller: IqCaller;
  readonly iqCallee: IqCallee;
  /** What both sides have said about transcripts before anything else: an application that keeps one looks at `agreed` first. */
  readonly logging: Logging;
  /** The stream as a StanzaChannel: what Jingle or any other protocol of ours runs on. */
  readonly channel: StanzaChannel;
  #status: SessionStatus = "online";
  #security: Security;
  readonly #verification: Verification | undefined;
  readonly #introductions: Introductions | undefined;
  /** Why we do not go on, where it is the peer's key. */
  #refused: BalconyError | undefined;
  readonly #report: (error: unknown) => void;
  readonly #codes: CodeVerification | undefined;
  readonly #restriction: Restriction | undefined;
  readonly #renegotiate: SessionParts["renegotiate"];
  readonly #jingle: SessionParts["jingle"];
  readonly #ended: Promise<void>;

  constructor({ stream, jingle, security, verification, introductions, logging, renegotiate, restriction, report }: SessionParts) {
    super();
    this.jid = jid(stream.self);
    this.peer = jingle.peer;
    this.role = jingle.role;
    this.logging = logging ?? { ours: "may", theirs: undefined, agreed: undefined };
    this.#security = security;
    this.channel = stream;
    this.#renegotiate = renegotiate;
    this.#jingle = jingle;
    this.iqCaller = iqCaller(stream);
    this.iqCallee = iqCallee(stream);
    this.#report = report;
    const { binding } = verification;
    const keyed = binding && { ...verification, binding };
    this.#verification = keyed && this.#verifying(stream, keyed, report);
    this.#codes = keyed && new CodeVerification(stream, keyed, async (device) => await this.#verified(device), this.peer);
    this.#restriction = restriction && new Restriction(stream, restriction, this.peer, () => this.emit("unrestricted"), report);
    // Here, where every way of sending meets: send(), iqCaller, the channel and whatever is narrowed from it.
    stream.guard = (stanza) => {
      verification.ceremonies.check(stanza);
      this.#restriction?.checkOutgoing(stanza);
    };
    if (this.#restriction) stream.gate = (stanza) => this.#restriction?.refusal(stanza);
    this.#introductions = introductions && this.#introducing(stream, introductions, report);
    stream.observer = (stanza) => {
      try {
        this.emit("element", stanza);
        this.emit("stanza", stanza);
      } catch (error) {
        report(error); // a defect in a handler must not end the stream, nor the process
      }
    };
    // Whoever gets the session adds handlers in the turn in which they get it; nothing comes in before.
    setImmediate(() => {
      stream.deliver();
      if (this.#security.trust === "verified") this.#trusted();
    });
    this.#ended = new Promise<void>((resolve) => {
      if (stream.closed.aborted) resolve();
      else stream.closed.addEventListener("abort", () => resolve(), { once: true });
    }).then(() => this.#over(stream));
  }

  #verifying(stream: SecuredStanzas, parts: VerificationParts, report: (error: unknown) => void): Verification {
    const listeners = {
      listening: () => this.listenerCount("verification") > 0,
      asked: (request: VerificationRequest) => this.emit("verification", request),
      verified: async (device: Device) => await this.#verified(device),
      report,
    };
    return new Verification(stream, parts, listeners, this.peer);
  }

  #introducing(stream: SecuredStanzas, parts: IntroductionParts, report: (error: unknown) => void): Introductions {
    const listeners = {
      verified: () => this.#security.trust === "verified",
      heeded: (statement: Statement) => void this.emit("statement", statement),
      report,
    };
    return new Introductions(stream, this.peer, parts, listeners);
  }

  async #verified({ verified }: Device): Promise<void> {
    await this.#restriction?.verified();
    this.#judged("verified", verified, this.#security.alerts);
  }

  #judged(trust: Security["trust"], verified: Security["verified"], alerts: Security["alerts"]): void {
    const { verified: _, ...rest } = this.#security;
    this.#security = { ...rest, trust, alerts, ...(trust === "verified" && verified && { verified }) };
    this.emit("security", this.#security);
    if (trust === "verified") this.#trusted();
  }

  #trusted(): void {
    this.#introductions?.trusted().catch((error: unknown) => {
      // A peer that knows no such statements is told nothing, and a stream that has ended needs no more words about it.
      if (error instanceof BalconyError && (error.condition === "service-unavailable" || this.#status !== "online")) return;
      this.#report(error);
    });
  }

  /** @internal What `decide()` says of the peer's key now, where something was said about it. A key that is blocked by now ends the session at once. */
  reviewed(decision: Decision, refusal: (code: "key-changed" | "key-revoked" | "not-trusted" | "too-many-devices") => BalconyError): void {
    if (this.#status === "offline" || this.#refused) return;
    if (decision.action === "accept") {
      if (decision.trust !== this.#security.trust) this.#judged(decision.trust, decision.verification, decision.alerts);
      return;
    }
    if (this.restricted && canBeVerified(decision.code)) return; // that is what it is there to settle
    this.#refused = refusal(decision.code);
    this.#jingle.terminate("security-error").catch(this.#report); // nothing more is read of what a refused key sends
  }

  get status(): SessionStatus {
    return this.#status;
  }

  /**
   * Is there only a verification to be had? One side does not accept the other's key before it is verified: until then everything else that is sent fails with `verification-required`, here and at the
   * other end. `unrestricted` tells when that is over.
   */
  get restricted(): boolean {
    return this.#restriction?.stands ?? false;
  }

  /** What protects the session, and whether the peer's key is verified. */
  get security(): Security {
    return this.#security;
  }

  /**
   * Two people verify each other: both are asked, then both see the same symbols, or one reads numbers aloud and the other types them. Takes the other person's request, where there
   * is one. docs/xep-e2e-verification.md has the protocol.
   * @returns once there is something to compare; what the person says about it goes to the ceremony's `confirm()` or `differ()`
   * @throws `verification-busy`, `verification-cancelled`, `verification-unsupported`, `verification-violation`, `guesses-spent`, `commitment-mismatch`, `reflection`, `address-mismatch`,
   * `timeout` after 10 minutes, `aborted`, `closed`, `connection-lost`, and what the store throws
   */
  async verify(options?: VerifyOptions): Promise<Ceremony>;
  /**
   * Verifies by a code that the other person's `invite()` has made, and that reached this one by voice, on paper or by a QR code: nothing has to be compared. A code has one try, here and there.
   * @returns what protects the session from now on, once both sides have proved to know the code
   * @throws `code-invalid`, `invalid-jid`, `address-mismatch` for what cannot be tried, before anything is sent; `code-unknown`, where nothing is used up; `code-wrong`, `code-spent`,
   * `guesses-spent`, and all of the other form
   */
  async verify(options: CodeOptions): Promise<Security>;
  async verify(options: VerifyOptions | CodeOptions = {}): Promise<Ceremony | Security> {
    if (!this.#verification || !this.#codes) {
      throw new BalconyError("verification-unsupported", `The client of ${this.peer} knows no verification.`, {
        phase: "trust",
        peer: this.peer,
        ...(this.#security.peer && { hint: "Compare its key's fingerprint, by another way." }),
      });
    }
    if (!("code" in options)) return await this.#verification.verify(options);
    await this.#codes.verify(options.code, options.signal);
    return this.#security;
  }

  /**
   * Tells the peer of a key of our own account's: that it is another device of ours, or that it is to be refused for good. Over our signature; their client heeds it if they have verified this device's
   * key. A key that the store knows as verified for our own address, or as revoked, is told by itself in every session with a verified peer. docs/xep-e2e-devices.md
   * @param said `subject`: SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits
   * @throws `not-trusted` where the peer's key is not verified; `stanza-error` where its client knows no such statements, or finds this one wrong; `timeout`, `closed`, `connection-lost`
   */
  async tellOfDevice(said: { readonly kind: "vouch" | "revoke"; readonly subject: string }): Promise<void> {
    if (!this.#introductions || this.#security.trust !== "verified") {
      throw new BalconyError("not-trusted", `Of our devices only verified peers are told, and ${this.peer} is not.`, { phase: "trust", peer: this.peer });
    }
    await this.#introductions.tell(said);
  }

  /**
   * Agrees anew, while an ESession goes on, on whether either side may keep a transcript (XEP-0155 §6): `security.esession.logging` has what holds.
   * @throws `invalid-argument` in a stream, whose `logging` stays as it was said at first; `declined` and `stanza-error`, after which holds what was agreed on before; `tie-break` where the other side has
   * just asked; `timeout`, `aborted`, `closed`; `esession-options` where it agreed to something else, which ends the session
   */
  async renegotiate(wanted: { readonly logging: LogPreference } & WaitOptions): Promise<void> {
    if (!this.#renegotiate) throw new BalconyError("invalid-argument", "Only an ESession is renegotiated.", { peer: this.peer });
    await this.#renegotiate(wanted);
  }

  /**
   * Sends one stanza to the peer. Resolves once the layer below has room for more.
   * @throws `closed`, `connection-lost`, `invalid-argument` for what is no stanza or cannot be written as XML, `resource-constraint` where too much waits,
   * `verification-open` for one that tells what is being compared, `verification-required` while the session is `restricted`
   */
  async send(stanza: Element): Promise<void> {
    await this.channel.send(stanza);
  }

  /** Sends stanzas in their order. */
  async sendMany(stanzas: Iterable<Element>): Promise<void> {
    const sent = [...stanzas].map((stanza) => this.send(stanza));
    await Promise.all(sent);
  }

  /** Closes the stream on both sides, then the Jingle session. What was sent before arrives. Resolves when all of it is done or its deadline has passed. */
  async close(): Promise<void> {
    if (this.#status === "online") {
      this.#to("closing");
      await this.channel.close();
    }
    await this.#ended;
  }

  /** The stream is over, one way or the other: its bytes are closed on both sides, then the Jingle session that carried them (XEP-0247 §2). */
  async #over(stream: SecuredStanzas): Promise<void> {
    const reason = this.#refused ?? stream.closed.reason;
    const proper = reason.code === "closed";
    if (proper && this.#status === "online") this.#to("closing");
    if (proper) await stream.close();
    const told = this.#jingle.terminate(...terminationFor(reason));
    if (proper) await told; // where something broke, nobody waits for an answer that may never come
    this.#to("offline");
    if (!proper && this.listenerCount("error") > 0) this.emit("error", reason);
    this.emit("close");
  }

  #to(status: SessionStatus): void {
    this.#status = status;
    this.emit("status", status);
  }
}

/** How the end of a stream is told in Jingle (XEP-0166 §7.4). */
function terminationFor({ code }: BalconyError): [reason: Reason, text?: string] {
  if (code === "closed") return ["success"];
  if (code === "key-revoked" || code === "key-changed") return ["security-error"];
  if (code === "connection-lost" || code === "truncated" || code === "peer-dead") return ["connectivity-error", code];
  return ["failed-application", code];
}
